package play

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// question is one about a lane.
type question struct {
	lane   *core.Lane
	ticket uint64
	settling.Question
}

// inquiries are the questions under way, by broker: like the sender, a broker is asked one thing after another.
type inquiries struct {
	waiting [][]question
	busy    []bool
	stops   []func()
}

// end lets go of the coroutines that never came to their end.
func (q *inquiries) end() {
	for _, stop := range q.stops {
		stop()
	}
}

// skewMax is the sender's: by how much brokers' clocks may be behind.
const skewMax = time.Hour

func (s effects) Inquire(n *core.Node, l *core.Lane, ticket uint64, q settling.Question) {
	q.SinceMillis = min(q.SinceMillis, s.clock().Add(-skewMax-l.Topic.Config.DeliveryTimeout).UnixMilli())
	s.asked.waiting[n.ID] = append(s.asked.waiting[n.ID], question{l, ticket, q})
}

// inquire asks what is to be asked, of each broker that is not being asked.
func (s *schedule) inquire() {
	for node, waiting := range s.asked.waiting {
		if len(waiting) == 0 || s.asked.busy[node] || s.doing.stopped {
			continue
		}
		s.asked.waiting[node], s.asked.busy[node] = nil, true
		s.askLeader(s.peers[node-1], waiting)
	}
}

// errGone ends a coroutine whose schedule is over.
var errGone = errors.New("the schedule is over")

// conversation is settling.Inquire at work: a coroutine that stands still while a request of it is on its way.
type conversation struct {
	peer    *peer
	yield   func(kmsg.Request) bool
	answer  kmsg.Response
	failure error
}

// RequestTo is settling.Asker's.
func (c *conversation) RequestTo(_ context.Context, _ int32, request kmsg.Request) (kmsg.Response, error) {
	if !c.yield(request) {
		return nil, errGone
	}
	return c.answer, c.failure
}

// askLeader asks a broker some questions.
func (s *schedule) askLeader(p *peer, asked []question) {
	questions := make([]settling.Question, len(asked))
	for i := range asked {
		questions[i] = asked[i].Question
	}
	c := &conversation{peer: p}
	resume, stop := iter.Pull(func(yield func(kmsg.Request) bool) {
		c.yield = yield
		settling.Inquire(context.Background(), c, p.id, questions, func(i int, e settling.Evidence) {
			s.after(0, func() { s.inquired(&asked[i], e) })
		})
	})
	s.asked.stops = append(s.asked.stops, stop)
	s.converse(c, resume)
}

// converse lets the coroutine go on to its next request, and answers that.
func (s *schedule) converse(c *conversation, resume func() (kmsg.Request, bool)) {
	request, more := resume()
	if !more {
		s.after(0, func() { s.asked.busy[c.peer.id] = false })
		return
	}
	s.after(c.peer.dice.within(s.quick(s.setup.Cluster.AskMax)), func() {
		wait := c.peer.dice.within(s.quick(s.setup.Cluster.AskMax))
		if c.answer, c.failure = nil, errLost; s.answers(c.peer) {
			c.answer, c.failure = s.told(c.peer, request)
		} else if s.cluster.Up(c.peer.id) {
			wait = s.setup.Client.RequestTimeout
		}
		s.after(wait, func() { s.converse(c, resume) })
	})
}

// inquired brings the core the answer to a question.
func (s *schedule) inquired(q *question, e settling.Evidence) {
	if s.doing.stopped {
		return
	}
	s.result.Inquiries++
	flag := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	s.note(s.now, "inquired t%d/%d: error %d, refused %d, remembered %d, epoch %d, last %d, read %d, own %d", int64(s.topicOf(q.lane).number),
		int64(q.lane.Part.Number), flag(e.Err != nil), flag(e.Refused), flag(e.Remembered), int64(e.Epoch), int64(e.Last), flag(e.Read), int64(len(e.Own)))
	s.core.Inquired(s.now, q.lane, q.ticket, e)
}

// told is a broker's answer.
func (s *schedule) told(p *peer, request kmsg.Request) (kmsg.Response, error) {
	response := request.ResponseKind()
	switch r := response.(type) {
	case *kmsg.DescribeProducersResponse:
		s.producers(p, request.(*kmsg.DescribeProducersRequest), r)
	case *kmsg.OffsetForLeaderEpochResponse:
		s.epochEnd(p, &request.(*kmsg.OffsetForLeaderEpochRequest).Topics[0], r)
	case *kmsg.ListOffsetsResponse:
		s.offset(p, &request.(*kmsg.ListOffsetsRequest).Topics[0], r)
	case *kmsg.FetchResponse:
		asked := fetchOf(request)
		if asked == nil {
			return nil, fmt.Errorf("a Fetch of the type %T", request)
		}
		s.fetch(p, &asked.Topics[0], request.MaxVersion(), r)
	default:
		return nil, fmt.Errorf("nobody answers a %T", request)
	}
	return response, nil
}

// fetchOf finds the request in what may be wrapped to limit its version.
func fetchOf(request kmsg.Request) *kmsg.FetchRequest {
	if plain, ok := request.(*kmsg.FetchRequest); ok {
		return plain
	}
	copied := kmsg.NewPtrFetchRequest()
	copied.SetVersion(namedMax)
	request.SetVersion(namedMax)
	if copied.ReadFrom(request.AppendTo(nil)) != nil {
		return nil
	}
	return copied
}

// namedMax is the last version of Fetch that calls topics by name.
const namedMax = 12

func (s *schedule) producers(p *peer, asked *kmsg.DescribeProducersRequest, r *kmsg.DescribeProducersResponse) {
	for _, topic := range asked.Topics {
		told := kmsg.NewDescribeProducersResponseTopic()
		told.Topic = topic.Topic
		for _, number := range topic.Partitions {
			part := kmsg.NewDescribeProducersResponseTopicPartition()
			states, code := s.cluster.DescribeProducers(s.clock(), p.id, model.TopicPartition{Topic: topic.Topic, Partition: number})
			part.Partition, part.ErrorCode = number, code
			for _, state := range states {
				active := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
				active.ProducerID, active.ProducerEpoch, active.LastSequence = state.ProducerID, int32(state.Epoch), state.LastSequence
				part.ActiveProducers = append(part.ActiveProducers, active)
			}
			told.Partitions = append(told.Partitions, part)
		}
		r.Topics = append(r.Topics, told)
	}
}

func (s *schedule) epochEnd(p *peer, asked *kmsg.OffsetForLeaderEpochRequestTopic, r *kmsg.OffsetForLeaderEpochResponse) {
	q := &asked.Partitions[0]
	told, part := kmsg.NewOffsetForLeaderEpochResponseTopic(), kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	at := model.TopicPartition{Topic: asked.Topic, Partition: q.Partition}
	part.LeaderEpoch, part.EndOffset, part.ErrorCode = s.cluster.EpochEnd(s.clock(), p.id, at, q.CurrentLeaderEpoch, q.LeaderEpoch)
	told.Topic, told.Partitions = asked.Topic, append(told.Partitions, part)
	r.Topics = append(r.Topics, told)
}

func (s *schedule) offset(p *peer, asked *kmsg.ListOffsetsRequestTopic, r *kmsg.ListOffsetsResponse) {
	q := &asked.Partitions[0]
	told, part := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
	at := model.TopicPartition{Topic: asked.Topic, Partition: q.Partition}
	part.Offset, part.ErrorCode = s.cluster.ListOffset(s.clock(), p.id, at, q.CurrentLeaderEpoch, q.Timestamp)
	told.Topic, told.Partitions = asked.Topic, append(told.Partitions, part)
	r.Topics = append(r.Topics, told)
}

// fetchBytes is a small part of what is asked for, so that reading takes several requests.
const fetchBytes = 1000

// fetch gives the headers of batches, without their records.
func (s *schedule) fetch(p *peer, asked *kmsg.FetchRequestTopic, version int16, r *kmsg.FetchResponse) {
	name := asked.Topic
	if version > namedMax {
		name = s.cluster.NameOf(asked.TopicID)
	}
	q := &asked.Partitions[0]
	got := s.cluster.Fetch(s.clock(), p.id, model.FetchRequest{
		At: model.TopicPartition{Topic: name, Partition: q.Partition}, Epoch: q.CurrentLeaderEpoch, Offset: q.FetchOffset, BytesMax: fetchBytes,
	})
	told, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
	part.ErrorCode, part.HighWatermark, part.LogStartOffset = got.Code, got.High, got.LogStart
	for _, b := range got.Batches {
		part.RecordBatches = appendHeader(part.RecordBatches, b)
	}
	told.Topic, told.Partitions = asked.Topic, append(told.Partitions, part)
	r.Topics = append(r.Topics, told)
}

// appendHeader lays out a batch without records.
func appendHeader(to []byte, b *model.Batch) []byte {
	be := binary.BigEndian
	to = be.AppendUint64(to, uint64(b.Offset))
	to = be.AppendUint32(to, headerBytes-12)
	to = be.AppendUint32(to, uint32(b.LeaderEpoch))
	to = append(to, 2)          // magic
	to = be.AppendUint32(to, 0) // CRC
	to = be.AppendUint16(to, 0) // attributes
	to = be.AppendUint32(to, uint32(b.Count-1))
	to = be.AppendUint64(to, uint64(b.MaxTimestamp))
	to = be.AppendUint64(to, uint64(b.MaxTimestamp))
	to = be.AppendUint64(to, uint64(b.ProducerID))
	to = be.AppendUint16(to, uint16(b.ProducerEpoch))
	to = be.AppendUint32(to, uint32(b.Sequence))
	return be.AppendUint32(to, uint32(b.Count))
}
