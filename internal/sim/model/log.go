package model

import "slices"

// log is one broker's copy of a partition.
type log struct {
	batches []*Batch
	// start is the first offset, end the one behind the last record, high the high watermark: consumers read below it.
	start, end, high int64
	producers        producers
	snapshots        []snapshot // the newest last
	below            *Batch     // the last one that was deleted; nil for none
}

// snapshot is the file from which a broker restores the producers of the log up to an offset.
type snapshot struct {
	end       int64
	producers producers
}

// clock is what a log needs to know when it restores producers, in milliseconds.
type clock struct{ now, expiry int64 }

// add puts a batch at the end of the log.
func (l *log) add(b *Batch) {
	l.batches = append(l.batches, b)
	l.end = b.LastOffset() + 1
	l.producers.note(b)
}

// find is the index of the batch that has the offset, or of the first one behind it.
func (l *log) find(offset int64) int {
	i, _ := slices.BinarySearchFunc(l.batches, offset, func(b *Batch, offset int64) int {
		if b.LastOffset() < offset {
			return -1
		}
		return 1
	})
	return i
}

// restart is what a restart of its broker does to a log, whether or not it was in order: the producers are restored from
// a snapshot that was taken at the end.
func (l *log) restart(c clock) {
	l.snapshots = l.snapshots[:0]
	l.snap()
	l.producers = l.snapshots[0].restore(c)
}

// snap takes a snapshot.
func (l *log) snap() {
	l.snapshots = append(l.snapshots, snapshot{l.end, l.producers.clone(snapshotBatches)})
}

// restore returns the producers of a snapshot.
func (s *snapshot) restore(c clock) producers {
	out := s.producers.clone(snapshotBatches)
	out.expire(c.now, c.expiry)
	return out
}

// truncate cuts off what stands at the offset and behind it. The producers are restored from the snapshot before that
// and the batches since (UnifiedLog.rebuildProducerState), so that more than one batch may be recognized.
func (l *log) truncate(offset int64, c clock) {
	if offset >= l.end {
		return
	}
	cut := l.find(offset)
	if cut < len(l.batches) {
		l.end = l.batches[cut].Offset
		clear(l.batches[cut:])
		l.batches = l.batches[:cut]
	}
	l.high, l.start = min(l.high, l.end), min(l.start, l.end)
	for len(l.snapshots) > 0 && l.snapshots[len(l.snapshots)-1].end > l.end {
		l.snapshots = l.snapshots[:len(l.snapshots)-1]
	}
	from := int64(0)
	l.producers = make(producers)
	if n := len(l.snapshots); n > 0 {
		from, l.producers = l.snapshots[n-1].end, l.snapshots[n-1].restore(c)
	}
	for _, b := range l.batches[l.find(from):] {
		l.producers.note(b)
	}
	l.snap()
}

// trim removes what stands wholly before the offset, as retention or DeleteRecords do. Producers are kept.
func (l *log) trim(offset int64) {
	l.start = min(max(l.start, offset), l.end)
	if n := l.find(l.start); n > 0 {
		l.below = l.batches[n-1]
		l.batches = slices.Delete(l.batches, 0, n)
	}
}

// common is the offset up to which two logs have the same batches.
func (l *log) common(other *log) int64 {
	for i := len(l.batches) - 1; i >= 0; i-- {
		b := l.batches[i]
		if j := other.find(b.Offset); j < len(other.batches) && other.batches[j] == b {
			return b.LastOffset() + 1
		}
		switch {
		case b == other.below:
			return other.start
		case b.LastOffset() < other.start: // it cannot be compared (AbstractFetcherThread: then the high watermark counts)
			return min(l.high, l.end)
		}
	}
	return max(l.start, min(l.end, other.start))
}

// copyFrom appends what the other log has more, and reports whether that was anything.
func (l *log) copyFrom(other *log) (copied bool) {
	if l.end < other.start { // what came before is gone
		l.batches, l.start, l.end, l.producers = nil, other.start, other.start, make(producers)
		l.below, l.snapshots = other.below, nil
		copied = true
	}
	for _, b := range other.batches[other.find(l.end):] {
		l.add(b)
		copied = true
	}
	if l.start < other.start {
		l.trim(other.start)
	}
	return copied
}
