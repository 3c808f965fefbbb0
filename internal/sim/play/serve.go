package play

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// sentPart is a batch of a request.
type sentPart struct {
	topic     *topic
	partition int32
	id        model.ID
	batch     *model.Batch
	heads     []model.Head
	shot      *oneShot
}

// content is what a log has of a batch besides its header: model.Batch's payload.
type content struct{ records []stored }

// stored is a record.
type stored struct{ key, value []byte }

// oneShot is a fault that befalls the next batch of a partition.
type oneShot struct {
	kind fault.Kind
	code int16
}

// take reads the batches out of a request, as they are at this moment.
func (s *schedule) take(f *frame) {
	r := &f.request.Wire
	for i := range r.Topics {
		t := &r.Topics[i]
		for j := range t.Partitions {
			part := sentPart{topic: s.named(t.Name), partition: t.Partitions[j].Index, id: t.ID}
			if err := part.read(&t.Partitions[j]); err != nil {
				s.broke("%s/%d: what is written cannot be read: %v", t.Name, part.partition, err)
				return
			}
			b := part.batch
			s.Note(s.Now, "write to %d: t%d/%d epoch %d sequence %d count %d", int64(f.link.peer.id), int64(part.topic.number), int64(part.partition),
				int64(b.ProducerEpoch), int64(b.Sequence), int64(b.Count))
			f.parts = append(f.parts, part)
		}
	}
}

func (s *schedule) named(name string) *topic {
	for _, t := range s.client.topics {
		if t.Name == name {
			return t
		}
	}
	return nil
}

const (
	headerBytes = 61 // of a record batch
	summedFrom  = 21 // the CRC covers what follows it
)

// read reads a batch.
func (p *sentPart) read(sent *wire.ProducePartition) error {
	raw := slices.Concat(append([][]byte{sent.Header[:]}, sent.Body...)...)
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return err
	}
	if sum := crc32.Checksum(raw[summedFrom:], crc32.MakeTable(crc32.Castagnoli)); sum != uint32(b.CRC) || int(b.Length) != len(raw)-12 {
		return fmt.Errorf("CRC %08x, the header says %08x; %d bytes, the header says %d", sum, uint32(b.CRC), len(raw)-12, b.Length)
	}
	body := b.Records
	if codec := compress.Codec(b.Attributes & 7); codec != compress.None {
		var err error
		if body, err = compress.Decompress(codec, nil, body, 1<<20); err != nil {
			return err
		}
	}
	c := &content{}
	for n := range b.NumRecords {
		size, used := binary.Varint(body)
		if used <= 0 || size < 0 || int(size)+used > len(body) {
			return fmt.Errorf("record %d of %d is cut off", n, b.NumRecords)
		}
		var r kmsg.Record
		if err := r.ReadFrom(body[:used+int(size)]); err != nil || r.OffsetDelta != n {
			return fmt.Errorf("record %d of %d has offset delta %d, error %v", n, b.NumRecords, r.OffsetDelta, err)
		}
		c.records = append(c.records, stored{r.Key, r.Value})
		if p.topic.Compacted {
			p.heads = append(p.heads, model.Head{Timestamp: b.FirstTimestamp + r.TimestampDelta64, Keyless: r.Key == nil})
		}
		body = body[used+int(size):]
	}
	if len(body) > 0 || b.LastOffsetDelta != b.NumRecords-1 {
		return fmt.Errorf("%d bytes behind the last of %d records, whose offset delta is %d", len(body), b.NumRecords, b.LastOffsetDelta)
	}
	p.batch = &model.Batch{
		ProducerID: b.ProducerID, ProducerEpoch: b.ProducerEpoch, Sequence: b.FirstSequence, Count: b.NumRecords,
		MaxTimestamp: b.MaxTimestamp, Bytes: len(raw), Payload: c,
	}
	return nil
}

// handle gives a request to the broker.
func (s *schedule) handle(f *frame) {
	r := &model.ProduceRequest{
		Acks: f.acks, Timeout: time.Duration(s.core.Config.ProduceTimeoutMillis) * time.Millisecond, ByID: f.byID,
	}
	for i := range f.parts {
		p := &f.parts[i]
		if shots := p.topic.parts[p.partition].oneShots; len(shots) > 0 {
			p.shot = &shots[0]
			p.topic.parts[p.partition].oneShots = shots[1:]
		}
		if p.shot == nil || p.shot.kind != fault.Error {
			r.Sent = append(r.Sent, model.Sent{Topic: p.topic.Name, TopicID: p.id, Partition: p.partition, Batch: p.batch, Heads: p.heads})
		}
	}
	s.result.Requests++
	f.answer = s.cluster.Produce(s.Clock(), f.link.peer.id, r)
}

// response lays out a broker's answer, and reports whether it has an error.
func (s *schedule) response(f *frame) (resp *wire.ProduceResponse, failed bool) {
	resp = &wire.ProduceResponse{ThrottleMillis: f.answer.ThrottleMillis}
	next := 0 // of the model's parts
	for i := range f.parts {
		p := &f.parts[i]
		told := wire.ProduceResult{TopicID: p.id, Partition: p.partition, BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1, LeaderID: -1, LeaderEpoch: -1}
		if !f.byID {
			told.TopicID, told.Topic = [16]byte{}, []byte(p.topic.Name)
		}
		if p.shot == nil || p.shot.kind != fault.Error {
			fill(&told, &f.answer.Parts[next])
			next++
		}
		if p.shot != nil {
			told.Code, told.BaseOffset = p.shot.code, -1
		}
		s.Note(s.Now, "broker %d: t%d/%d epoch %d sequence %d: code %d, offset %d", int64(f.link.peer.id), int64(p.topic.number), int64(p.partition),
			int64(p.batch.ProducerEpoch), int64(p.batch.Sequence), int64(told.Code), told.BaseOffset)
		switch told.Code {
		case answers.OutOfOrderSequence, answers.InvalidProducerEpoch, answers.UnknownProducerID:
			s.result.Misnumbered++
		}
		failed = failed || told.Code != 0
		if p.shot == nil || p.shot.kind != fault.Omit {
			resp.Partitions = append(resp.Partitions, told)
		}
	}
	return resp, failed
}

// fill puts the model's answer into a result.
func fill(told *wire.ProduceResult, p *model.ProducedPart) {
	told.Code, told.BaseOffset, told.LogAppendTime, told.LogStartOffset = p.Code, p.BaseOffset, p.AppendTime, p.LogStart
	told.LeaderID, told.LeaderEpoch, told.Message = p.Leader, p.LeaderEpoch, p.Message
	for _, culprit := range p.Records {
		told.Errors = append(told.Errors, wire.RecordError{Index: culprit.Index, Message: culprit.Message})
	}
}
