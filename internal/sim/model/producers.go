package model

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// windowBatches is how many batches of a producer a broker recognizes (ProducerStateEntry.NUM_BATCHES_TO_RETAIN),
// snapshotBatches how many of them it still does after a restart.
const (
	windowBatches   = 5
	snapshotBatches = 1
)

// noEpoch is the epoch of a producer that has none.
const noEpoch = -1

// producers is what a replica remembers of producers, by id.
type producers map[int64]*producer

// producer is what a replica remembers of one producer id.
type producer struct {
	epoch  int16
	window []remembered // the newest last
	// timestamp is that of the last batch, in milliseconds: the producer is forgotten by it.
	timestamp int64
	// txnStart is the first offset of the open transaction, -1 without one. It keeps the producer from being forgotten.
	txnStart int64
}

// remembered is a batch that was appended.
type remembered struct {
	sequence, lastSequence int32
	offset, timestamp      int64
}

// find returns the batch in the window that b repeats, or nil.
func (ps producers) find(b *Batch) *remembered {
	p := ps[b.ProducerID]
	if p == nil || p.epoch != b.ProducerEpoch {
		return nil
	}
	for i := range p.window {
		if p.window[i].sequence == b.Sequence && p.window[i].lastSequence == b.LastSequence() {
			return &p.window[i]
		}
	}
	return nil
}

// check refuses a batch that does not follow the producer's last one (ProducerAppendInfo.checkSequence). unknown makes it
// refuse a batch of which nothing came before and should have.
func (ps producers) check(b *Batch, unknown bool) int16 {
	p := ps[b.ProducerID]
	switch {
	case p == nil && b.Transactional && b.Sequence != 0:
		return kerr.OutOfOrderSequenceNumber.Code // from transaction version 2 on
	case p == nil && unknown && b.Sequence != 0:
		return kerr.UnknownProducerID.Code
	case p == nil:
		return 0
	case b.ProducerEpoch < p.epoch:
		return kerr.InvalidProducerEpoch.Code
	case p.epoch == noEpoch:
		return 0
	case b.ProducerEpoch > p.epoch && b.Sequence != 0, b.ProducerEpoch == p.epoch && b.Sequence != p.next():
		return kerr.OutOfOrderSequenceNumber.Code
	}
	return 0
}

// last is the sequence of the last record, -1 if the epoch has none.
func (p *producer) last() int32 {
	if len(p.window) == 0 {
		return -1
	}
	return p.window[len(p.window)-1].lastSequence
}

// next is the sequence that follows; behind 2147483647 comes 0.
func (p *producer) next() int32 { return max(p.last()+1, 0) }

// note takes note of a batch that was appended.
func (ps producers) note(b *Batch) {
	if b.ProducerID == noProducer {
		return
	}
	p := ps[b.ProducerID]
	if p == nil {
		p = &producer{epoch: b.ProducerEpoch, txnStart: -1}
		ps[b.ProducerID] = p
	}
	if p.epoch != b.ProducerEpoch {
		p.epoch, p.window = b.ProducerEpoch, nil
	}
	p.timestamp = b.MaxTimestamp
	if b.Control {
		p.txnStart = -1
		return
	}
	if b.Transactional && p.txnStart < 0 {
		p.txnStart = b.Offset
	}
	p.window = append(p.window, remembered{b.Sequence, b.LastSequence(), b.Offset, b.MaxTimestamp})
	if len(p.window) > windowBatches {
		p.window = slices.Delete(p.window, 0, 1)
	}
}

// expire forgets producers whose last timestamp is so old.
func (ps producers) expire(nowMillis, expiryMillis int64) {
	maps.DeleteFunc(ps, func(_ int64, p *producer) bool {
		return p.txnStart < 0 && nowMillis-p.timestamp >= expiryMillis
	})
}

// clone is a copy with at most so many batches of each producer.
func (ps producers) clone(batchesMax int) producers {
	out := make(producers, len(ps))
	for id, p := range ps {
		twin := *p
		twin.window = slices.Clone(p.window[max(0, len(p.window)-batchesMax):])
		out[id] = &twin
	}
	return out
}
