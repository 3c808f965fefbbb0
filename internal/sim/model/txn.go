package model

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// txn is what the coordinator knows of a transactional id, by the rules of transaction version 2 (KIP-890): each end of a
// transaction raises the epoch.
type txn struct {
	producerID int64
	epoch      int16
	open       bool
	partitions []*partition
	// ended is the epoch of the last transaction that ended, so that a repeated EndTxn is recognized; committed is how.
	ended     int16
	committed bool
}

// InitTransactions is InitProducerId with a transactional id: the open transaction is aborted, and whoever used the id
// before is fenced.
func (c *Cluster) InitTransactions(now time.Time, id string) (producerID int64, epoch int16) {
	c.advance(now)
	t := c.txns[id]
	if t == nil {
		t = &txn{producerID: c.InitProducerID(), ended: noEpoch}
		c.txns[id] = t
		return t.producerID, t.epoch
	}
	if t.open {
		c.end(t, false)
	}
	t.epoch++
	t.ended = noEpoch
	return t.producerID, t.epoch
}

// EndTransaction is EndTxn from version 5 on. It returns the epoch to go on with. Repeated with the old epoch it answers the
// same again.
func (c *Cluster) EndTransaction(now time.Time, id string, producerID int64, epoch int16, commit bool) (next, code int16) {
	c.advance(now)
	t := c.txns[id]
	switch {
	case t == nil || t.producerID != producerID:
		return noEpoch, kerr.InvalidProducerIDMapping.Code
	case !t.open && epoch == t.ended && commit == t.committed:
		return t.epoch, 0
	case epoch != t.epoch:
		return noEpoch, kerr.ProducerFenced.Code
	case !t.open && commit:
		return noEpoch, kerr.InvalidTxnState.Code
	}
	c.end(t, commit)
	return t.epoch, 0
}

// end writes the markers and raises the epoch.
func (c *Cluster) end(t *txn, commit bool) {
	t.ended, t.committed = t.epoch, commit
	t.epoch++
	t.open = false
	for _, p := range t.partitions {
		p.markers = append(p.markers, &Batch{
			ProducerID: t.producerID, ProducerEpoch: t.epoch, Sequence: -1, Count: 1, Bytes: markerBytes,
			MaxTimestamp: c.now.UnixMilli(), Transactional: true, Control: true, Committed: commit,
		})
		c.writeMarkers(p)
	}
	t.partitions = nil
}

// markerBytes is the size of a batch with a marker.
const markerBytes = 78

// writeMarkers appends what the coordinator has for a partition, once that has a leader.
func (c *Cluster) writeMarkers(p *partition) {
	r := p.replica(p.word.leader)
	if len(p.markers) == 0 || r == nil || r.leads != p.word.epoch || !r.node.connected() {
		return
	}
	for _, b := range p.markers {
		b.Offset, b.LeaderEpoch = r.end, r.leads
		r.add(b)
	}
	p.markers = nil
	c.replicate(p)
	r.raise(p)
}

// join makes a partition part of the transaction of a batch, as the leader has the coordinator do (KIP-890).
func (c *Cluster) join(p *partition, id string, b *Batch) int16 {
	t := c.txns[id]
	switch {
	case t == nil || t.producerID != b.ProducerID:
		return kerr.InvalidProducerIDMapping.Code
	case b.ProducerEpoch != t.epoch:
		return kerr.InvalidProducerEpoch.Code
	}
	t.open = true
	if !slices.Contains(t.partitions, p) {
		t.partitions = append(t.partitions, p)
	}
	return 0
}
