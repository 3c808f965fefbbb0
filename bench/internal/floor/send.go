package floor

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"net"
	"slices"
)

// produceVersion names topics by id, as the newest clients do.
const produceVersion = 13

// gatherBelow is the size of a batch below which copying it beats one more entry in a writev.
const gatherBelow = 2 << 10

// replicasMillis is the time that the broker may wait for replicas.
const replicasMillis = 25_000

// flight is a request: its batches, and the memory it is encoded in.
type flight struct {
	batches []*batch
	scratch []byte      // what is not referenced
	taken   int         // scratch up to here is in pieces
	pieces  net.Buffers // the request, in order
}

// send is the sender's goroutine. Nobody else writes to the connection or numbers batches.
func (p *Producer) send() {
	table := crc32.MakeTable(crc32.Castagnoli)
	for correlation := int32(0); ; correlation++ {
		f := p.board()
		if f == nil {
			return
		}
		for _, b := range f.batches {
			b.seal(p.producerID, table)
		}
		f.encode(correlation)
		p.flights <- f // there is room: it has one for each flight
		pieces := f.pieces
		if _, err := pieces.WriteTo(p.conn); err != nil {
			p.broken(err)
			return
		}
	}
}

// board waits until a request may leave and returns it filled, or nil when the producer was closed.
func (p *Producer) board() *flight {
	var f *flight
	select {
	case <-p.done:
		return nil
	case f = <-p.idle:
	}
	for {
		if f.batches = p.ready.take(p, f.batches[:0]); len(f.batches) > 0 {
			p.flying.Add(1)
			return f
		}
		select {
		case <-p.done:
			return nil
		case <-p.ready.wake:
		}
	}
}

// encode makes the request. Large batches are referenced where they lie.
func (f *flight) encode(correlation int32) {
	slices.SortFunc(f.batches, func(a, b *batch) int { return cmp.Compare(a.lane.place, b.lane.place) })
	clear(f.pieces)
	f.pieces, f.taken = f.pieces[:0], 0
	be := binary.BigEndian
	out := append(f.scratch[:0], 0, 0, 0, 0, 0, 0) // the length, when it is known; Produce is request 0
	out = be.AppendUint16(out, produceVersion)
	out = be.AppendUint32(out, uint32(correlation))
	out = append(out, 0, 5, 'f', 'l', 'o', 'o', 'r', 0) // client id, no tags
	out = append(out, 0, 0xff, 0xff)                    // no transaction; acks=all
	out = be.AppendUint32(out, replicasMillis)
	f.scratch = appendUvarint(out, topicsIn(f.batches)+1)
	for rest := f.batches; len(rest) > 0; {
		n := batchesOf(rest[0].lane.topic, rest)
		f.encodeTopic(rest[:n])
		rest = rest[n:]
	}
	f.scratch = append(f.scratch, 0) // no tags
	f.cut()
	size := 0
	for _, piece := range f.pieces {
		size += len(piece)
	}
	be.PutUint32(f.pieces[0], uint32(size-4))
}

// topicsIn counts the topics of sorted batches.
func topicsIn(batches []*batch) (n int) {
	var last *topic
	for _, b := range batches {
		if b.lane.topic != last {
			n++
		}
		last = b.lane.topic
	}
	return n
}

// batchesOf counts the batches of a topic, which come first.
func batchesOf(t *topic, batches []*batch) (n int) {
	for n < len(batches) && batches[n].lane.topic == t {
		n++
	}
	return n
}

func (f *flight) encodeTopic(batches []*batch) {
	out := append(f.scratch, batches[0].lane.topic.id[:]...)
	f.scratch = appendUvarint(out, len(batches)+1)
	for _, b := range batches {
		out := binary.BigEndian.AppendUint32(f.scratch, uint32(b.lane.index))
		f.scratch = appendUvarint(out, len(b.bytes)+1)
		if len(b.bytes) < gatherBelow {
			f.scratch = append(f.scratch, b.bytes...)
		} else {
			f.cut()
			f.pieces = append(f.pieces, b.bytes)
		}
		f.scratch = append(f.scratch, 0) // no tags
	}
	f.scratch = append(f.scratch, 0) // no tags
}

// cut makes a piece of what came into the scratch. Should the scratch grow later, that piece stays where it was.
func (f *flight) cut() {
	f.pieces = append(f.pieces, f.scratch[f.taken:len(f.scratch):len(f.scratch)])
	f.taken = len(f.scratch)
}

func appendUvarint(out []byte, n int) []byte { return binary.AppendUvarint(out, uint64(n)) }
