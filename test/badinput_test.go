package test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kerr"
)

// patience is how long these tests let a call wait.
const patience = 3 * time.Second

// refusedWith checks an error of a record that was not accepted or not written: it must name all of these.
func refusedWith(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if !omnibus.NotWritten(err) {
		t.Errorf("the error does not prove that nothing was written")
	}
	names(t, err, want...)
}

// names checks that an error is one line and says all of these.
func names(t *testing.T, err error, want ...string) {
	t.Helper()
	t.Log(err)
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines")
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q", text)
		}
	}
}

// took checks how long a call has lasted.
func took(t *testing.T, passed, least, most time.Duration) {
	t.Helper()
	if passed < least || passed > most {
		t.Errorf("it took %v, want %v to %v", passed.Round(time.Millisecond), least, most)
	}
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	proxy := kafkatest.NewProxy(t, "127.0.0.1:1") // keeps the port from others
	proxy.Refuse(true)
	return proxy.Addr()
}

// silentPort takes connections, and bytes, and says nothing.
func silentPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// webServer speaks HTTP, over TLS if config is set.
func webServer(t *testing.T, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config != nil {
		server.TLS = config
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// sent is what came of a Send that could not succeed.
type sent struct {
	err   error
	took  time.Duration
	ready error // what Ready said afterwards
}

// sendAtOnce calls send for 0 to n-1 side by side, since all that each does is wait.
func sendAtOnce(n int, send func(i int) sent) []sent {
	results := make([]sent, n)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = send(i) })
	}
	group.Wait()
	return results
}

// TestAnAddressThatIsNoBrokersIsExplained sends to addresses that are wrong in every usual way. What is wrong must be in the
// error of a Send whose context, or max.block.ms, ends long before a connect timeout does.
func TestAnAddressThatIsNoBrokersIsExplained(t *testing.T) {
	noLeaks(t)
	cases := []struct {
		name    string
		address string
		want    []string
	}{
		{"wrong port", closedPort(t), []string{"tcp: ", "connection refused", "nothing listens there", "check that the broker runs"}},
		{"unknown host", "no-such-host.invalid:9092", []string{"dns: "}},
		{"web server", webServer(t, nil), []string{"api: ", "the port answers in HTTP; this is a web server's address"}},
		{"TLS", webServer(t, new(tls.Config)), []string{"closed it at the first request", "may expect TLS"}},
		{"silent", silentPort(t), []string{"api: ", "the port took the connection but did not answer within ", "may want TLS"}},
	}
	// Of two that share an address the first is ended by its context and the second by max.block.ms.
	producers := make([]*omnibus.Producer, 2*len(cases))
	for i := range producers {
		producers[i] = openOn(t, []string{cases[i/2].address}, func(c *omnibus.Config) {
			if i%2 == 1 {
				c.MaxBlock = patience
			}
		})
	}
	results := sendAtOnce(len(producers), func(i int) sent {
		began := time.Now()
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if i%2 == 0 {
			ctx, cancel = context.WithTimeout(ctx, patience)
		}
		defer cancel()
		_, err := producers[i].Send(ctx, omnibus.Record{Topic: "orders"})
		took := time.Since(began)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		return sent{err, took, producers[i].Ready(ended)}
	})
	for i, got := range results {
		c, ending := cases[i/2], [...]string{"context deadline exceeded", "max.block.ms ran out"}[i%2]
		t.Run(c.name+", "+ending, func(t *testing.T) {
			refusedWith(t, got.err, append(c.want, `"orders"`, c.address, "("+ending+")")...)
			took(t, got.took, patience, patience+2*time.Second)
			if is := errors.Is(got.err, context.DeadlineExceeded); is != (i%2 == 0) {
				t.Errorf("the error is the context's: %v", is)
			}
			if got.ready == nil || !strings.Contains(got.ready.Error(), c.address) {
				t.Errorf("Ready says %v, not the address", got.ready)
			}
		})
	}
}

func TestAnAddressThatCannotBeOneIsRefusedByOpen(t *testing.T) {
	for address, want := range map[string]string{
		"localhost": "port", "": "host:port", "localhost:http": "port", "localhost:99999": "65535", "::1:9092": "[", "http://localhost:9092": "http",
	} {
		_, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: []string{address}})
		var mistake *omnibus.ConfigError
		if !errors.As(err, &mistake) || !strings.HasPrefix(mistake.Field, "Brokers") || mistake.JavaName != "bootstrap.servers" {
			t.Errorf("%q: %v, want a mistake in Brokers", address, err)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), address) {
			t.Errorf("%q: %v; it does not name the address and %q", address, err, want)
		}
	}
}

// waits is a record that was accepted and cannot be acknowledged, and what a caller must be told who waits for it.
type waits struct {
	name  string
	fault func(c *kafkatest.Cluster, config *omnibus.Config)
	// want is what a PendingError says, final what the error of a delivery timeout does.
	want, final []string
}

func reasonsToWait() []waits {
	return []waits{
		{"silent broker", func(c *kafkatest.Cluster, _ *omnibus.Config) { c.Swallow(kafkatest.Produce, kafkatest.Always) },
			[]string{"127.0.0.1:", "has not answered Produce", " for "}, []string{"127.0.0.1:", "lost while Produce", "request timeout"}},
		{"too few replicas", func(c *kafkatest.Cluster, _ *omnibus.Config) {
			c.Fail(kafkatest.Produce, kerr.NotEnoughReplicas.Code, kafkatest.Always)
		}, []string{"NOT_ENOUGH_REPLICAS", "min.insync.replicas"}, []string{"NOT_ENOUGH_REPLICAS", "min.insync.replicas"}},
		{"connections that break", func(c *kafkatest.Cluster, _ *omnibus.Config) {
			c.Disconnect(kafkatest.Produce, kafkatest.Always)
		}, []string{"127.0.0.1:", "lost while Produce"}, []string{"127.0.0.1:", "lost while Produce"}},
		// The classic mistake: the bootstrap address is reachable, the address that the broker advertises is not.
		{"advertised address", func(c *kafkatest.Cluster, config *omnibus.Config) {
			behind := c.Brokers()[0]
			config.Brokers = []string{"bootstrap:9092"}
			config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == "bootstrap:9092" {
					return c.Dial(ctx, network, behind)
				}
				return nil, &net.DNSError{Err: "no such host", Name: "kafka.internal", IsNotFound: true}
			}
		}, []string{"connect to 127.0.0.1:", "dns: ", "advertised.listeners"}, []string{"cannot be reached", "dns: ", "advertised.listeners"}},
	}
}

// sendInVain sends a record under each of the reasons, with a context that ends after wait, and closes the producers.
func sendInVain(t *testing.T, reasons []waits, wait time.Duration, configure func(*omnibus.Config)) []sent {
	t.Helper()
	producers := make([]*omnibus.Producer, len(reasons))
	for i, w := range reasons {
		c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
		config := omnibus.Config{Brokers: c.Brokers(), Logger: slog.New(slog.DiscardHandler), CloseTimeout: omnibus.None}
		configure(&config)
		w.fault(c, &config)
		p, err := omnibus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		producers[i] = p
	}
	return sendAtOnce(len(producers), func(i int) sent {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		began := time.Now()
		_, err := producers[i].Send(ctx, omnibus.Record{Topic: "t"})
		return sent{err: err, took: time.Since(began)}
	})
}

// TestARecordThatWaitsTellsWhy is about records that were accepted: the end of the context is no outcome, but what keeps
// the record is known and must be said.
func TestARecordThatWaitsTellsWhy(t *testing.T) {
	noLeaks(t)
	reasons := reasonsToWait()
	for i, got := range sendInVain(t, reasons, patience, func(*omnibus.Config) {}) {
		t.Run(reasons[i].name, func(t *testing.T) {
			var pending *omnibus.PendingError
			if !errors.As(got.err, &pending) || !errors.Is(got.err, context.DeadlineExceeded) || omnibus.Unknown(got.err) || omnibus.NotWritten(got.err) {
				t.Fatalf("%v, want a PendingError", got.err)
			}
			names(t, got.err, append(reasons[i].want, "the record goes on", "context deadline exceeded")...)
		})
	}
}

// TestADeliveryTimeoutTellsWhy is the same for those who wait for the outcome.
func TestADeliveryTimeoutTellsWhy(t *testing.T) {
	noLeaks(t)
	reasons := reasonsToWait()
	results := sendInVain(t, reasons, time.Minute, func(c *omnibus.Config) {
		c.RequestTimeout, c.DeliveryTimeout, c.Linger = 2*time.Second, patience, omnibus.None
	})
	for i, got := range results {
		t.Run(reasons[i].name, func(t *testing.T) {
			if !errors.Is(got.err, omnibus.ErrDeliveryTimeout) {
				t.Fatalf("%v, want ErrDeliveryTimeout", got.err)
			}
			took(t, got.took, patience, patience+2*time.Second)
			names(t, got.err, append(reasons[i].final, "delivery.timeout.ms", `topic "t" partition 0`)...)
		})
	}
}

// eachCluster runs a test on kfake, and on real Kafka.
func eachCluster(t *testing.T, test func(t *testing.T, brokers []string, create func(topic string, partitions int, configs map[string]string))) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) {
		noLeaks(t)
		c := kafkatest.Start(t)
		test(t, c.Brokers(), c.CreateTopic)
	})
	t.Run("Kafka", func(t *testing.T) {
		k := realKafka(t)
		noLeaks(t)
		test(t, k.Brokers(), k.CreateTopic)
	})
}

func TestAnUnknownTopicIsNamedWithWhatToDo(t *testing.T) {
	eachCluster(t, func(t *testing.T, brokers []string, _ func(string, int, map[string]string)) {
		want := []string{`"no-such-topic"`, "UNKNOWN_TOPIC_OR_PARTITION", "auto.create.topics.enable", "kafka-topics.sh --create --topic no-such-topic"}
		p := openOn(t, brokers, func(c *omnibus.Config) { c.MaxBlock = patience })
		began := time.Now()
		_, err := p.Send(t.Context(), omnibus.Record{Topic: "no-such-topic"})
		refusedWith(t, err, append(want, "max.block.ms")...)
		took(t, time.Since(began), patience, patience+2*time.Second)
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Error("errors.Is does not find Kafka's error")
		}
		_, err = p.Send(bounded(t, time.Second), omnibus.Record{Topic: "no-such-topic"})
		refusedWith(t, err, append(want, "context deadline exceeded")...)
	})
}

func TestARecordAboveMaxRequestSizeIsRefusedAtOnce(t *testing.T) {
	noLeaks(t)
	c := kafkatest.Start(t, kafkatest.Topic("t", 1))
	p := openOn(t, c.Brokers())
	err := p.EnqueueFunc(t.Context(), omnibus.Record{Topic: "t", Value: make([]byte, 2*megabyte)}, nil)
	refusedWith(t, err, "record is too large", "2097", "1048", "max.request.size", "Config.MaxRequestBytes", "max.message.bytes")
	if !errors.Is(err, omnibus.ErrRecordTooLarge) {
		t.Error("the error is not ErrRecordTooLarge")
	}
}

// TestARecordTheBrokerFindsTooLargeIsRefusedAlone sends one among others in the same batch.
func TestARecordTheBrokerFindsTooLargeIsRefusedAlone(t *testing.T) {
	eachCluster(t, func(t *testing.T, brokers []string, create func(string, int, map[string]string)) {
		create("small", 1, map[string]string{"max.message.bytes": "10000"})
		p := openOn(t, brokers, func(c *omnibus.Config) { c.Linger = time.Second })
		records := []omnibus.Record{
			{Topic: "small", Value: make([]byte, 100)}, {Topic: "small", Value: make([]byte, 20_000)}, {Topic: "small", Value: make([]byte, 200)},
		}
		results := p.SendAll(bounded(t, time.Minute), records)
		refusedWith(t, results[1].Err, `topic "small" partition 0`, "record is too large", "MESSAGE_TOO_LARGE", "max.message.bytes", "Config.MaxRequestBytes", "20")
		if !errors.Is(results[1].Err, omnibus.ErrRecordTooLarge) || !errors.Is(results[1].Err, kerr.MessageTooLarge) {
			t.Error("the error is not ErrRecordTooLarge and Kafka's MESSAGE_TOO_LARGE")
		}
		if results[0].Err != nil || results[2].Err != nil {
			t.Errorf("the records beside it: %v, %v", results[0].Err, results[2].Err)
		}
		log := kafkatest.ReadTopic(t, brokers, "small")[0]
		if len(log) != 2 || len(log[0].Value) != 100 || len(log[1].Value) != 200 {
			t.Errorf("%d records in the log, want the two others in order", len(log))
		}
	})
}

func TestAPartitionOutOfRangeIsNamedWithTheRange(t *testing.T) {
	eachCluster(t, func(t *testing.T, brokers []string, create func(string, int, map[string]string)) {
		create("six", 6, nil)
		p := openOn(t, brokers)
		began := time.Now()
		_, err := p.Send(t.Context(), omnibus.Record{Topic: "six", Partition: omnibus.At(6)})
		refusedWith(t, err, "invalid record", `partition 6 of topic "six" does not exist`, "it has 6 (0 to 5)", "name one of these, or add partitions")
		took(t, time.Since(began), 0, patience+2*time.Second)
		began = time.Now()
		_, err = p.Send(t.Context(), omnibus.Record{Topic: "six", Partition: omnibus.At(-1)})
		refusedWith(t, err, "invalid record", "partition -1 is negative", "leave Record.Partition zero")
		took(t, time.Since(began), 0, time.Second)
		for _, refused := range []omnibus.Partition{omnibus.At(6), omnibus.At(-1)} {
			if _, err := p.TryEnqueue(t.Context(), omnibus.Record{Topic: "six", Partition: refused}); !errors.Is(err, omnibus.ErrInvalidRecord) {
				t.Errorf("TryEnqueue: %v, want ErrInvalidRecord", err)
			}
		}
	})
}

func TestAnInvalidTopicNameIsRefusedAtOnce(t *testing.T) {
	noLeaks(t)
	p := openOn(t, []string{silentPort(t)})
	for _, name := range []string{"", ".", "..", "two words", "größe", "a/b", "a\nb", strings.Repeat("x", 250), strings.Repeat("y", 100_000)} {
		began := time.Now()
		_, err := p.Send(t.Context(), omnibus.Record{Topic: name})
		refusedWith(t, err, "invalid record", "is no topic's name", "1 to 249 of a-z, A-Z, 0-9")
		took(t, time.Since(began), 0, time.Second)
		if !errors.Is(err, omnibus.ErrInvalidRecord) {
			t.Errorf("%v is not ErrInvalidRecord", err)
		}
		if len(err.Error()) > 2000 {
			t.Errorf("the error has %d characters", len(err.Error()))
		}
		if _, err := p.PartitionsFor(t.Context(), name); !errors.Is(err, omnibus.ErrInvalidRecord) {
			t.Errorf("PartitionsFor: %v", err)
		}
	}
}

func TestATimestampBefore1970IsRefused(t *testing.T) {
	noLeaks(t)
	c := kafkatest.Start(t, kafkatest.Topic("t", 1))
	p := openOn(t, c.Brokers())
	_, err := p.Send(t.Context(), omnibus.Record{Topic: "t", Timestamp: time.UnixMilli(-1)})
	refusedWith(t, err, "invalid record", "timestamp 1969-12-31", "leave Record.Timestamp zero for now")
}

func TestAnUnauthorizedTopicIsNamedWithWhatToGrant(t *testing.T) {
	noLeaks(t)
	c := kafkatest.Start(t, kafkatest.Topic("unseen", 1), kafkatest.Topic("read-only", 1))
	c.Fail(kafkatest.Metadata, kerr.TopicAuthorizationFailed.Code, kafkatest.Always, kafkatest.OnTopic("unseen"))
	c.Fail(kafkatest.Produce, kerr.TopicAuthorizationFailed.Code, kafkatest.Always, kafkatest.OnTopic("read-only"))
	p := openOn(t, c.Brokers())
	began := time.Now()
	_, err := p.Send(t.Context(), omnibus.Record{Topic: "unseen"})
	refusedWith(t, err, `"unseen"`, "TOPIC_AUTHORIZATION_FAILED", `User:ANONYMOUS lacks Write on topic "unseen"`, "--allow-principal User:ANONYMOUS --operation Write --topic unseen", "--operation Create")
	_, err = p.Send(t.Context(), omnibus.Record{Topic: "read-only"})
	refusedWith(t, err, `"read-only" partition 0`, "TOPIC_AUTHORIZATION_FAILED", `User:ANONYMOUS lacks Write`, "--operation Write --topic read-only")
	took(t, time.Since(began), 0, patience)
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Error("errors.Is does not find Kafka's error")
	}
}

func TestEveryMistakeInAPropertiesFileIsNamed(t *testing.T) {
	const file = `# a producer's
bootstrap.servers=localhost:9092
acks=most
linger.ms=5 seconds
compression.tpye=zstd
batch.size=1000
`
	config, _, err := omnibus.ParseProperties(strings.NewReader(file))
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
	lines := strings.Split(err.Error(), "\n")
	want := [][]string{
		{"line 3: ", "acks", `"most"`, "all", "1", "0"},
		{"line 4: ", "linger.ms", `"5 seconds"`, "milliseconds"},
		{"line 5: ", "compression.tpye", "compression.type"},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d mistakes, want %d", len(lines), len(want))
	}
	for i, texts := range want {
		for _, text := range texts {
			if !strings.Contains(lines[i], text) {
				t.Errorf("%q does not say %q", lines[i], text)
			}
		}
	}
	if config.BatchBytes != 1000 || len(config.Brokers) != 1 {
		t.Error("what was right is not in the Config")
	}
}
