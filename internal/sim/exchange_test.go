package sim

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

func TestAForeignRecordIsReadLikeAnyOther(t *testing.T) {
	c, err := Start(Options{Stepped: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.AddTopic("t", 1, TopicOptions(model.TopicOptions{Compacted: true}))
	c.WriteForeign("t", 0, 3, []byte("v"))
	c.WriteForeign("t", 1, 3, []byte("nobody leads it"))
	records := c.Records("t", 0)
	if len(records) != 3 || records[2].Offset != 2 || string(records[2].Value) != "v" {
		t.Errorf("%+v", records)
	}
}

func TestAnExchangeIsOverWhenTheOthersHaveTheBatch(t *testing.T) {
	c, err := Start(Options{Nodes: 2, Stepped: true, Rules: model.Options{Stepwise: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.AddTopic("t", 1, TopicOptions(model.TopicOptions{MinInSync: 2}))
	at := model.TopicPartition{Topic: "t"}
	x, err := c.Begin(1, produceFrame(t, "t", foreignBytes(time.Now(), 2, []byte("v"))), nil)
	if err != nil || x.Over() || x.Response() != nil {
		t.Fatalf("error %v, over too early", err)
	}
	c.Model(func(now time.Time, m *model.Cluster) {
		for range 2 {
			m.Replicate(now, at, 2)
		}
	})
	if !x.Over() || x.Response() == nil || x.Failed() || len(x.Frame(x.Response())) == 0 {
		t.Error("not over, or failed")
	}
	if _, err := c.Begin(1, []byte{1, 2, 3}, nil); err == nil {
		t.Error("three bytes are a request")
	}
}

// produceFrame is a Produce request with a batch for partition 0, without its size.
func produceFrame(t *testing.T, topic string, records []byte) []byte {
	t.Helper()
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks, r.TimeoutMillis = 9, -1, 1000
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = records
	named := kmsg.NewProduceRequestTopic()
	named.Topic, named.Partitions = topic, []kmsg.ProduceRequestTopicPartition{part}
	r.Topics = append(r.Topics, named)
	return kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)[4:]
}
