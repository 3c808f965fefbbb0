package connect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/testcert"
)

// shapeSecret is the secret of every file in testdata/shapes.
const shapeSecret = "canary-password"

// shape is a file as it is handed out or found in the field, with invented names and secrets.
type shape struct {
	file string
	// settings are some of what it comes to, name=value under Java's names.
	settings []string
	// login is in what SASL sends first.
	login string
	// notes are in what the user is told, mistakes in what the command ends with; without these it goes on.
	notes, mistakes []string
}

func shapes() []shape {
	const sasl, tls = "security.protocol=SASL_SSL", "security.protocol=SSL"
	return []shape{
		{file: "confluent-cloud.properties", login: "\x00APIKEY\x00" + shapeSecret, notes: []string{"session.timeout.ms: it is a setting of a consumer", "schema.registry.url"},
			settings: []string{"bootstrap.servers=pkc-4r087.us-west2.gcp.confluent.cloud:9092", sasl, "sasl.mechanism=PLAIN", "sasl.jaas.config=[hidden]", "acks=all", "partitioner.class=null"}},
		{file: "confluent-cloud-oauth.properties", settings: []string{sasl, "sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url=https://login.example.com/oauth2/v2.0/token"},
			notes: []string{"sasl.login.callback.handler.class: Java classes cannot run here"}},
		{file: "confluent-cloud.librdkafka.config", login: "\x00APIKEY\x00" + shapeSecret + `\="`, notes: []string{"session.timeout.ms: it is a setting of a consumer"},
			settings: []string{sasl, "sasl.mechanism=PLAIN", "partitioner.class=consistent_random", "enable.idempotence=true", "client.id=ccloud-go-client"}},
		{file: "msk-iam.properties", settings: []string{sasl, "sasl.mechanism=AWS_MSK_IAM"}, notes: []string{"sasl.client.callback.handler.class"}},
		{file: "msk-iam-role.properties", mistakes: []string{"awsRoleArn", "Amazon's SDK"}},
		{file: "msk-scram.properties", settings: []string{sasl, "sasl.mechanism=SCRAM-SHA-512"}, login: "n=alice"}, // the brokers come by a flag
		{file: "aiven-mtls.properties", settings: []string{tls, "ssl.keystore.password=[hidden]", "ssl.keystore.type=PKCS12"}, notes: []string{"ssl.protocol", "key.serializer"}},
		{file: "aiven-kcat.conf", settings: []string{tls, "ssl.keystore.location=@DIR@/client.crt,@DIR@/client.key", "partitioner.class=consistent_random"}},
		{file: "strimzi-tls.properties", settings: []string{"bootstrap.servers=my-cluster-kafka-bootstrap-kafka.apps.example.com:443", tls, "ssl.truststore.location=@DIR@/ca.pem"}},
		{file: "strimzi-scram.properties", settings: []string{sasl, "ssl.truststore.type=PEM"}, login: "n=my-user"},
		{file: "event-hubs.properties", settings: []string{sasl, "request.timeout.ms=60000", "metadata.max.idle.ms=180000"},
			login: "\x00$ConnectionString\x00Endpoint=sb://demo.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=" + shapeSecret + "="},
		{file: "event-hubs-kcat.conf", settings: []string{sasl, "partitioner.class=consistent_random"},
			login: "\x00$ConnectionString\x00Endpoint=sb://demo.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=" + shapeSecret + "="},
		{file: "heroku.properties", notes: []string{"host names are not checked"},
			settings: []string{"bootstrap.servers=ec2-1-2-3-4.compute-1.amazonaws.com:9096,ec2-5-6-7-8.compute-1.amazonaws.com:9096", tls, "ssl.keystore.key=[hidden]"}},
		{file: "heroku-librdkafka.conf", settings: []string{tls, "ssl.keystore.key=[hidden]"}, notes: []string{"host names are not checked"}},
		{file: "cdh-kerberos.properties", mistakes: []string{"Kerberos"}},
		{file: "cdh-kerberos-kcat.conf", mistakes: []string{"Kerberos"}, notes: []string{"sasl.kerberos.kinit.cmd: no command is run"}},
		{file: "warpstream.properties", login: "\x00ccun_1\x00", notes: []string{"Kafka 4.0 removed this class"},
			settings: []string{"client.id=orders,ws_az=us-east-1a", "linger.ms=100", "buffer.memory=134217728", "metadata.max.age.ms=60000", "partitioner.class=null"}},
		{file: "warpstream-librdkafka.conf", login: "\x00ccun_1\x00", notes: []string{"queue.buffering.max.messages: ", "batch.num.messages: ", "sticky.partitioning.linger.ms: "},
			settings: []string{"metadata.max.age.ms=60000", "buffer.memory=1073741824", "max.request.size=64000000", "batch.size=16000000",
				"enable.idempotence=false", "max.in.flight.requests.per.connection=1000000", "partitioner.class=consistent_random"}},
		{file: "redpanda-cloud.properties", settings: []string{sasl, "sasl.mechanism=SCRAM-SHA-256"}, login: "n=alice"},
		{file: "ibm-event-streams.properties", settings: []string{sasl, "ssl.enabled.protocols=TLSv1.2"}, login: "\x00token\x00" + shapeSecret},
		{file: "oracle-streaming.properties", settings: []string{sasl, "retries=5"}, login: "\x00tenancy/alice@example.com/ocid1.streampool.oc1\x00" + shapeSecret},
		{file: "delegation-token.properties", settings: []string{sasl}, login: "n=tokenID123"},
		{file: "providers.properties", settings: []string{sasl, "sasl.jaas.config=[hidden]"}, login: "\x00alice\x00" + shapeSecret},
		{file: "providers-missing.properties", mistakes: []string{"line 6", "secrets.properties has no nothing"}},
		{file: "windows.properties", mistakes: []string{"ssl.truststore.location", `C:\kafka\certs\truststore.jks`, "a file that exists"}},
		{file: "event-streams-quoted.properties", mistakes: []string{"line 1: Brokers (bootstrap.servers)", "line 4: sasl.jaas.config is [hidden]", "it ends without a ';'"}},
		{file: "connect-worker.properties", mistakes: []string{`line 3: "producer.compression.type" is unknown`, "did you mean compression.type", "did you mean sasl.jaas.config"}},
		{file: "spring.properties", mistakes: []string{`"spring.kafka.bootstrap-servers" is unknown`, "did you mean acks", "line 3"}},
		{file: "kafka-0.8.properties", mistakes: []string{"producer.type: it is a setting neither of librdkafka nor of Java's producer", "serializer.class"}},
		{file: "old-tls.properties", mistakes: []string{"ssl.enabled.protocols", "TLSv1.2, TLSv1.3 or both"}},
		{file: "minimal.properties", settings: []string{"linger.ms=20", "partitioner.class=null"}},
		{file: "kcat.conf", settings: []string{"linger.ms=20", "partitioner.class=null"}, notes: []string{"is read as Java's", "--dialect librdkafka"}},
		{file: "oidc.conf", settings: []string{sasl, "sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.client.credentials.client.id=app",
			"sasl.oauthbearer.client.credentials.client.secret=[hidden]", "sasl.oauthbearer.scope=kafka", "sasl.jaas.config=[hidden]", "ssl.truststore.location=null"}},
		{file: "throughput.conf", notes: []string{"socket.max.fails: ", "statistics.interval.ms: ", "broker.version.fallback: ", "request.timeout.ms: ", "acks=1 turns idempotence off"},
			settings: []string{"bootstrap.servers=k1:9092,k2:9093", "linger.ms=50", "buffer.memory=67108864", "compression.type=lz4", "compression.lz4.level=12", "acks=1",
				"delivery.timeout.ms=10000", "request.timeout.ms=9950", "retries=3", "retry.backoff.ms=250", "send.buffer.bytes=-1", "reconnect.backoff.ms=500",
				"reconnect.backoff.max.ms=10000", "connections.max.idle.ms=-1", "partitioner.class=null", "enable.idempotence=false"}},
		{file: "consumer.conf", settings: []string{"bootstrap.servers=k1:9092", "partitioner.class=consistent_random"},
			notes: []string{"group.id: it is a setting of a consumer", "enable.partition.eof: it is a consumer's", "queued.min.messages"}},
		{file: "no-verification.conf", mistakes: []string{"no-verification.conf:3: enable.ssl.certificate.verification", "ssl.ca.location", "no-verification.conf:4: ssl.crl.location"}},
		{file: "half-a-login.conf", mistakes: []string{"half-a-login.conf:4: sasl.username: there is no password beside it", "half-a-login.conf:5: ssl.key.location: there is no certificate",
			"half-a-login.conf:6: sasl.pasword", "did you mean sasl.password?", "half-a-login.conf:7: it has no name=value"}},
		{file: "mixed.conf", mistakes: []string{"names of two dialects", "sasl.jaas.config in line 4", "metadata.broker.list in line 1", "--dialect"}},
		{file: "gapless.conf", mistakes: []string{"transactional.id", "queuing.strategy"}, notes: []string{"message.timeout.ms: without an end is 24 days"}},
		{file: "rpk.yaml", settings: []string{"bootstrap.servers=rp-0.example.com:9092,rp-1.example.com:9092", sasl, "sasl.mechanism=SCRAM-SHA-512", "ssl.truststore.location=@DIR@/ca.pem",
			"partitioner.class=null"}, login: "n=alice", notes: []string{"rpk.yaml:3: globals"}},
		{file: "rpk-cloud.yaml", mistakes: []string{"rpk-cloud.yaml:15: sasl.mechanism", "Redpanda Cloud", "SCRAM-SHA-256"}},
		{file: "rpk-profile-print.yaml", settings: []string{"bootstrap.servers=rp-0.example.com:9093", tls, "ssl.keystore.location=@DIR@/client.crt,@DIR@/client.key"}},
		{file: "redpanda.yaml", settings: []string{"bootstrap.servers=10.0.0.1:9092", "security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-256"}, login: "n=alice"},
		{file: "rpk-skip-verify.yaml", mistakes: []string{"rpk-skip-verify.yaml:7: tls.insecure_skip_verify", "ca_file"}},
		{file: "rpk-no-profile.yaml", mistakes: []string{`current_profile is "staging"`, "dev, prod"}},
		{file: "rpk-broken.yaml", mistakes: []string{"rpk-broken.yaml:1", "is not YAML", "begins with *"}},
	}
}

// prepared is a copy of the shape's file beside the certificates and secrets that it names.
func (s *shape) prepared(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	authority := testcert.NewAuthority(t, "ca")
	client := authority.Issue(t, testcert.Request{Name: "client"})
	oneLine := func(pem []byte) string { return strings.ReplaceAll(string(pem), "\n", `\n`) }
	text, err := os.ReadFile(filepath.Join("testdata", "shapes", s.file))
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.NewReplacer("@DIR@", dir, "@CA@", oneLine(authority.PEM), "@CERT@", oneLine(client.CertPEM), "@KEY@", oneLine(client.KeyPEM)).Replace(string(text))
	for name, text := range map[string]string{
		s.file: whole, "ca.pem": string(authority.PEM), "client.crt": string(client.CertPEM), "client.key": string(client.KeyPEM),
		"client.pem": string(client.KeyPEM) + string(client.CertPEM), "secrets.properties": "kafka.password=" + shapeSecret + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, s.file)
}

func TestFilesFromTheFieldComeToTheRightSettingsOrANamedMistake(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.file, func(t *testing.T) { s.check(t) })
	}
}

func (s *shape) check(t *testing.T) {
	path := s.prepared(t)
	t.Setenv("KRB5_CONFIG", filepath.Join(filepath.Dir(path), "none")) // what the machine has is not what the shapes are about
	flags := Flags{ConfigFile: path}
	if s.file == "msk-scram.properties" {
		flags.Brokers = "k1:9096"
	}
	f, _ := factory(nil)
	target, err := flags.Open(t.Context(), f)
	if err == nil {
		for _, note := range target.Config.Notes() {
			target.Notes = append(target.Notes, note.String())
		}
	} else {
		_, notes, _ := flags.configure(f.Getenv, nil)
		target = &Target{Notes: notes}
	}
	told := strings.Join(target.Notes, "\n")
	for _, note := range s.notes {
		if !strings.Contains(told+hostNames(target), note) {
			t.Errorf("nothing says %q:\n%s", note, told)
		}
	}
	if strings.Contains(told, shapeSecret) || err != nil && strings.Contains(err.Error(), shapeSecret) {
		t.Errorf("the secret was told: %s\n%v", told, err)
	}
	if len(s.mistakes) > 0 != (err != nil) {
		t.Fatalf("error %v, want one with %q", err, s.mistakes)
	}
	for _, mistake := range s.mistakes {
		if !strings.Contains(err.Error(), mistake) {
			t.Errorf("the error does not say %q: %v", mistake, err)
		}
	}
	if err == nil {
		s.comesTo(t, target.Config, filepath.Dir(path))
	}
}

// hostNames is the one note that only Open of a producer gives.
func hostNames(target *Target) string {
	if tls, _, err := target.Config.Security(); err == nil && tls != nil && tls.InsecureSkipVerify {
		return "the brokers' host names are not checked"
	}
	return ""
}

func (s *shape) comesTo(t *testing.T, config omnibus.Config, dir string) {
	t.Helper()
	values := make(map[string]string)
	for _, p := range config.Properties() {
		values[p.Name] = p.Value
		if strings.Contains(p.Value, shapeSecret) {
			t.Errorf("%s shows the secret", p.Name)
		}
	}
	for _, setting := range s.settings {
		name, want, _ := strings.Cut(setting, "=")
		if got := values[name]; got != strings.ReplaceAll(want, "@DIR@", dir) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if s.login == "" {
		return
	}
	_, mechanism, err := config.Security()
	if err != nil {
		t.Fatal(err)
	}
	_, first, err := mechanism.Authenticate(t.Context(), "k1:9093")
	if err != nil || !strings.Contains(string(first), s.login) {
		t.Errorf("the login begins with %q and error %v, want %q in it", first, err, s.login)
	}
}

func TestEachShapeHasAFile(t *testing.T) {
	files, err := os.ReadDir(filepath.Join("testdata", "shapes"))
	if err != nil || len(files) != len(shapes()) || len(files) < 25 {
		t.Errorf("%d files for %d shapes: %v", len(files), len(shapes()), err)
	}
}
