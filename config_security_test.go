package omnibus

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/omnibus-kafka/omnibus/internal/testcert"
)

const (
	canary     = "canary-password"
	kafkaLogin = "org.apache.kafka.common.security."
)

// shape is a .properties file as people have them, and what it means here.
type shape struct {
	name, file string
	connection string // protocol and mechanism
	mistake    string // in the error, if it cannot work
	note       string // in one of the notes
}

// shapes are files as the providers and distributions of Kafka tell their users to write them. CA, KEY stand for files
// in PEM, KEYPEM and CERTPEM for their text with its lines escaped.
func shapes() []shape {
	user := `username="alice" password="` + canary + `";` + "\n"
	return []shape{
		{name: "plaintext, as in the quickstart", file: "bootstrap.servers=localhost:9092\n", connection: "PLAINTEXT"},
		{name: "a hosted cluster with API keys", connection: "SASL_SSL PLAIN", file: "bootstrap.servers=pkc-1.eu-west-1.aws.example:9092\n" +
			"security.protocol=SASL_SSL\nsasl.jaas.config=" + kafkaLogin + "plain.PlainLoginModule required " + user +
			"sasl.mechanism=PLAIN\nclient.dns.lookup=use_all_dns_ips\nsession.timeout.ms=45000\nacks=all\n" +
			"schema.registry.url=https://sr.example\nbasic.auth.credentials.source=USER_INFO\nbasic.auth.user.info=a:b\n"},
		{name: "single quotes, colons and blanks", connection: "SASL_SSL PLAIN", file: "bootstrap.servers: a:9092\nsecurity.protocol : SASL_SSL\n" +
			"sasl.mechanism PLAIN\nsasl.jaas.config = " + kafkaLogin + "plain.PlainLoginModule required username='$ConnectionString' " +
			"password='Endpoint=sb://x.example/;SharedAccessKeyName=k;SharedAccessKey=" + canary + "=';\n"},
		{name: "a login over several lines", connection: "SASL_SSL SCRAM-SHA-512", file: "bootstrap.servers=a:9096\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=" + kafkaLogin + "scram.ScramLoginModule required \\\n" +
			"  username=\"alice\" \\\n  password=\"" + canary + "\" ;\n"},
		{name: "IAM", connection: "SASL_SSL AWS_MSK_IAM", file: "bootstrap.servers=b-1.x.kafka.eu-west-1.amazonaws.com:9098\n" +
			"security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\nsasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;\n" +
			"sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\n"},
		{name: "IAM with a role", mistake: "Amazon's SDK", file: "bootstrap.servers=a:9098\nsecurity.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\n" +
			`sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn="arn:aws:iam::1:role/r";` + "\n"},
		{name: "certificates in files", connection: "SSL", file: "bootstrap.servers=a:9093\nsecurity.protocol=SSL\nssl.truststore.type=PEM\n" +
			"ssl.truststore.location=CA\nssl.keystore.type=PEM\nssl.keystore.location=KEY\nssl.protocol=TLSv1.3\n"},
		{name: "certificates inline", connection: "SSL", file: "bootstrap.servers=a:9093\nsecurity.protocol=SSL\nssl.truststore.type=PEM\n" +
			"ssl.truststore.certificates=CERTPEM\nssl.keystore.type=PEM\nssl.keystore.key=KEYPEM\nssl.keystore.certificate.chain=CERTPEM\n"},
		{name: "an internal cluster without names in its certificates", connection: "SASL_SSL SCRAM-SHA-256", note: "host names are not checked",
			file: "bootstrap.servers=10.0.0.1:9093\nsecurity.protocol=SASL_SSL\nssl.truststore.location=CA\nssl.truststore.password=changeit\n" +
				"ssl.endpoint.identification.algorithm=\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=" + kafkaLogin + "scram.ScramLoginModule required " + user},
		{name: "the same with PLAIN", mistake: "whoever answers", file: "bootstrap.servers=10.0.0.1:9093\nsecurity.protocol=SASL_SSL\n" +
			"ssl.endpoint.identification.algorithm=\nsasl.mechanism=PLAIN\nsasl.jaas.config=" + kafkaLogin + "plain.PlainLoginModule required " + user},
		{name: "a docker-compose file's cluster", connection: "SASL_PLAINTEXT PLAIN", note: "can read it", file: "bootstrap.servers=localhost:9092\n" +
			"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=" + kafkaLogin + "plain.PlainLoginModule required " + user},
		{name: "OAuth, as of Kafka 3", connection: "SASL_SSL OAUTHBEARER", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://idp.example/realms/k/protocol/openid-connect/token\n" +
			"sasl.login.callback.handler.class=" + kafkaLogin + "oauthbearer.secured.OAuthBearerLoginCallbackHandler\n" +
			"sasl.jaas.config=" + kafkaLogin + `oauthbearer.OAuthBearerLoginModule required clientId="c" clientSecret="` + canary + `" scope="kafka" ` +
			`extension_logicalCluster="lkc-1" extension_identityPoolId="pool-1";` + "\n"},
		{name: "OAuth, as of Kafka 4.1", connection: "SASL_SSL OAUTHBEARER", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://idp.example/token\n" +
			"sasl.oauthbearer.jwt.retriever.class=org.apache.kafka.common.security.oauthbearer.ClientCredentialsJwtRetriever\n" +
			"sasl.oauthbearer.client.credentials.client.id=c\nsasl.oauthbearer.client.credentials.client.secret=" + canary + "\n"},
		{name: "OAuth over http", mistake: "an https address", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=http://idp.example/token\n"},
		{name: "Kerberos", mistake: "Config.SASL", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n" +
			"sasl.kerberos.service.name=kafka\nsasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true " +
			`keyTab="/etc/k.keytab" principal="alice@EXAMPLE";` + "\n"},
		{name: "no mechanism, which is Kerberos to Java", mistake: "the login is for PLAIN", file: "bootstrap.servers=a:9092\n" +
			"security.protocol=SASL_SSL\nsasl.jaas.config=" + kafkaLogin + "plain.PlainLoginModule required " + user},
		{name: "a login without its end", mistake: "without a ';'", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanism=PLAIN\nsasl.jaas.config=" + kafkaLogin + `plain.PlainLoginModule required username="alice" password="` + canary + `"` + "\n"},
		{name: "a Java keystore without a reader for it", mistake: "a JKS key store", file: "bootstrap.servers=a:9093\nsecurity.protocol=SSL\n" +
			"ssl.truststore.location=JKS\nssl.truststore.password=" + canary + "\n"},
		{name: "the protocol forgotten", connection: "PLAINTEXT", note: "while security.protocol is PLAINTEXT", file: "bootstrap.servers=a:9093\n" +
			"ssl.truststore.location=CA\nssl.truststore.password=" + canary + "\n"},
		{name: "protocols before the addresses", connection: "SSL", note: "SASL_SSL:// stands before an address", file: "bootstrap.servers=SASL_SSL://a:9093,SSL://b:9093\n" +
			"security.protocol=SSL\n"},
		{name: "librdkafka's names", mistake: "did you mean sasl.mechanism?", file: "bootstrap.servers=a:9093\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanisms=PLAIN\nsasl.username=alice\nsasl.password=" + canary + "\n"},
		{name: "a variable of the environment", connection: "SASL_SSL PLAIN", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n" +
			"config.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n" +
			"sasl.jaas.config=" + kafkaLogin + `plain.PlainLoginModule required username="alice" password="${env:OMNIBUS_TEST_PASSWORD}";` + "\n"},
		{name: "a variable that is not there", mistake: "no variable OMNIBUS_TEST_MISSING", file: "bootstrap.servers=a:9092\nconfig.providers=env\n" +
			"config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\nclient.id=${env:OMNIBUS_TEST_MISSING}\n"},
		{name: "a reference without a provider", connection: "SASL_SSL PLAIN", note: "sets no config.providers", file: "bootstrap.servers=a:9092\nsecurity.protocol=SASL_SSL\n" +
			"sasl.mechanism=PLAIN\nsasl.jaas.config=" + kafkaLogin + `plain.PlainLoginModule required username="alice" password="${env:X}";` + "\n"},
		{name: "a provider of one's own", mistake: "cannot run here", file: "bootstrap.servers=a:9092\nconfig.providers=vault\n" +
			"config.providers.vault.class=com.example.VaultConfigProvider\nclient.id=${vault:a:b}\n"},
	}
}

func TestFilesAsPeopleHaveThem(t *testing.T) {
	dir := t.TempDir()
	leaf := testcert.NewAuthority(t, "ca").Issue(t, testcert.Request{Name: "client"})
	for name, data := range map[string][]byte{"CA": leaf.CertPEM, "KEY": append(leaf.KeyPEM, leaf.CertPEM...), "JKS": {0xFE, 0xED, 0xFE, 0xED}} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	escaped := func(pem []byte) string { return strings.ReplaceAll(string(pem), "\n", `\n`) }
	t.Setenv("OMNIBUS_TEST_PASSWORD", canary)
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			file := strings.NewReplacer("=CA\n", "="+filepath.Join(dir, "CA")+"\n", "=KEY\n", "="+filepath.Join(dir, "KEY")+"\n",
				"=JKS\n", "="+filepath.Join(dir, "JKS")+"\n", "CERTPEM", escaped(leaf.CertPEM), "KEYPEM", escaped(leaf.KeyPEM)).Replace(s.file)
			c, notes, err := ParseProperties(strings.NewReader(file))
			var made *settings
			if err == nil {
				var more []Note
				made, more, err = newSettings(c)
				notes = append(notes, more...)
			}
			said := fmt.Sprintf("%v\n%v\n%+v\n%#v\n%v", err, notes, c, c, values(c))
			if strings.Contains(said, canary) {
				t.Errorf("the password is in %s", said)
			}
			if !strings.Contains(fmt.Sprint(notes), s.note) {
				t.Errorf("notes %v, want %q", notes, s.note)
			}
			if s.mistake != "" {
				if err == nil || !strings.Contains(err.Error(), s.mistake) {
					t.Errorf("%v, want %q", err, s.mistake)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := made.connection.Protocol
			if made.connection.SASL != nil {
				got += " " + made.connection.SASL.Name()
			}
			if got != s.connection {
				t.Errorf("%s, want %s", got, s.connection)
			}
		})
	}
}

func TestValidateFindsMistakesOfSecurity(t *testing.T) {
	alice := plain.Auth{User: "alice", Pass: canary}.AsMechanism()
	for name, test := range map[string]struct {
		config Config
		field  string
	}{
		"PLAIN without TLS":   {Config{SASL: alice}, "SASL"},
		"TLS 1.0":             {Config{TLS: &tls.Config{MinVersion: tls.VersionTLS10}}, "TLS"},
		"PLAIN for anybody":   {Config{SASL: alice, TLS: &tls.Config{InsecureSkipVerify: true}}, "TLS"},
		"nothing wrong":       {Config{SASL: alice, TLS: &tls.Config{}}, ""},
		"asked for":           {Config{SASL: alice, AllowCleartextSecrets: true}, ""},
		"SCRAM sends nothing": {Config{SASL: scram.Auth{User: "alice", Pass: canary}.AsSha512Mechanism()}, ""},
	} {
		test.config.Brokers = []string{"a:1"}
		err := test.config.Validate()
		switch found := mistakes(err); {
		case test.field == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.field != "" && (len(found) != 1 || found[test.field] == nil):
			t.Errorf("%s: %v, want a mistake in %s", name, err, test.field)
		}
	}
}

func TestSecurityIsForOtherClientsToo(t *testing.T) {
	config, mechanism, err := Config{Brokers: []string{"a:1"}}.Security()
	if config != nil || mechanism != nil || err != nil {
		t.Errorf("plaintext: %v, %v, %v", config, mechanism, err)
	}
	own := &tls.Config{ServerName: "x"}
	config, mechanism, err = Config{TLS: own, SASL: scram.Auth{User: "a", Pass: "b"}.AsSha256Mechanism()}.Security()
	if err != nil || config.ServerName != "x" || config.MinVersion != tls.VersionTLS12 || mechanism.Name() != "SCRAM-SHA-256" || own.MinVersion != 0 {
		t.Errorf("%v, %v, %v", config, mechanism, err)
	}
	if _, _, err = (Config{TLS: &tls.Config{MaxVersion: tls.VersionTLS11}}).Security(); err == nil {
		t.Error("TLS 1.1 was taken")
	}
	c := Config{TLS: own, SASL: scram.Auth{User: "a", Pass: "b"}.AsSha256Mechanism()}
	for _, want := range []string{"security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-256"} {
		if got := fmt.Sprint(values(c)); !strings.Contains(got, want) {
			t.Errorf("properties lack %s", want)
		}
	}
}

func TestACopyOfAConfigurationHasSettingsOfItsOwn(t *testing.T) {
	one := Config{Brokers: []string{"a:1"}}
	if _, err := one.Set("security.protocol", "SSL"); err != nil {
		t.Fatal(err)
	}
	two := one
	if _, err := two.Set("security.protocol", "PLAINTEXT"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(values(one)); !strings.Contains(got, "security.protocol=SSL") {
		t.Error("a copy changed the original")
	}
}
