package test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// renewsUnderLoad sends for some seconds over connections whose authentication is renewed every four.
func renewsUnderLoad(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security) {
	const topic = "renewed"
	kafka.CreateTopic(topic, 1, nil)
	config := configured(t, "security.protocol=SASL_SSL\nssl.truststore.location="+security.CAFile()+"\n"+logins(security)["SCRAM-SHA-512"],
		kafka.SecureBrokers(kafkatest.ListenerSASLTLS))
	var disconnected atomic.Int32
	config.Trace = &omnibus.Trace{BrokerDisconnected: func(_ int32, _ string, err error) { disconnected.Add(1); t.Logf("disconnected: %v", err) }}
	p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
	end := time.Now().Add(renewalTime(t))
	sent := 0
	for ; time.Now().Before(end); sent++ {
		if _, err := p.Enqueue(bounded(t, time.Minute), omnibus.Record{Topic: topic, Value: fmt.Append(nil, sent)}); err != nil {
			t.Fatal(err)
		}
		if sent%100 == 0 {
			<-time.After(time.Millisecond)
		}
	}
	if err := p.Flush(bounded(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if stats := p.Stats(); disconnected.Load() > 0 || stats.Retries > 0 {
		t.Errorf("%d connections lost, %d retries: the authentication was not renewed in place", disconnected.Load(), stats.Retries)
	}
	readsWhole(t, kafka, topic, sent)
}

// refusal is a way in that cannot work, and what the first call must say of it at once.
type refusal struct {
	name       string
	listener   kafkatest.Listener
	properties string
	wanted     []string
	slow       bool // it only shows in a silence or a hang-up, and so at the end of max.block.ms
}

func refusals(t *testing.T, security *kafkatest.Security) []refusal {
	stranger := kafkatest.NewSecurity(t)
	_, strange := stranger.Client("stranger")
	login := logins(security)
	trust := "ssl.truststore.location=" + security.CAFile() + "\n"
	wrong := func(mechanism string) string {
		return strings.ReplaceAll(login[mechanism], kafkatest.Password, canary)
	}
	return []refusal{
		{name: "wrong CA", listener: kafkatest.ListenerTLS,
			properties: "security.protocol=SSL\nssl.truststore.location=" + stranger.CAFile() + "\n", wanted: []string{"tls:", "kafkatest authority", "ssl.truststore.location"}},
		{name: "no client certificate", listener: kafkatest.ListenerMutualTLS,
			properties: "security.protocol=SSL\n" + trust, wanted: []string{"tls:", "wants a client certificate", "ssl.keystore.location"}},
		{name: "another authority's client certificate", listener: kafkatest.ListenerMutualTLS,
			properties: "security.protocol=SSL\n" + trust + "ssl.keystore.location=" + strange + "\n", wanted: []string{"tls:", "client"}},
		{name: "wrong password, PLAIN", listener: kafkatest.ListenerSASLTLS, properties: "security.protocol=SASL_SSL\n" + trust + wrong("PLAIN"),
			wanted: []string{"sasl:", "Invalid username or password", "check the user name"}},
		{name: "wrong password, SCRAM", listener: kafkatest.ListenerSASL, properties: "security.protocol=SASL_PLAINTEXT\n" + wrong("SCRAM-SHA-256"),
			wanted: []string{"sasl:", "check the user name"}},
		{name: "wrong client secret", listener: kafkatest.ListenerSASLTLS, properties: "security.protocol=SASL_SSL\n" + trust + wrong("OAUTHBEARER"),
			wanted: []string{"sasl:", "invalid_client", "check the client id"}},
		{name: "TLS to a plaintext port", properties: "security.protocol=SSL\n" + trust, wanted: []string{"tls:", "may have no TLS"}, slow: true},
		{name: "plaintext to a TLS port", listener: kafkatest.ListenerTLS, properties: "", wanted: []string{"TLS"}, slow: true},
		{name: "plaintext to a SASL port", listener: kafkatest.ListenerSASL, properties: "", wanted: []string{"may want SASL"}, slow: true},
		{name: "SASL to a port without", properties: "security.protocol=SASL_PLAINTEXT\n" + login["PLAIN"], wanted: []string{"sasl:", "wants no SASL"}},
	}
}

// canary is a password that must occur nowhere.
const canary = "canary-password"

func refusalsSayWhy(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security) {
	kafka.CreateTopic("refused", 1, nil)
	check := func(t *testing.T, config omnibus.Config, wanted []string, slow bool) {
		t.Helper()
		config.MaxBlock = 2 * time.Second
		p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
		begun := time.Now()
		_, err := p.Send(bounded(t, 20*time.Second), omnibus.Record{Topic: "refused", Value: []byte("x")})
		if err == nil || !omnibus.NotWritten(err) || strings.Contains(err.Error(), canary) {
			t.Fatalf("%v, wanted one that is not written and names no password", err)
		}
		for _, words := range wanted {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v\ndoes not say %q", err, words)
			}
		}
		if took := time.Since(begun); !slow && took > 1500*time.Millisecond {
			t.Errorf("it took %v to say so", took)
		}
		t.Log(err)
	}
	for _, r := range refusals(t, security) {
		t.Run(r.name, func(t *testing.T) {
			check(t, configured(t, r.properties, listening(kafka, r.listener)), r.wanted, r.slow)
		})
	}
	t.Run("wrong name", func(t *testing.T) {
		config := omnibus.Config{Brokers: kafka.SecureBrokers(kafkatest.ListenerTLS), TLS: &tls.Config{RootCAs: security.Pool(), ServerName: "kafka.example"}}
		check(t, config, []string{"tls:", "is for localhost, 127.0.0.1, and not for kafka.example"}, false)
	})
}
