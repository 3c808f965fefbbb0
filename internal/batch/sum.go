package batch

import (
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// sumBytesMin is how much must have been written behind what a sum has before it goes on: a checksum has a price to begin.
const sumBytesMin = 16 << 10

// sum is the checksum of a body as far as it is written. Summed up slab by slab while records board, the bytes are still in
// the cache of the core that wrote them; when the batch is sealed on another one, a megabyte later, they are not.
type sum struct {
	crc   uint32
	slabs int // that it has, from the first on
}

// reach goes on to the end of the slab at last, if that is worth it.
func (s *sum) reach(head, last *bufferpool.Slab) {
	from := s.skip(head)
	bytes := 0
	for slab := from; slab != last; slab = slab.Next {
		bytes += len(slab.Buf)
	}
	if bytes+len(last.Buf) < sumBytesMin {
		return
	}
	for slab := from; slab != last; slab = slab.Next {
		s.add(slab)
	}
	s.add(last)
}

// of is the checksum of all slabs. It keeps that of the body, so that another header costs no reading.
func (s *sum) of(head *bufferpool.Slab) uint32 {
	for slab := s.skip(head); slab != nil; slab = slab.Next {
		s.add(slab)
	}
	return s.crc
}

// skip is the first slab that the sum has not.
func (s *sum) skip(head *bufferpool.Slab) *bufferpool.Slab {
	for range s.slabs {
		head = head.Next
	}
	return head
}

func (s *sum) add(slab *bufferpool.Slab) {
	s.crc = wire.CRC32C(s.crc, slab.Buf)
	s.slabs++
}
