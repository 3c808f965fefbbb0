package test

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// securedRecords is how many records each cell of the matrix sends.
const securedRecords = 100_000

// cell is one way into a secured cluster: a listener, and the .properties that Kafka's own tools would have for it.
type cell struct {
	name       string
	listener   kafkatest.Listener // empty for the one without security
	properties string
}

const loginPackage = "org.apache.kafka.common.security."

// logins are the mechanisms' settings.
func logins(security *kafkatest.Security) map[string]string {
	user := fmt.Sprintf(" required username=%q password=%q;\n", kafkatest.User, kafkatest.Password)
	return map[string]string{
		"PLAIN":         "sasl.mechanism=PLAIN\nsasl.jaas.config=" + loginPackage + "plain.PlainLoginModule" + user,
		"SCRAM-SHA-256": "sasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=" + loginPackage + "scram.ScramLoginModule" + user,
		"SCRAM-SHA-512": "sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=" + loginPackage + "scram.ScramLoginModule" + user,
		"OAUTHBEARER": "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=" + security.TokenEndpoint() +
			fmt.Sprintf("\nsasl.jaas.config=%soauthbearer.OAuthBearerLoginModule required clientId=%q clientSecret=%q;\n",
				loginPackage, kafkatest.User, kafkatest.Password) +
			"sasl.login.callback.handler.class=" + loginPackage + "oauthbearer.OAuthBearerLoginCallbackHandler\n",
	}
}

func matrix(security *kafkatest.Security) []cell {
	_, client := security.Client("client")
	trust := "ssl.truststore.type=PEM\nssl.truststore.location=" + security.CAFile() + "\n"
	cells := []cell{
		{"PLAINTEXT", "", "security.protocol=PLAINTEXT\n"},
		{"TLS", kafkatest.ListenerTLS, "security.protocol=SSL\n" + trust},
		{"mTLS", kafkatest.ListenerMutualTLS, "security.protocol=SSL\n" + trust + "ssl.keystore.type=PEM\nssl.keystore.location=" + client + "\n"},
	}
	for mechanism, login := range logins(security) {
		cells = append(cells,
			cell{"SASL_PLAINTEXT " + mechanism, kafkatest.ListenerSASL, "security.protocol=SASL_PLAINTEXT\n" + login},
			cell{"SASL_SSL " + mechanism, kafkatest.ListenerSASLTLS, "security.protocol=SASL_SSL\n" + trust + login})
	}
	return cells
}

// startSecured starts a node with all listeners, where alice has a password for everything. SCRAM-SHA-512 over TLS is to
// be renewed every 5 seconds.
func startSecured(t *testing.T) (*kafkatest.Kafka, *kafkatest.Security) {
	t.Helper()
	kafkatest.RequireKafka(t)
	security := kafkatest.NewSecurity(t)
	kafka := kafkatest.StartKafka(t, 1, kafkatest.Secured(security), kafkatest.Property("auto.create.topics.enable", "false"),
		kafkatest.Property("listener.name.sasltls.scram-sha-512.connections.max.reauth.ms", "5000"))
	kafka.SetPassword(kafkatest.User, kafkatest.Password)
	return kafka, security
}

// listening is where a listener's clients go.
func listening(kafka *kafkatest.Kafka, listener kafkatest.Listener) []string {
	if listener == "" {
		return kafka.Brokers()
	}
	return kafka.SecureBrokers(listener)
}

// configured reads a .properties file and adds the brokers.
func configured(t *testing.T, properties string, brokers []string) omnibus.Config {
	t.Helper()
	config, _, err := omnibus.ParseProperties(strings.NewReader(properties))
	if err != nil {
		t.Fatal(err)
	}
	config.Brokers, config.Logger = brokers, slog.New(slog.DiscardHandler)
	return config
}

func TestEverySecuredListenerOnRealKafka(t *testing.T) {
	kafka, security := startSecured(t)
	t.Run("matrix", func(t *testing.T) {
		for i, c := range matrix(security) {
			t.Run(c.name, func(t *testing.T) {
				topic := fmt.Sprintf("secured-%d", i)
				kafka.CreateTopic(topic, 3, nil)
				config := configured(t, c.properties, listening(kafka, c.listener))
				p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
				ctx := bounded(t, time.Minute)
				for n := range securedRecords {
					if _, err := p.Enqueue(ctx, omnibus.Record{Topic: topic, Key: fmt.Append(nil, n%100), Value: fmt.Append(nil, n)}); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				readsWhole(t, kafka, topic, securedRecords)
			})
		}
	})
	t.Run("Java's file", func(t *testing.T) { oneFileForJavaAndUs(t, kafka, security) })
	t.Run("secrets", func(t *testing.T) { secretsAreToldNowhere(t, kafka, security) })
	t.Run("renewal", func(t *testing.T) { renewsUnderLoad(t, kafka, security) })
	t.Run("refusals", func(t *testing.T) { refusalsSayWhy(t, kafka, security) })
}

// readsWhole reads a topic back with another client: every value from 0 on, once, and each key's in their order.
func readsWhole(t *testing.T, kafka *kafkatest.Kafka, topic string, records int) {
	t.Helper()
	seen := make([]int, records)
	for _, partition := range kafkatest.ReadTopic(t, kafka.DirectBrokers(), topic) {
		last := -1
		for _, record := range partition {
			n, err := strconv.Atoi(strings.TrimRight(string(record.Value), "\x00"))
			if err != nil || n < 0 || n >= records || n <= last {
				t.Fatalf("value %q after %d", record.Value, last)
			}
			last = n
			seen[n]++
		}
	}
	for n, times := range seen {
		if times != 1 {
			t.Fatalf("record %d is there %d times", n, times)
		}
	}
}

// renewalTime is how long the renewals under load are watched: OMNIBUS_RENEWAL_TIME, else long enough for two.
func renewalTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("OMNIBUS_RENEWAL_TIME")
	if text == "" {
		return 11 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("OMNIBUS_RENEWAL_TIME: %v", err)
	}
	return d
}
