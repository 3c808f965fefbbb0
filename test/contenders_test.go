package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// contender is a producer that goes through a scenario beside others: this one, or one of the two clients whose behaviour the
// scenario is about. All are idempotent, with acks=all and five requests in flight, and patient: no request times out while
// answers are withheld.
type contender struct {
	name string
	// send hands a record over, which leaves at once in a batch of its own.
	send func(line line)
	// flush waits until each record has an outcome, and tells those that failed.
	flush func() []string
	// close ends the producer.
	close func()
}

// line is a record of a scenario.
type line struct {
	topic     string
	partition int32
	value     string
	at        time.Time
}

// requestMax is the request timeout of the contenders, and flushMax what they have to come to an end.
const (
	requestMax = 60 * time.Second
	flushMax   = 2 * requestMax
)

// ours is the producer under test, with what it told.
type ours struct {
	*omnibus.Producer
	outcomes map[string]omnibus.Result
	losses   struct {
		sync.Mutex
		all []omnibus.DataLoss
	}
}

// openOurs opens the producer under test.
func openOurs(t *testing.T, brokers []string) (*ours, *contender) {
	t.Helper()
	o := &ours{outcomes: make(map[string]omnibus.Result)}
	p, err := omnibus.Open(t.Context(), omnibus.Config{
		Brokers: brokers, BatchBytes: omnibus.None, RequestTimeout: requestMax, Logger: slog.New(slog.DiscardHandler),
		Trace: &omnibus.Trace{DataLost: func(l omnibus.DataLoss) {
			o.losses.Lock()
			defer o.losses.Unlock()
			o.losses.all = append(o.losses.all, l)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Producer = p
	deliveries := make(map[string]omnibus.Delivery)
	return o, &contender{
		name: "omnibus",
		send: func(l line) {
			t.Helper()
			d, err := p.Enqueue(t.Context(), omnibus.Record{
				Topic: l.topic, Partition: omnibus.At(l.partition), Value: []byte(l.value), Timestamp: l.at,
			})
			if err != nil {
				t.Fatalf("%s: %v", l.value, err)
			}
			deliveries[l.value] = d
		},
		flush: func() (failed []string) {
			t.Helper()
			ctx := bounded(t, flushMax)
			for value, d := range deliveries {
				ack, err := d.Wait(ctx)
				o.outcomes[value] = omnibus.Result{Ack: ack, Err: err}
				if err != nil {
					failed = append(failed, fmt.Sprintf("%s: %v", value, err))
				}
			}
			clear(deliveries)
			return failed
		},
		close: func() {
			if err := p.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		},
	}
}

// openFranz opens franz-go's producer.
func openFranz(t *testing.T, brokers []string) *contender {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ProduceRequestTimeout(requestMax), kgo.RequestTimeoutOverhead(requestMax), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	var failures struct {
		sync.Mutex
		all []string
	}
	return &contender{
		name: "franz-go",
		send: func(l line) {
			r := &kgo.Record{Topic: l.topic, Partition: l.partition, Value: []byte(l.value), Timestamp: l.at}
			client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
				if err != nil {
					failures.Lock()
					defer failures.Unlock()
					failures.all = append(failures.all, fmt.Sprintf("%s: %v", r.Value, err))
				}
			})
		},
		flush: func() []string {
			if err := client.Flush(bounded(t, flushMax)); err != nil {
				t.Errorf("franz-go: %v", err)
			}
			failures.Lock()
			defer failures.Unlock()
			told := failures.all
			failures.all = nil
			return told
		},
		close: client.Close,
	}
}

// javas is a process with producers of Kafka's own client.
type javas struct {
	orders  io.WriteCloser
	ended   chan struct{}
	dir     string
	flushes int
}

// startJavas starts the process. It must be ended before the test function returns.
func startJavas(t *testing.T) *javas {
	in, orders := io.Pipe()
	j := &javas{orders: orders, ended: make(chan struct{}), dir: t.TempDir()}
	go func() {
		defer close(j.ended)
		defer in.CloseWithError(errors.New("the Java producers have ended"))
		kafkatest.RunJavaSource(t, "testdata/Producers.java", in)
	}()
	return j
}

// end ends the process.
func (j *javas) end() {
	j.orders.Close()
	<-j.ended
}

// order has the process do something.
func (j *javas) order(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(j.orders, format+"\n", args...); err != nil {
		t.Fatalf(format+": %v", append(args, err)...)
	}
}

// open opens one of Java's producers, with its own settings where these are given.
func (j *javas) open(t *testing.T, name string, brokers []string, settings ...string) *contender {
	t.Helper()
	timeout, delivery := requestMax.Milliseconds(), flushMax.Milliseconds()
	j.order(t, "open %s bootstrap.servers=%s batch.size=0 linger.ms=0 request.timeout.ms=%d delivery.timeout.ms=%d %s",
		name, strings.Join(brokers, ","), timeout, delivery, strings.Join(settings, " "))
	return &contender{
		name: "Java",
		send: func(l line) {
			at := l.at
			if at.IsZero() {
				at = time.Now()
			}
			j.order(t, "send %s %s %d %d %s", name, l.topic, l.partition, at.UnixMilli(), l.value)
		},
		flush: func() []string { return j.flush(t, name) },
		close: func() { j.order(t, "close %s", name) },
	}
}

// flush waits until each record of a producer has an outcome.
func (j *javas) flush(t *testing.T, name string) (failed []string) {
	t.Helper()
	j.flushes++
	file := filepath.Join(j.dir, fmt.Sprint("flush-", j.flushes))
	j.order(t, "flush %s %s", name, file)
	var told []byte
	eventually(t, flushMax, "Java's producer has its outcomes", func() bool {
		var err error
		told, err = os.ReadFile(file)
		return err == nil
	})
	if len(told) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(told)), "\n")
}

// bystander writes to the same partitions as the contenders, and looks at them, past all proxies.
type bystander struct {
	t      *testing.T
	k      *kafkatest.Kafka
	client *kgo.Client
}

func newBystander(t *testing.T, k *kafkatest.Kafka) *bystander {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.DirectBrokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &bystander{t, k, client}
}

// write appends a record.
func (b *bystander) write(l line) {
	b.t.Helper()
	r := &kgo.Record{Topic: l.topic, Partition: l.partition, Value: []byte(l.value)}
	if err := b.client.ProduceSync(bounded(b.t, time.Minute), r).FirstErr(); err != nil {
		b.t.Fatalf("%s: %v", l.value, err)
	}
}

// waitEnd waits until consumers see so many records of a partition.
func (b *bystander) waitEnd(topic string, partition int32, want int64) {
	b.t.Helper()
	admin := kadm.NewClient(b.client)
	eventually(b.t, time.Minute, fmt.Sprintf("partition %d of %s has %d records", partition, topic, want), func() bool {
		ends, err := admin.ListEndOffsets(b.t.Context(), topic)
		if err != nil {
			b.t.Fatal(err)
		}
		end, ok := ends.Lookup(topic, partition)
		return ok && end.Offset >= want
	})
}

// values are what a topic's partitions hold.
func (b *bystander) values(topic string) [][]string {
	b.t.Helper()
	var all [][]string
	for _, records := range kafkatest.ReadTopic(b.t, b.k.DirectBrokers(), topic) {
		values := []string{}
		for _, r := range records {
			values = append(values, string(r.Value))
		}
		all = append(all, values)
	}
	return all
}

// twice counts the records that stand in a log again.
func twice(log []string) (n int) {
	seen := make(map[string]bool)
	for _, value := range log {
		if seen[value] {
			n++
		}
		seen[value] = true
	}
	return n
}
