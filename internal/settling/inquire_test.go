package settling

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
)

// us is the producer that asks; others write to the same log.
const us, others = 42, 43

// logged is a batch in the log of a leader: records of a producer, one a millisecond from 1,000 on, at its base offset.
type logged struct {
	producer int64
	epoch    int16
	first    int32
	base     int64
	records  int64
}

// leader answers like a broker that leads partition 3 of topic "t" in epoch 5.
type leader struct {
	t          *testing.T
	remembers  []kmsg.DescribeProducersResponseTopicPartitionActiveProducer
	log        []logged
	start      int64
	high, end  int64
	epoch      int32
	refuses    map[int16]int16 // error codes by API
	answers    map[int16]int   // by API
	fetchLimit int             // batches in an answer
	trims      map[int64]int64 // where the log begins, once it was read to an offset
	replicated bool            // the high watermark comes to the log's end behind the first search by time
}

func (l *leader) RequestTo(_ context.Context, id int32, request kmsg.Request) (kmsg.Response, error) {
	if id != 7 {
		l.t.Errorf("broker %d was asked", id)
	}
	l.answers[request.Key()]++
	if l.answers[request.Key()] > 50 {
		return nil, errors.New("asked without end")
	}
	switch r := request.(type) {
	case *kmsg.DescribeProducersRequest:
		return l.describe(r), nil
	case *kmsg.OffsetForLeaderEpochRequest:
		return l.endOfEpoch(r), nil
	case *kmsg.ListOffsetsRequest:
		return l.offset(r), nil
	case *kmsg.FetchRequest:
		return l.fetch(r), nil
	case namedFetch:
		if r.MaxVersion() != 12 {
			l.t.Errorf("a topic without an id is fetched in version %d", r.MaxVersion())
		}
		return l.fetch(r.FetchRequest), nil
	}
	return nil, fmt.Errorf("%w: %T", broker.ErrUnsupported, request)
}

func (l *leader) describe(r *kmsg.DescribeProducersRequest) kmsg.Response {
	response := kmsg.NewPtrDescribeProducersResponse()
	for _, asked := range r.Topics {
		topic := kmsg.NewDescribeProducersResponseTopic()
		topic.Topic = asked.Topic
		for _, n := range asked.Partitions {
			partition := kmsg.NewDescribeProducersResponseTopicPartition()
			partition.Partition, partition.ErrorCode = n, l.refuses[61]
			partition.ActiveProducers = l.remembers
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

func (l *leader) endOfEpoch(r *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	response := kmsg.NewPtrOffsetForLeaderEpochResponse()
	partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	partition.EndOffset = l.end
	partition.ErrorCode = l.fence(r.Topics[0].Partitions[0].CurrentLeaderEpoch)
	topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	return response
}

// fence refuses who has another idea of the leader epoch.
func (l *leader) fence(epoch int32) int16 {
	if epoch != l.epoch {
		return kerr.FencedLeaderEpoch.Code
	}
	return 0
}

func (l *leader) offset(r *kmsg.ListOffsetsRequest) kmsg.Response {
	asked := r.Topics[0].Partitions[0]
	partition := kmsg.NewListOffsetsResponseTopicPartition()
	partition.ErrorCode = l.fence(asked.CurrentLeaderEpoch)
	switch {
	case asked.Timestamp == -2:
		partition.Offset = l.start
	case asked.Timestamp == -1:
		partition.Offset = l.high
	case asked.Timestamp-1000 < l.high:
		partition.Offset = max(asked.Timestamp-1000, l.start)
	default:
		partition.Offset = -1
		if l.replicated {
			l.high = l.end
		}
	}
	response := kmsg.NewPtrListOffsetsResponse()
	topic := kmsg.NewListOffsetsResponseTopic()
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	return response
}

func (l *leader) fetch(r *kmsg.FetchRequest) kmsg.Response {
	asked := r.Topics[0].Partitions[0]
	partition := kmsg.NewFetchResponseTopicPartition()
	partition.HighWatermark, partition.LogStartOffset = l.high, -1
	l.start = max(l.start, l.trims[asked.FetchOffset])
	switch {
	case l.refuses[1] != 0:
		partition.ErrorCode = l.refuses[1]
	case asked.FetchOffset < l.start || asked.FetchOffset > l.end:
		partition.ErrorCode = kerr.OffsetOutOfRange.Code
	default:
		given := 0
		for _, b := range l.log {
			if b.base+b.records > asked.FetchOffset && b.base < l.high && given < l.fetchLimit {
				partition.RecordBatches = append(partition.RecordBatches, b.bytes()...)
				given++
			}
		}
		// Brokers cut the last batch off where the answer is full.
		partition.RecordBatches = append(partition.RecordBatches, (&logged{us, 9, 9, 1 << 40, 1}).bytes()[:40]...)
	}
	response := kmsg.NewPtrFetchResponse()
	topic := kmsg.NewFetchResponseTopic()
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	return response
}

// bytes is the batch as far as its header matters, with some records behind it.
func (b *logged) bytes() []byte {
	raw := make([]byte, 61+100)
	binary.BigEndian.PutUint64(raw, uint64(b.base))
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	raw[16] = 2
	binary.BigEndian.PutUint32(raw[23:], uint32(b.records-1))
	binary.BigEndian.PutUint64(raw[43:], uint64(b.producer))
	binary.BigEndian.PutUint16(raw[51:], uint16(b.epoch))
	binary.BigEndian.PutUint32(raw[53:], uint32(b.first))
	binary.BigEndian.PutUint32(raw[57:], uint32(b.records))
	return raw
}

// newLeader has a log in which we and others took turns: ours are at 0 (numbers 0 to 9), 15 (10 to 19) and 30 (20 to 24).
func newLeader(t *testing.T) *leader {
	return &leader{
		t: t, epoch: 5, high: 40, end: 40, fetchLimit: 2, answers: make(map[int16]int), refuses: make(map[int16]int16),
		log: []logged{{us, 3, 0, 0, 10}, {others, 0, 0, 10, 5}, {us, 3, 10, 15, 10}, {others, 0, 5, 25, 5}, {us, 3, 20, 30, 5}, {others, 0, 10, 35, 5}},
	}
}

func (l *leader) remember(producer int64, epoch int16, last int32) {
	p := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
	p.ProducerID, p.ProducerEpoch, p.LastSequence = producer, int32(epoch), last
	l.remembers = append(l.remembers, p)
}

// ask asks the leader about what follows number 9 at offset 9.
func (l *leader) ask(change func(*Question)) (e Evidence) {
	l.t.Helper()
	q := Question{
		Topic: "t", TopicID: [16]byte{1}, Partition: 3, LeaderEpoch: 5, ID: idempotence.ProducerID{ID: us, Epoch: 3},
		Acked: 9, AckedOffset: 9, AckedBy: us, SinceMillis: 1012,
	}
	if change != nil {
		change(&q)
	}
	told := 0
	Inquire(l.t.Context(), l, 7, []Question{q}, func(i int, found Evidence) {
		e = found
		told++
	})
	if told != 1 {
		l.t.Fatalf("told %d times", told)
	}
	return e
}

func own(first int32, offset int64) Own { return Own{Epoch: 3, First: first, Offset: offset} }

func TestALeaderThatRemembersIsBelievedWithoutReadingTheLog(t *testing.T) {
	l := newLeader(t)
	l.remember(others, 0, 14)
	l.remember(us, 3, 24)
	e := l.ask(nil)
	if want := (Evidence{Remembered: true, Epoch: 3, Last: 24}); !reflect.DeepEqual(e, want) || l.answers[1] != 0 {
		t.Errorf("%+v, want %+v; %d fetches", e, want, l.answers[1])
	}
}

func TestTheLogIsReadBackWhereTheLeaderForgot(t *testing.T) {
	for _, named := range []bool{false, true} {
		l := newLeader(t)
		l.remember(others, 0, 14)
		e := l.ask(func(q *Question) {
			if named {
				q.TopicID = [16]byte{}
			}
		})
		want := Evidence{Read: true, Own: []Own{own(0, 0), own(10, 15), own(20, 30)}}
		if !reflect.DeepEqual(e, want) || l.answers[1] != 3 {
			t.Errorf("%+v, want %+v; %d fetches", e, want, l.answers[1])
		}
	}
}

func TestReadingBeginsAtTheFirstRecordThatCanBeOursWhereNothingWasAcked(t *testing.T) {
	l := newLeader(t)
	e := l.ask(func(q *Question) { q.Acked, q.AckedOffset = -1, -1 })
	if want := (Evidence{Read: true, Own: []Own{own(10, 15), own(20, 30)}}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v", e, want)
	}
	e = l.ask(func(q *Question) { q.Acked, q.AckedOffset, q.SinceMillis = -1, -1, 5000 })
	if want := (Evidence{Read: true}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v: nothing is as young as that", e, want)
	}
}

func TestWhatTheReplicasGetWhileItIsSearchedForIsRead(t *testing.T) {
	l := newLeader(t)
	l.high, l.replicated = 15, true
	e := l.ask(func(q *Question) { q.Acked, q.AckedOffset, q.SinceMillis = -1, -1, 1015 })
	if want := (Evidence{Read: true, Own: []Own{own(10, 15), own(20, 30)}}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v", e, want)
	}
}

func TestWhatTheReplicasDoNotHaveYetIsNoEvidence(t *testing.T) {
	l := newLeader(t)
	l.high = 30
	if e := l.ask(nil); !errors.Is(e.Err, errNotReplicated) || e.Read {
		t.Errorf("%+v", e)
	}
}

func TestRetentionIsNoLoss(t *testing.T) {
	l := newLeader(t)
	l.start, l.log = 25, l.log[3:]
	if e, want := l.ask(nil), (Evidence{Read: true, Own: []Own{own(20, 30)}, Removed: true}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v", e, want)
	}
}

func TestWhatIsTooOldToBeOursIsNotRead(t *testing.T) {
	l := newLeader(t) // the last acked record is looked at, and then what can be as young as the open batches
	e := l.ask(func(q *Question) { q.SinceMillis = 1030 })
	if want := (Evidence{Read: true, Own: []Own{own(0, 0), own(20, 30)}}); !reflect.DeepEqual(e, want) || l.answers[1] != 2 {
		t.Errorf("%+v, want %+v; %d fetches", e, want, l.answers[1])
	}
	l = newLeader(t)
	l.start, l.log = 25, l.log[3:]
	e = l.ask(func(q *Question) { q.SinceMillis = 1030 })
	if want := (Evidence{Read: true, Own: []Own{own(20, 30)}}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v: what was deleted is older than they are", e, want)
	}
}

func TestOldRecordsMayHaveBeenDeletedUnlessTheLogBeginsWithOlderOnes(t *testing.T) {
	for _, c := range []struct {
		name    string
		start   int64
		since   int64
		aged    bool
		removed bool
	}{
		{"all that is there may have come after ours", 25, 1012, true, true},
		{"nothing is there any more", 40, 5000, true, true},
		{"something older is there", 25, 1030, true, false},
		{"nothing was ever deleted", 0, 900, true, false},
		{"fresh records are not forgotten", 25, 1012, false, false},
	} {
		l := newLeader(t)
		l.start = c.start
		l.log = slices.DeleteFunc(l.log, func(b logged) bool { return b.base < c.start })
		e := l.ask(func(q *Question) { q.Acked, q.AckedOffset, q.SinceMillis, q.Aged = -1, -1, c.since, c.aged })
		if !e.Read || e.Removed != c.removed {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestWhatIsDeletedWhileTheLogIsReadIsMissed(t *testing.T) {
	l := newLeader(t) // up to 15 it is read; then retention takes what comes next
	l.trims = map[int64]int64{15: 25}
	if e := l.ask(nil); !e.Read || !e.Removed {
		t.Errorf("%+v", e)
	}
	l = newLeader(t) // nothing was acked: reading begins at 15, which retention takes first
	l.trims = map[int64]int64{15: 25}
	if e := l.ask(func(q *Question) { q.Acked, q.AckedOffset, q.SinceMillis, q.Aged = -1, -1, 1015, true }); !e.Read || !e.Removed {
		t.Errorf("%+v", e)
	}
	l = newLeader(t) // the acked record alone is gone
	l.trims = map[int64]int64{9: 10}
	if e := l.ask(nil); !e.Read || e.Removed {
		t.Errorf("%+v", e)
	}
}

func TestALogThatEndsBeforeWhatWasAckedHasLostIt(t *testing.T) {
	l := newLeader(t)
	l.log, l.high, l.end = l.log[:1], 10, 10
	l.remember(us, 3, 9)
	e := l.ask(func(q *Question) { q.Acked, q.AckedOffset = 24, 34 })
	if e.Loss == nil || *e.Loss != (Loss{From: 10, To: 34}) || !e.Read {
		t.Errorf("%+v, loss %+v", e, e.Loss)
	}
}

func TestALogThatHasSomethingElseInThePlaceOfWhatWasAckedHasLostIt(t *testing.T) {
	l := newLeader(t) // number 24 was acked at 39, where another producer's record is; ours are found below it
	e := l.ask(func(q *Question) { q.Acked, q.AckedOffset = 29, 39 })
	if e.Loss == nil || *e.Loss != (Loss{From: 35, To: 39}) {
		t.Fatalf("%+v, loss %+v", e, e.Loss)
	}
	if want := []Own{own(10, 15), own(20, 30)}; !reflect.DeepEqual(e.Own, want) || !e.Read {
		t.Errorf("%+v, want %+v", e.Own, want)
	}
}

func TestWhatAnEarlierProducerIDWroteIsNoLoss(t *testing.T) {
	l := newLeader(t) // epochs were used up, and the producer goes on under another id
	const present = us + 1000
	e := l.ask(func(q *Question) { q.ID, q.Acked = idempotence.ProducerID{ID: present}, -1 })
	if e.Loss != nil || !e.Read || len(e.Own) > 0 {
		t.Errorf("%+v, loss %+v", e, e.Loss)
	}
}

func TestACompactedLogIsNoLoss(t *testing.T) {
	l := newLeader(t)
	l.log = l.log[1:] // the batch at the acked offset is gone, and nothing is in its place
	if e := l.ask(nil); e.Loss != nil || !e.Read {
		t.Errorf("%+v, loss %+v", e, e.Loss)
	}
}

func TestWhoMayNotAskIsToldSo(t *testing.T) {
	for _, api := range []int16{61, 1} {
		l := newLeader(t)
		l.refuses[api] = kerr.TopicAuthorizationFailed.Code
		if e := l.ask(nil); !reflect.DeepEqual(e, Evidence{Refused: true}) {
			t.Errorf("API %d refused: %+v", api, e)
		}
	}
}

func TestAnAnswerOfAnotherLeaderEpochIsNoEvidence(t *testing.T) {
	l := newLeader(t)
	l.epoch = 6
	if e := l.ask(nil); !errors.Is(e.Err, kerr.FencedLeaderEpoch) {
		t.Errorf("%+v", e)
	}
	l = newLeader(t)
	l.refuses[61] = kerr.NotLeaderForPartition.Code
	if e := l.ask(nil); !errors.Is(e.Err, kerr.NotLeaderForPartition) {
		t.Errorf("%+v", e)
	}
}

func TestManyPartitionsOfALeaderAreAskedAboutAtOnce(t *testing.T) {
	l := newLeader(t)
	l.remember(us, 3, 24)
	questions := make([]Question, describedMax+5)
	for i := range questions {
		questions[i] = Question{Topic: fmt.Sprint("t", i/2), Partition: int32(i), ID: idempotence.ProducerID{ID: us, Epoch: 3}, Acked: -1, AckedOffset: -1}
	}
	told := 0
	Inquire(t.Context(), l, 7, questions, func(i int, e Evidence) {
		if i != told || !e.Remembered || e.Last != 24 {
			t.Errorf("about %d: %+v", i, e)
		}
		told++
	})
	if told != len(questions) || l.answers[61] != 2 {
		t.Errorf("told %d, asked %d times", told, l.answers[61])
	}
}

func TestABrokerThatDoesNotKnowTheQuestionRefusesIt(t *testing.T) {
	refuses := asker(func(kmsg.Request) (kmsg.Response, error) {
		return nil, fmt.Errorf("%w: too old", broker.ErrUnsupported)
	})
	Inquire(t.Context(), refuses, 7, make([]Question, 1), func(_ int, e Evidence) {
		if !reflect.DeepEqual(e, Evidence{Refused: true}) {
			t.Errorf("%+v", e)
		}
	})
	silent := asker(func(kmsg.Request) (kmsg.Response, error) { return kmsg.NewPtrDescribeProducersResponse(), nil })
	Inquire(t.Context(), silent, 7, make([]Question, 1), func(_ int, e Evidence) {
		if e.Err == nil {
			t.Errorf("%+v", e)
		}
	})
}

// asker answers by a function.
type asker func(kmsg.Request) (kmsg.Response, error)

func (a asker) RequestTo(_ context.Context, _ int32, r kmsg.Request) (kmsg.Response, error) {
	return a(r)
}

func FuzzScan(f *testing.F) {
	f.Add((&logged{us, 3, 20, 30, 5}).bytes())
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, data []byte) {
		q := Question{ID: idempotence.ProducerID{ID: us, Epoch: 3}, AckedOffset: 5}
		r := reading{question: &q, evidence: new(Evidence)}
		r.scan(data)
		if r.next < 0 || len(r.evidence.Own) > len(data)/headerLen {
			t.Errorf("next %d, %d own batches in %d bytes", r.next, len(r.evidence.Own), len(data))
		}
	})
}
