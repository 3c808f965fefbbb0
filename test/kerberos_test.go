package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/omnibus-kafka/omnibus/kerberos"
)

const krb5Module = "com.sun.security.auth.module.Krb5LoginModule"

// kerberized is a .properties file for GSSAPI, as Java's client would have it.
func kerberized(login string) string {
	return "security.protocol=SASL_PLAINTEXT\nsasl.kerberos.service.name=kafka\nsasl.jaas.config=" + krb5Module + " required " + login + ";\n"
}

func TestKerberosOnRealKafka(t *testing.T) {
	kafkatest.RequireKafka(t)
	kdc := startKDC(t)
	server, alice := kdc.keytab("kafka/127.0.0.1"), kdc.keytab("alice")
	kdc.keytab("nobody/127.0.0.1")
	t.Setenv("KRB5_CONFIG", kdc.conf)
	kafka := kafkatest.StartKafka(t, 1, kafkatest.Secured(kafkatest.NewSecurity(t)),
		kafkatest.Property("auto.create.topics.enable", "false"), kafkatest.Property("allow.everyone.if.no.acl.found", "false"),
		kafkatest.Property("listener.name.sasl.sasl.enabled.mechanisms", "PLAIN,GSSAPI"),
		kafkatest.Property("listener.name.sasl.sasl.kerberos.service.name", "kafka"),
		kafkatest.Property("listener.name.sasl.gssapi.connections.max.reauth.ms", "4000"),
		kafkatest.Property("listener.name.sasl.gssapi.sasl.jaas.config", fmt.Sprintf("%s required useKeyTab=true storeKey=true keyTab=%q principal=%q;",
			krb5Module, server, "kafka/127.0.0.1@"+realm)),
		kafkatest.JVMFlags("-Djava.security.krb5.conf="+kdc.conf))
	brokers := kafka.SecureBrokers(kafkatest.ListenerSASL)
	configure := func(t *testing.T, login string) omnibus.Config {
		t.Helper()
		config := configured(t, kerberized(login), brokers)
		config.Kerberos = kerberos.Login
		return config
	}
	withKeytab := fmt.Sprintf("useKeyTab=true storeKey=true keyTab=%q principal=%q", alice, "alice@"+realm)

	t.Run("a right that is missing", func(t *testing.T) {
		kafka.CreateTopic("forbidden", 1, nil)
		p := openOn(t, brokers, func(c *omnibus.Config) { *c = configure(t, withKeytab) })
		_, err := p.Send(bounded(t, 20*time.Second), omnibus.Record{Topic: "forbidden"})
		refusedWith(t, err, `User:alice lacks Write on topic "forbidden"`, "--allow-principal User:alice")
	})
	logins := map[string]string{"keytab": withKeytab}
	if cache := kdc.path("cache"); exists(kdc.program("kinit")) {
		kdc.run("kinit", "-c", cache, "-k", "-t", alice, "alice")
		logins["ticket cache"] = fmt.Sprintf("useTicketCache=true renewTGT=false ticketCache=%q", cache)
	}
	for name, login := range logins {
		t.Run(name, func(t *testing.T) {
			topic := "kerberos-" + strings.ReplaceAll(name, " ", "-")
			kafka.CreateTopic(topic, 3, nil)
			kafka.Allow("User:alice", "Write", "topic", topic)
			p := openOn(t, brokers, func(c *omnibus.Config) { *c = configure(t, login) })
			ctx := bounded(t, time.Minute)
			for n := range securedRecords {
				if _, err := p.Enqueue(ctx, omnibus.Record{Topic: topic, Key: fmt.Append(nil, n%100), Value: fmt.Append(nil, n)}); err != nil {
					t.Fatal(err)
				}
				if n%(securedRecords/5) == 0 {
					<-time.After(time.Second) // so that the authentication is renewed meanwhile
				}
			}
			if err := p.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if s := p.Stats(); s.NotWritten+s.Unknown+s.Retries > 0 {
				t.Errorf("%d not written, %d unknown, %d retries", s.NotWritten, s.Unknown, s.Retries)
			}
			readsWhole(t, kafka, topic, securedRecords)
		})
	}
	t.Run("Java's client by the same file", func(t *testing.T) { javaByTheSameFile(t, kafka, kdc, withKeytab) })
	t.Run("refusals", func(t *testing.T) { kerberosRefusals(t, kdc, alice, configure) })
}

// javaByTheSameFile shows that the file is one that Java takes.
func javaByTheSameFile(t *testing.T, kafka *kafkatest.Kafka, kdc *kdc, login string) {
	file, hosts := kdc.path("client.properties"), kdc.path("hosts")
	for name, text := range map[string]string{file: kerberized(login) + "max.block.ms=20000\n", hosts: "127.0.0.1 127.0.0.1\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kafka.CreateTopic("java", 1, nil)
	kafka.Allow("User:alice", "Write", "topic", "java")
	// Kafka's client takes the name behind an address for the broker's, which our hosts file keeps it from.
	t.Setenv("JDK_JAVA_OPTIONS", "-Djava.security.krb5.conf="+kdc.conf+" -Djdk.net.hosts.file="+hosts)
	kafkatest.ConsoleProducer(t, kafka.SecureBrokers(kafkatest.ListenerSASL)[0], "java", strings.NewReader("0\n1\n2\n"), "--command-config", file)
	readsWhole(t, kafka, "java", 3)
}

// kerberosRefusals are logins that cannot work: each says why at once, and is not tried again and again.
func kerberosRefusals(t *testing.T, kdc *kdc, alice string, configure func(*testing.T, string) omnibus.Config) {
	gone := kdc.keytab("gone")
	kdc.run("kadmin.local", "-r", realm, "-q", "delprinc -force gone")
	stale := kdc.keytab("stale")
	kdc.run("kadmin.local", "-r", realm, "-q", "cpw -randkey stale")
	login := func(file, principal string) string {
		return fmt.Sprintf("useKeyTab=true keyTab=%q principal=%q", file, principal+"@"+realm)
	}
	for name, test := range map[string]struct {
		login, service string
		wanted         []string
	}{
		"a principal that the KDC does not know": {login(gone, "gone"), "kafka", []string{"sasl:", "the KDC does not know the principal gone@" + realm}},
		"a keytab that is out of date":           {login(stale, "stale"), "kafka", []string{"sasl:", "write the keytab anew"}},
		"a service that the KDC does not know":   {login(alice, "alice"), "kavka", []string{"sasl:", "kavka/127.0.0.1", "sasl.kerberos.service.name"}},
		"another service's ticket":               {login(alice, "alice"), "nobody", []string{"sasl:", "GSSAPI"}},
		"no tickets":                             {fmt.Sprintf("useTicketCache=true ticketCache=%q", kdc.path("none")), "kafka", []string{"sasl:", "kinit"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := configure(t, test.login)
			if _, err := config.Set("sasl.kerberos.service.name", test.service); err != nil {
				t.Fatal(err)
			}
			p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
			began := time.Now()
			_, err := p.Send(bounded(t, 20*time.Second), omnibus.Record{Topic: "java"})
			refusedWith(t, err, test.wanted...)
			took(t, time.Since(began), 0, 5*time.Second)
		})
	}
}
