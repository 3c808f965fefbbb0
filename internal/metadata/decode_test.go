package metadata

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/wire/shape"
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
		"host with a line break": func(r *kmsg.MetadataResponse) { r.Brokers[0].Host = "b1\nlevel=ERROR" },
		"host with an escape":    func(r *kmsg.MetadataResponse) { r.Brokers[0].Host = "\x1b[2J" },
		"partition named twice":  func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = 0 },
		"partition far off":      func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = 105 },
		"partition 2^31-1":       func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = math.MaxInt32 },
		"partition -1":           func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = -1 },
		"no partitions":          func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions = nil },
		"foreign topic":          func(r *kmsg.MetadataResponse) { r.Topics[0].Topic = kmsg.StringPtr("u") },
		"nameless topic":         func(r *kmsg.MetadataResponse) { r.Topics[0].Topic = nil },
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

// TestAFewBytesDoNotMakeRoomForManyPartitions has a thousand topics that name nothing but their last partition.
func TestAFewBytesDoNotMakeRoomForManyPartitions(t *testing.T) {
	r, asked := hostile(func(*kmsg.MetadataResponse) {}), asksT()
	for i := range 1000 {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = kmsg.StringPtr(fmt.Sprintf("t%d", i))
		asked[*topic.Topic] = struct{}{}
		topic.Partitions = []kmsg.MetadataResponseTopicPartition{{Partition: partitionsMax - 1}}
		r.Topics = append(r.Topics, topic)
	}
	a, err := decode(r, asked)
	if err != nil || len(a.topics) != 1 || a.refused != 1000 {
		t.Fatalf("%d topics, %d refused, %v", len(a.topics), a.refused, err)
	}
	if !strings.Contains(a.refusals[0], "only 1 of its partitions are named") {
		t.Error(a.refusals[0])
	}
}

func TestSomePartitionsMayBeLeftOut(t *testing.T) {
	a, err := decode(hostile(func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].Partition = 100 }), asksT())
	if err != nil || a.topics["t"] == nil || len(a.topics["t"].Partitions) != 101 {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestTheFirstOfTwoBrokersOfAnIDCounts(t *testing.T) {
	a, err := decode(hostile(func(r *kmsg.MetadataResponse) {
		r.Brokers = append(r.Brokers, kmsg.MetadataResponseBroker{NodeID: 1, Host: "elsewhere", Port: 9})
	}), asksT())
	if err != nil || a.refused != 1 || a.brokers[1].Address != "b1:9092" {
		t.Fatalf("brokers %v, refused %v, %v", a.brokers, a.refusals, err)
	}
}

func TestTheFirstOfTwoWordsOnATopicCounts(t *testing.T) {
	a, err := decode(hostile(func(r *kmsg.MetadataResponse) {
		again := r.Topics[0]
		again.ErrorCode = 3
		r.Topics = append(r.Topics, again)
	}), asksT())
	if err != nil || a.refused != 1 || a.topics["t"].Code != 0 {
		t.Fatalf("%+v, refused %v, %v", a.topics["t"], a.refusals, err)
	}
}

func TestAnEndlessClusterIDIsNotKept(t *testing.T) {
	a, err := decode(hostile(func(r *kmsg.MetadataResponse) { r.ClusterID = kmsg.StringPtr(strings.Repeat("x", 256)) }), asksT())
	if err != nil || a.refused != 1 || a.clusterID != "" || a.topics["t"] == nil {
		t.Fatalf("%+v, %v", a, err)
	}
}

// FuzzDecode feeds two answers in any version, one after the other, the way they come: checked for their shape, decoded
// by kmsg, checked here and laid over the picture.
func FuzzDecode(f *testing.F) {
	for _, version := range []int16{0, 8, 12, 13} {
		good := hostile(func(*kmsg.MetadataResponse) {})
		good.Version = version
		moved := hostile(func(r *kmsg.MetadataResponse) {
			r.Topics[0].Partitions[1].LeaderEpoch, r.Topics[0].TopicID = 9, [16]byte{1}
		})
		moved.Version = version
		f.Add(version, good.AppendTo(nil), moved.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, first, second []byte) {
		if version < 0 || version > kmsg.NewPtrMetadataResponse().MaxVersion() {
			return
		}
		picture := &Cluster{Topics: map[string]*Topic{}}
		for _, body := range [][]byte{first, second, first} {
			if a := fuzzedAnswer(t, version, body); a != nil {
				alone, _ := (&Cluster{Topics: map[string]*Topic{}}).merge(a, false, nil)
				wantLeaders(t, alone)
				picture, _ = picture.merge(a, false, nil)
				picture, _ = picture.apply(map[hintKey]Hint{{"t", 0}: {Topic: "t", Leader: 7, LeaderEpoch: 1 << 30,
					Nodes: []Broker{NewBroker(7, string(body[:min(len(body), 300)]), int32(len(body)), "")}}})
			}
		}
		if len(picture.Topics) > 1 {
			t.Fatalf("one topic was asked for: %v", picture.Topics)
		}
		for _, b := range picture.Brokers {
			if err := b.check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// wantLeaders fails the test unless each partition of an answer that is called available has a leader that can be dialed.
func wantLeaders(t *testing.T, picture *Cluster) {
	for name, topic := range picture.Topics {
		for _, p := range topic.Available {
			if leader, ok := picture.Leader(name, p); !ok || leader.check() != nil {
				t.Fatalf("partition %d is available, but its leader is %+v", p, leader)
			}
		}
	}
}

// fuzzedAnswer is the answer in body, or nil if nothing of it can be believed.
func fuzzedAnswer(t *testing.T, version int16, body []byte) *answer {
	if shape.Check(3, version, body) != nil {
		return nil
	}
	r := kmsg.NewPtrMetadataResponse()
	r.Version = version
	if err := r.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	a, err := decode(r, asksT())
	if err != nil {
		return nil
	}
	for _, topic := range a.topics {
		if n := len(topic.Partitions); n > 2*len(body)+missingMax {
			t.Fatalf("%d bytes made room for %d partitions", len(body), n)
		}
	}
	return a
}
