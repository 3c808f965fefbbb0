package test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// lostAnswers is how many batches are in the log without the producer's knowing: as many as a running broker recognises,
// four more than one that was restarted.
const lostAnswers = 5

// TestNothingIsWrittenTwiceWhenAnswersAreLostAndTheBrokerRestarts lets five batches be appended, their answers lost, and the
// broker restarted, while another producer writes to the same partition. Java's producer and franz-go write all five twice.
func TestNothingIsWrittenTwiceWhenAnswersAreLostAndTheBrokerRestarts(t *testing.T) {
	kafkatest.RequireKafka(t)
	noLeaks(t)
	k := kafkatest.StartKafka(t, 1, kafkatest.BehindProxies())
	for _, restart := range []struct {
		name string
		stop func(*kafkatest.Node)
	}{
		{"kill", (*kafkatest.Node).Kill},
		{"terminate", (*kafkatest.Node).Stop},
	} {
		t.Run(restart.name, func(t *testing.T) {
			topic := "settling-" + restart.name
			k.CreateTopic(topic, 1, nil)
			other := openOther(t, k, topic)
			p, err := omnibus.Open(t.Context(), omnibus.Config{
				Brokers: k.Brokers(), BatchBytes: omnibus.None, RequestTimeout: 60 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			ack, err := p.Send(t.Context(), omnibus.Record{Topic: topic, Value: []byte("w0")})
			if err != nil || ack.Offset != 0 {
				t.Fatal(ack, err)
			}
			k.Proxy(1).SwallowResponses(true)
			var deliveries []omnibus.Delivery
			for i := range lostAnswers {
				d, err := p.Enqueue(t.Context(), omnibus.Record{Topic: topic, Value: fmt.Appendf(nil, "r%d", i+1)})
				if err != nil {
					t.Fatal(err)
				}
				deliveries = append(deliveries, d)
				other.waitEnd(t, int64(2*i+2))
				other.write(t, fmt.Sprintf("x%d", i+1))
			}
			restart.stop(k.Node(1))
			k.Proxy(1).CutAll()
			k.Proxy(1).SwallowResponses(false)
			k.Node(1).Start()
			k.WaitReady()
			for i, d := range deliveries {
				ack, err := d.Wait(t.Context())
				if want := int64(2*i + 1); err != nil || ack.Offset != want {
					t.Errorf("r%d: offset %d, error %v, want offset %d", i+1, ack.Offset, err, want)
				}
			}
			t.Logf("%+v", p.Stats().RequestStats)
			var got []string
			for _, r := range kafkatest.ReadTopic(t, k.DirectBrokers(), topic)[0] {
				got = append(got, string(r.Value))
			}
			if want := "[w0 r1 x1 r2 x2 r3 x3 r4 x4 r5 x5]"; fmt.Sprint(got) != want {
				t.Errorf("the log has\n%v, want\n%v", got, want)
			}
		})
	}
}

// other is another producer of a topic with one partition, beside the proxies.
type other struct {
	client *kgo.Client
	topic  string
}

func openOther(t *testing.T, k *kafkatest.Kafka, topic string) *other {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.DirectBrokers()...), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &other{client, topic}
}

// write appends a record.
func (o *other) write(t *testing.T, value string) {
	t.Helper()
	if err := o.client.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// waitEnd waits until the partition has so many records.
func (o *other) waitEnd(t *testing.T, want int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		ends, err := kadm.NewClient(o.client).ListEndOffsets(ctx, o.topic)
		if err != nil {
			t.Fatal(err)
		}
		if end, ok := ends.Lookup(o.topic, 0); ok && end.Offset >= want {
			return
		}
	}
}
