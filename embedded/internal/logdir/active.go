package logdir

import (
	"slices"
	"time"
)

// Producer is what a partition knows of one producer.
type Producer struct {
	// ID, Epoch and LastSequence are those of its last batch.
	ID           int64
	Epoch        int16
	LastSequence int32
	// LastTimestamp is its latest, in milliseconds since 1970.
	LastTimestamp int64
	// Transactional tells that the last batch was part of a transaction.
	Transactional bool
	// TransactionStart is the first offset of its open transaction, -1 if none is open.
	TransactionStart int64
}

// Producers lists the producers that have written to the partition since the time, by their batches, in the order of
// their first ones.
func (p Partition) Producers(since time.Time) ([]*Producer, error) {
	segments, err := p.Segments()
	if err != nil {
		return nil, err
	}
	var found []*Producer
	for _, segment := range segments {
		if segment.Changed.Before(since) {
			continue
		}
		err := segment.Each(func(h Header) bool {
			if h.ProducerID < 0 {
				return true
			}
			at := slices.IndexFunc(found, func(p *Producer) bool { return p.ID == h.ProducerID })
			if at < 0 {
				at = len(found)
				found = append(found, &Producer{ID: h.ProducerID, LastSequence: -1, TransactionStart: -1})
			}
			found[at].add(h)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// add takes the producer's next batch into account.
func (p *Producer) add(h Header) {
	p.Epoch = h.Epoch
	p.LastTimestamp = max(p.LastTimestamp, h.MaxTimestamp)
	if h.Control {
		p.TransactionStart = -1
		return
	}
	p.LastSequence = int32((int64(h.FirstSequence) + h.NextOffset - h.BaseOffset - 1) & (1<<31 - 1))
	p.Transactional = h.Transactional
	if h.Transactional && p.TransactionStart < 0 {
		p.TransactionStart = h.BaseOffset
	}
}
