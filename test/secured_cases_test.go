package test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// restartedAfter is how long a renewal under load must be watched for the broker to be restarted in it, with a new
// certificate.
const restartedAfter = 30 * time.Second

// renewsUnderLoad sends while the authentication is renewed every four seconds, then while the password changes: on the
// cluster first, and in the file that it comes from a second later. In a long run the broker gets a new certificate, too.
func renewsUnderLoad(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security) {
	const topic, changed = "renewed", "another-secret"
	kafka.CreateTopic(topic, 1, nil)
	file := filepath.Join(t.TempDir(), "secrets.properties")
	writePassword := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("password="+password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writePassword(kafkatest.Password)
	login := strings.Replace(logins(security)["SCRAM-SHA-512"], kafkatest.Password, "${file:"+file+":password}", 1)
	config := configured(t, "security.protocol=SASL_SSL\nssl.truststore.location="+security.CAFile()+"\nconfig.providers=file\n"+
		"config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"+login,
		kafka.SecureBrokers(kafkatest.ListenerSASLTLS))
	var disconnected atomic.Int32
	config.Trace = &omnibus.Trace{BrokerDisconnected: func(_ int32, _ string, err error) {
		disconnected.Add(1)
		t.Logf("disconnected: %v", err)
	}}
	p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sent := make(chan int, 1)
	go func() { sent <- sendUntil(ctx, t, p, topic) }()

	whole := renewalTime(t)
	<-time.After(whole / 2)
	if stats := p.Stats(); disconnected.Load() > 0 || stats.Retries > 0 {
		t.Errorf("%d connections lost, %d retries: the authentication was not renewed in place", disconnected.Load(), stats.Retries)
	}
	if whole > restartedAfter {
		security.RenewBrokers(time.Hour)
		kafka.Node(1).Restart()
		kafka.WaitReady()
	}
	defer kafka.SetPassword(kafkatest.User, kafkatest.Password)
	kafka.SetPassword(kafkatest.User, changed)
	<-time.After(whole/2 - time.Second)
	writePassword(changed)
	<-time.After(time.Second)
	stop()
	records := <-sent
	if err := p.Flush(bounded(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if disconnected.Load() == 0 {
		t.Error("the changed password was not noticed: was nothing renewed?")
	}
	readsWhole(t, kafka, topic, records)
}

// sendUntil sends numbers until ctx ends, and returns how many.
func sendUntil(ctx context.Context, t *testing.T, p *omnibus.Producer, topic string) (sent int) {
	for ctx.Err() == nil {
		for range 50 {
			if _, err := p.Enqueue(t.Context(), omnibus.Record{Topic: topic, Value: fmt.Append(nil, sent)}); err != nil {
				t.Error(err)
				return sent
			}
			sent++
		}
		<-time.After(5 * time.Millisecond)
	}
	return sent
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
		{name: "plaintext to a TLS port", listener: kafkatest.ListenerTLS, properties: "", wanted: []string{"tls:", "configure TLS"}},
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
		config.MaxBlock = time.Second
		if !slow {
			config.MaxBlock = 10 * time.Second
		}
		attempts := counted(&config)
		var log lockedText
		config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		p := openOn(t, config.Brokers, func(c *omnibus.Config) { *c = config })
		begun := time.Now()
		_, err := p.Send(bounded(t, 20*time.Second), omnibus.Record{Topic: "refused", Value: []byte("x")})
		if err == nil || !omnibus.NotWritten(err) {
			t.Fatalf("%v, wanted one that is not written", err)
		}
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for what, text := range map[string]string{
			"error": err.Error(), "log": log.String(), "stacks": string(stacks),
			"configuration": fmt.Sprintf("%+v %#v %v", config, config, config.Properties()), "statistics": fmt.Sprintf("%+v", p.Stats()),
		} {
			if strings.Contains(text, canary) {
				t.Errorf("the password is in the %s", what)
			}
		}
		for _, words := range wanted {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v\ndoes not say %q", err, words)
			}
		}
		if took := time.Since(begun); !slow && took > 3*time.Second {
			t.Errorf("it took %v to say so", took)
		}
		atMostOneAnInterval(t, attempts, time.Since(begun))
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

// lockedText is a log that the producer may write to while the test reads it.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
