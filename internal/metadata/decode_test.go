package metadata

import (
	"math"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// hostile is an answer with one good broker and one good topic, to be spoilt.
func hostile(spoil func(r *kmsg.MetadataResponse)) *kmsg.MetadataResponse {
	r := kmsg.NewPtrMetadataResponse()
	r.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "b1", Port: 9092}}
	t := kmsg.NewMetadataResponseTopic()
	t.Topic = kmsg.StringPtr("t")
	for _, n := range []int32{2, 0} {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader, p.LeaderEpoch = n, 1, 4
		t.Partitions = append(t.Partitions, p)
	}
	r.Topics = []kmsg.MetadataResponseTopic{t}
	spoil(r)
	return r
}

// asksT are the topics of a request for t alone.
func asksT() map[string]struct{} { return map[string]struct{}{"t": {}} }

func TestPartitionsArePutInOrderAndMissingOnesHaveNoLeader(t *testing.T) {
	a, err := decode(hostile(func(*kmsg.MetadataResponse) {}), asksT())
	if err != nil {
		t.Fatal(err)
	}
	topic := a.topics["t"]
	if len(topic.Partitions) != 3 || topic.Partitions[1].Leader != -1 || topic.Partitions[2].Leader != 1 || len(topic.Available) != 2 {
		t.Fatalf("topic %+v, want partitions 0 and 2 led, 1 without a leader", topic)
	}
}

func TestBadPartsOfAnAnswerAreLeftOut(t *testing.T) {
	for name, spoil := range map[string]func(r *kmsg.MetadataResponse){
		"port 0":      func(r *kmsg.MetadataResponse) { r.Brokers[0].Port = 0 },
		"port 65536":  func(r *kmsg.MetadataResponse) { r.Brokers[0].Port = 65536 },
		"no host":     func(r *kmsg.MetadataResponse) { r.Brokers[0].Host = "" },
		"long host":   func(r *kmsg.MetadataResponse) { r.Brokers[0].Host = strings.Repeat("x", 256) },
		"negative id": func(r *kmsg.MetadataResponse) { r.Brokers[0].NodeID = -5 },
		"endless rack": func(r *kmsg.MetadataResponse) {
			r.Brokers[0].Rack = kmsg.StringPtr(strings.Repeat("x", rackBytesMax+1))
		},
		"partition 2^31-1": func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = math.MaxInt32 },
		"partition -1":     func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = -1 },
		"no partitions":    func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions = nil },
		"foreign topic":    func(r *kmsg.MetadataResponse) { r.Topics[0].Topic = kmsg.StringPtr("u") },
		"nameless topic":   func(r *kmsg.MetadataResponse) { r.Topics[0].Topic = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := hostile(spoil)
			r.Brokers = append(r.Brokers, kmsg.MetadataResponseBroker{NodeID: 2, Host: "b2", Port: 9092})
			a, err := decode(r, asksT())
			if err != nil || a.refused != 1 || len(a.refusals) != 1 {
				t.Fatalf("error %v, refusals %v, want one part left out", err, a.refusals)
			}
			if len(a.brokers)+len(a.topics) != 2 || a.brokers[2].Address != "b2:9092" {
				t.Fatalf("brokers %v, topics %v, want all but the bad part", a.brokers, a.topics)
			}
		})
	}
}

func TestAnswersOfNoUseAreFailures(t *testing.T) {
	for name, spoil := range map[string]func(r *kmsg.MetadataResponse){
		"no brokers":          func(r *kmsg.MetadataResponse) { r.Brokers = nil },
		"only bad brokers":    func(r *kmsg.MetadataResponse) { r.Brokers[0].Port = -1 },
		"error code":          func(r *kmsg.MetadataResponse) { r.ErrorCode = 129 },
		"unheard-of code":     func(r *kmsg.MetadataResponse) { r.ErrorCode = 999 },
		"far too many broker": func(r *kmsg.MetadataResponse) { r.Brokers = make([]kmsg.MetadataResponseBroker, brokersMax+1) },
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := decode(hostile(spoil), asksT()); err == nil {
				t.Fatalf("decoded %+v, want an error", a)
			}
		})
	}
}

func TestOddLeadersAndEpochsAreMadeHarmless(t *testing.T) {
	a, err := decode(hostile(func(r *kmsg.MetadataResponse) {
		p := r.Topics[0].Partitions
		p[0].Leader, p[0].LeaderEpoch = math.MinInt32, math.MinInt32
		p[1].Leader = math.MaxInt32
		p[1].Replicas = make([]int32, math.MaxInt16+1)
	}), asksT())
	if err != nil {
		t.Fatal(err)
	}
	got := a.topics["t"].Partitions
	if got[2] != (Partition{Leader: -1, LeaderEpoch: -1}) || got[0] != (Partition{Leader: -1, LeaderEpoch: 4, Replicas: math.MaxInt16}) {
		t.Fatalf("partitions %+v", got)
	}
}

// FuzzDecode feeds answers of version 8, the last one without tagged fields: kmsg reads billions of those if told so.
func FuzzDecode(f *testing.F) {
	good := hostile(func(*kmsg.MetadataResponse) {})
	good.Version = 8
	f.Add(good.AppendTo(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := kmsg.NewPtrMetadataResponse()
		r.Version = 8
		if r.ReadFrom(body) != nil {
			return
		}
		a, err := decode(r, asksT())
		if err != nil {
			return
		}
		picture := &Cluster{Topics: map[string]*Topic{}}
		for range 2 {
			picture, _ = picture.merge(a, false, nil)
		}
		for name, topic := range picture.Topics {
			for _, p := range topic.Available {
				if _, ok := picture.Leader(name, p); !ok {
					t.Fatalf("partition %d is available, but its leader is not known", p)
				}
			}
		}
	})
}
