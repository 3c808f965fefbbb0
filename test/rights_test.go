package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// startGuarded starts a node where who has no ACL may do nothing, whose TLS certificate has expired, and where SASL over
// plaintext is by SCRAM-SHA-256 alone.
func startGuarded(t *testing.T) (*kafkatest.Kafka, *kafkatest.Security) {
	t.Helper()
	kafkatest.RequireKafka(t)
	security := kafkatest.NewSecurity(t)
	security.RenewBrokers(-time.Hour)
	kafka := kafkatest.StartKafka(t, 1, kafkatest.Secured(security), kafkatest.Property("allow.everyone.if.no.acl.found", "false"),
		kafkatest.Property("auto.create.topics.enable", "true"), kafkatest.Property("num.partitions", "1"),
		kafkatest.Property("listener.name.sasl.sasl.enabled.mechanisms", "SCRAM-SHA-256"),
		kafkatest.Property("listener.name.mtls.ssl.keystore.location", security.Broker("fresh", time.Hour, "127.0.0.1")),
		kafkatest.Property("listener.name.sasltls.ssl.keystore.location", security.Broker("elsewhere", time.Hour, "kafka.example")),
		kafkatest.Property("quota.window.num", "3"))
	return kafka, security
}

func TestWhatASecuredClusterRefusesOnRealKafka(t *testing.T) {
	kafka, security := startGuarded(t)
	t.Run("rights", func(t *testing.T) { rightsAreNamedAndGranted(t, kafka, security) })
	t.Run("an expired certificate", func(t *testing.T) {
		attemptsSayWhy(t, configured(t, "security.protocol=SSL\nssl.truststore.location="+security.CAFile()+"\n", kafka.SecureBrokers(kafkatest.ListenerTLS)),
			"tls:", `"CN=broker" ended on`, "renew it on the broker")
	})
	t.Run("a certificate with another name", func(t *testing.T) {
		trust := "ssl.truststore.location=" + security.CAFile() + "\n"
		attemptsSayWhy(t, configured(t, "security.protocol=SASL_SSL\n"+trust+logins(security)["PLAIN"], kafka.SecureBrokers(kafkatest.ListenerSASLTLS)),
			"tls:", "the broker's certificate is for kafka.example, and not for 127.0.0.1", "have it issued for that name too")
	})
	t.Run("a mechanism that is not enabled", func(t *testing.T) {
		attemptsSayWhy(t, configured(t, "security.protocol=SASL_PLAINTEXT\n"+logins(security)["SCRAM-SHA-512"], kafka.SecureBrokers(kafkatest.ListenerSASL)),
			"sasl:", "does not enable SCRAM-SHA-512, it enables SCRAM-SHA-256", "set sasl.mechanism to one of these")
	})
	t.Run("quota", func(t *testing.T) { aQuotaIsObeyed(t, kafka) })
}

// attemptsSayWhy checks that a way in that is closed for good is tried once, and what is said of it at once.
func attemptsSayWhy(t *testing.T, config omnibus.Config, wanted ...string) {
	t.Helper()
	attempts := counted(&config)
	p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
	began := time.Now()
	_, err := p.Send(bounded(t, 20*time.Second), omnibus.Record{Topic: "refused"})
	refusedWith(t, err, wanted...)
	took(t, time.Since(began), 0, 5*time.Second)
	atMostOneAnInterval(t, attempts, time.Since(began))
}

// attemptPause is the reconnect backoff of the tests that count attempts, attemptPauseLeast what jitter leaves of it.
const (
	attemptPause      = 200 * time.Millisecond
	attemptPauseLeast = 160 * time.Millisecond
)

// counted makes the attempts to connect countable, and a fixed time apart at least.
func counted(config *omnibus.Config) *atomic.Int64 {
	attempts := new(atomic.Int64)
	config.ReconnectBackoff, config.ReconnectBackoffMax = attemptPause, attemptPause
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		attempts.Add(1)
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
	return attempts
}

// atMostOneAnInterval checks that there was at most one attempt each backoff interval.
func atMostOneAnInterval(t *testing.T, attempts *atomic.Int64, passed time.Duration) {
	t.Helper()
	if most := 1 + int64(passed/attemptPauseLeast); attempts.Load() > most {
		t.Errorf("%d attempts in %v, want %d at most", attempts.Load(), passed.Round(time.Millisecond), most)
	}
}

// right is a way to be refused for want of a right, and what mends it.
type right struct {
	name       string
	principal  string
	properties string
	listener   kafkatest.Listener
	topic      string
	configure  func(*omnibus.Config)
	code       error
	wanted     []string
}

// rightsAreNamedAndGranted sends without a right, hands the command in the error to Kafka's own tool, and sends again.
func rightsAreNamedAndGranted(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security) {
	_, certificate := security.Client("billing")
	as := func(user string) string {
		kafka.SetPassword(user, kafkatest.Password)
		login := strings.Replace(logins(security)["SCRAM-SHA-256"], "username=\""+kafkatest.User, "username=\""+user, 1)
		return "security.protocol=SASL_PLAINTEXT\n" + login
	}
	for _, topic := range []string{"unseen", "read-only", "read-only-too", "certified"} {
		kafka.CreateTopic(topic, 1, nil)
	}
	kafka.Allow("User:looker", "Describe", "topic", "read-only")
	kafka.Allow("User:looker2", "Describe", "topic", "read-only-too")
	kafka.Allow("User:founder", "Describe", "topic", "unborn")
	kafka.Allow("User:founder", "Write", "topic", "unborn")
	unsafe := func(c *omnibus.Config) { c.DisableIdempotence = true }
	for _, r := range []right{
		{"nothing", "User:nobody", as("nobody"), kafkatest.ListenerSASL, "unseen", nil, kerr.TopicAuthorizationFailed, []string{`User:nobody lacks Write on topic "unseen"`}},
		{"Write, without idempotence", "User:looker", as("looker"), kafkatest.ListenerSASL, "read-only", unsafe, kerr.TopicAuthorizationFailed, []string{`User:looker lacks Write on topic "read-only"`}},
		{"IdempotentWrite", "User:looker2", as("looker2"), kafkatest.ListenerSASL, "read-only-too", nil, kerr.ClusterAuthorizationFailed,
			[]string{"User:looker2 lacks IdempotentWrite on the cluster", "--operation Write --topic TOPIC"}},
		{"of a certificate", "User:CN=billing", "security.protocol=SSL\nssl.truststore.location=" + security.CAFile() + "\nssl.keystore.location=" + certificate + "\n",
			kafkatest.ListenerMutualTLS, "certified", nil, kerr.TopicAuthorizationFailed, []string{`User:CN=billing lacks Write on topic "certified"`}},
		{"Create", "User:founder", as("founder"), kafkatest.ListenerSASL, "unborn", nil, kerr.TopicAuthorizationFailed, []string{"--operation Create"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			config := configured(t, r.properties, kafka.SecureBrokers(r.listener))
			if r.configure != nil {
				r.configure(&config)
			}
			p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
			began := time.Now()
			_, err := p.Send(bounded(t, 20*time.Second), omnibus.Record{Topic: r.topic, Value: []byte("0")})
			refusedWith(t, err, append(r.wanted, "--allow-principal "+r.principal)...)
			if !errors.Is(err, r.code) {
				t.Errorf("want %v", r.code)
			}
			took(t, time.Since(began), 0, 5*time.Second)
			for _, command := range commands(err.Error(), kafka.DirectBrokers()[0], r.topic) {
				kafkatest.Java(t, "org.apache.kafka.tools.AclCommand", command...)
			}
			if r.name == "Create" {
				kafka.Allow(r.principal, "Create", "topic", r.topic)
			}
			ctx := bounded(t, 20*time.Second)
			for {
				_, err = p.Send(ctx, omnibus.Record{Topic: r.topic, Value: []byte("0")})
				if err == nil || ctx.Err() != nil {
					break
				}
				<-time.After(100 * time.Millisecond) // the broker hears of it from its controller
			}
			if err != nil {
				t.Fatalf("after the command: %v", err)
			}
		})
	}
}

// command is what an error tells to type.
var command = regexp.MustCompile(`kafka-acls\.sh (--bootstrap-server HOST:PORT --add --allow-principal \S+ --operation \S+ --(?:cluster|topic \S+))`)

// commands are the arguments of those that an error tells to type, with the places that are left to the reader filled in.
func commands(text, admin, topic string) [][]string {
	var all [][]string
	for _, found := range command.FindAllStringSubmatch(text, -1) {
		line := strings.NewReplacer("HOST:PORT", admin, "TOPIC", topic, ";", "").Replace(found[1])
		all = append(all, strings.Fields(line))
	}
	return all
}

// quotaBytes is the quota of the test, in bytes a second, quotaRecords how many records of 1 KiB go against it.
const (
	quotaBytes   = 1 << 20
	quotaRecords = 12 << 10
)

// aQuotaIsObeyed sends as fast as it goes against a quota: nothing is lost or twice, the order is kept, and the throttling
// shows.
func aQuotaIsObeyed(t *testing.T, kafka *kafkatest.Kafka) {
	const topic, client = "throttled", "throttled-client"
	kafka.CreateTopic(topic, 3, nil)
	kafka.LimitClient(client, quotaBytes)
	var asked atomic.Int64
	p := openOn(t, kafka.Brokers(), func(c *omnibus.Config) {
		c.ClientID = client
		c.Trace = &omnibus.Trace{RequestDone: func(r omnibus.RequestOutcome) { asked.Add(int64(r.Throttle)) }}
	})
	began := time.Now()
	ctx := bounded(t, 2*time.Minute)
	for n := range quotaRecords {
		value := append(fmt.Append(nil, n), make([]byte, 1000)...)
		if _, err := p.Enqueue(ctx, omnibus.Record{Topic: topic, Key: fmt.Append(nil, n%100), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	passed, stats := time.Since(began), p.Stats()
	t.Logf("%d KiB in %v, throttled %v", quotaRecords, passed, stats.Throttled)
	if stats.Throttled < time.Second || stats.Throttled != time.Duration(asked.Load()) {
		t.Errorf("throttled for %v, and the trace has %v", stats.Throttled, time.Duration(asked.Load()))
	}
	if stats.NotWritten+stats.Unknown+stats.Retries > 0 || stats.Acked != quotaRecords {
		t.Errorf("%d acked, %d not written, %d unknown, %d retries", stats.Acked, stats.NotWritten, stats.Unknown, stats.Retries)
	}
	// The windows of three seconds let some of it pass at full speed.
	if least := time.Duration(quotaRecords/1024-4) * time.Second; passed < least {
		t.Errorf("it took %v, which is faster than the quota allows (%v)", passed, least)
	}
	readsWhole(t, kafka, topic, quotaRecords)
}
