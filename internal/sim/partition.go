package sim

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
)

// windowBatches is how many batches of a producer a leader recognizes when they come again
// (ProducerStateEntry.NUM_BATCHES_TO_RETAIN).
const windowBatches = 5

// noProducer is the producer id of a batch that was sent without idempotence.
const noProducer = -1

// partition is the log of one partition at its leader, and what the leader remembers of the producers. It is a pure
// state machine: the same appends make the same answers.
type partition struct {
	leader, epoch int32
	log           []*Batch
	end           int64 // the next offset
	producers     map[int64]*producer
}

// producer is what a leader remembers of one producer id: its epoch and its last batches, the newest last.
type producer struct {
	epoch  int16
	window []*Batch
}

func newPartition(leader int32) *partition {
	return &partition{leader: leader, producers: make(map[int64]*producer)}
}

// append adds a batch to the log by the rules of ProducerAppendInfo and UnifiedLog. It returns the batch in the log,
// which is an older one if b has come before, or the error code for which b was refused.
func (p *partition) append(b *Batch) (*Batch, int16) {
	if b.ProducerID == noProducer {
		p.add(b)
		return b, 0
	}
	if b.ProducerEpoch < 0 || b.Sequence < 0 {
		return nil, kerr.InvalidRecord.Code
	}
	known := p.producers[b.ProducerID]
	if known != nil {
		if old := known.find(b); old != nil {
			return old, 0
		}
		if code := known.check(b); code != 0 {
			return nil, code
		}
	}
	p.add(b)
	p.remember(known, b)
	return b, 0
}

// find returns the batch in the window that b repeats: the same epoch, first and last sequence. The bytes are not compared.
func (p *producer) find(b *Batch) *Batch {
	if b.ProducerEpoch != p.epoch {
		return nil
	}
	for _, old := range p.window {
		if old.Sequence == b.Sequence && len(old.Records) == len(b.Records) {
			return old
		}
	}
	return nil
}

// check refuses a batch that does not follow the last one. A partition that knows nothing of a producer takes any
// sequence (KAFKA-15591), so there is no check for that.
func (p *producer) check(b *Batch) int16 {
	switch {
	case b.ProducerEpoch < p.epoch:
		return kerr.InvalidProducerEpoch.Code
	case b.ProducerEpoch > p.epoch && b.Sequence != 0, b.ProducerEpoch == p.epoch && b.Sequence != p.next():
		return kerr.OutOfOrderSequenceNumber.Code
	}
	return 0
}

// next is the sequence that follows the last batch; after 2147483647 comes 0.
func (p *producer) next() int32 {
	last := p.window[len(p.window)-1]
	return int32((int64(last.Sequence) + int64(len(last.Records))) & math.MaxInt32)
}

// remember takes note of a batch that was appended.
func (p *partition) remember(known *producer, b *Batch) {
	if known == nil || known.epoch != b.ProducerEpoch {
		known = &producer{epoch: b.ProducerEpoch}
		p.producers[b.ProducerID] = known
	}
	known.window = append(known.window, b)
	if len(known.window) > windowBatches {
		known.window = known.window[1:]
	}
}

// add puts a batch at the end of the log.
func (p *partition) add(b *Batch) {
	b.Offset, b.LeaderEpoch = p.end, p.epoch
	for i := range b.Records {
		b.Records[i].Offset = p.end + int64(i)
	}
	p.end += int64(len(b.Records))
	p.log = append(p.log, b)
}

// lead gives the partition a leader, in a new epoch.
func (p *partition) lead(node int32) {
	p.leader = node
	p.epoch++
}

// restart is what a restart of its broker does to the partition: of each producer only the last batch is recognized
// afterwards (ProducerStateManager takes no more into a snapshot), and the leader's epoch is a new one.
func (p *partition) restart() {
	for _, known := range p.producers {
		known.window = known.window[len(known.window)-1:]
	}
	p.epoch++
}
