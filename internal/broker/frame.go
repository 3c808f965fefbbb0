package broker

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

const (
	frameBufferBytes = 4 << 10
	// A buffer that one huge answer made grow is given up above this size; the answer to a request for a thousand
	// partitions fits.
	frameBufferKeptBytes = 64 << 10
	// largeBytesMax is what the buffers of all connections together may take beyond that: one of the largest answers, and
	// some in the making. Honest brokers do not come near it.
	largeBytesMax = 9 << 20

	// A partition's part of a Produce answer is about 50 bytes, and as much more as the broker has to say about records it
	// refuses: 120 bytes each for timestamps out of range, say (KIP-467). This is 65,000 of them, as many as package wire
	// keeps. The limits of other answers are in package shape.
	produceResponseBytesMax = 8 << 20

	emptyReadsMax = 100
)

// frameReader reads length-prefixed frames. A frame lies in one piece in the reader's own buffer, which is used for
// the next one too. Owned by Connect, then by the read loop.
type frameReader struct {
	source   io.Reader
	received *atomic.Int64
	// large counts what the buffers of all connections take beyond frameBufferKeptBytes each.
	large *atomic.Int64
	// timedOut decides what a passed read deadline means: nil to read on. Without it, it is an error like others.
	timedOut func() error

	buf        []byte
	start, end int // buf[start:end] has been read from source but not taken
}

// size is the length that the next frame claims. It takes nothing.
func (f *frameReader) size() (int32, error) {
	head, err := f.peek(4)
	if err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(head)), nil
}

// check refuses a frame that cannot be the answer to a request with this limit. Call it after size.
func (f *frameReader) check(size int32, limit int) error {
	const correlationIDBytes = 4
	if size >= correlationIDBytes && int64(size) <= int64(limit) {
		return nil
	}
	return &foreignError{head: [4]byte(f.buf[f.start:]), size: size, limit: limit}
}

// checkID refuses a frame that is not the answer to the request with this correlation id. It waits for no more than the
// frame's own. Call it after check.
func (f *frameReader) checkID(want int32) error {
	head, err := f.peek(8)
	if err != nil {
		return err
	}
	if id := int32(binary.BigEndian.Uint32(head[4:])); id != want {
		return &strangerError{head: [8]byte(head), id: id, want: want}
	}
	return nil
}

// take returns the next frame without its length. It is valid until the next call of any method.
func (f *frameReader) take(size int32) ([]byte, error) {
	total := 4 + int(size)
	frame, err := f.peek(total)
	if err != nil {
		return nil, err
	}
	f.start += total
	if f.start == f.end {
		f.start, f.end = 0, 0
		if len(f.buf) > frameBufferKeptBytes {
			f.drop()
		}
	}
	return frame[4:], nil
}

// takeForGood is take for whoever keeps views of the frame: it is never overwritten.
func (f *frameReader) takeForGood(size int32) ([]byte, error) {
	frame, err := f.take(size)
	if err != nil {
		return nil, err
	}
	behind := f.buf[f.start:f.end]
	f.drop()
	f.buf, f.start, f.end = append([]byte(nil), behind...), 0, len(behind)
	f.large.Add(beyondKept(len(behind)))
	return frame, nil
}

// drop gives up the buffer.
func (f *frameReader) drop() {
	f.large.Add(-beyondKept(len(f.buf)))
	f.buf = nil
}

// beyondKept is what counts as large of a buffer.
func beyondKept(n int) int64 { return int64(max(n-frameBufferKeptBytes, 0)) }

func (f *frameReader) peek(n int) ([]byte, error) {
	for empty := 0; f.end-f.start < n; {
		if err := f.makeRoom(n); err != nil {
			return nil, err
		}
		read, err := f.source.Read(f.buf[f.end:])
		f.end += read
		f.received.Add(int64(read))
		switch {
		case read > 0:
			empty = 0 // an error that came with the bytes comes again without them
		case err == nil:
			if empty++; empty == emptyReadsMax {
				return nil, io.ErrNoProgress
			}
		default:
			if err := f.failed(err); err != nil {
				return nil, err
			}
		}
	}
	return f.buf[f.start : f.start+n], nil
}

// makeRoom leaves at least one byte free at the end of buf. However many bytes are wanted, it makes buf about four times
// as large: not twice, for the smaller buffers left behind are garbage beside the largest one.
func (f *frameReader) makeRoom(want int) error {
	if f.start > 0 && f.start+want > len(f.buf) {
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if f.end < len(f.buf) {
		return nil
	}
	n := max(frameBufferBytes, 4*len(f.buf))
	if n > want-want/4 {
		n = max(frameBufferBytes, want)
	}
	more := beyondKept(n) - beyondKept(len(f.buf))
	if f.large.Add(more) > largeBytesMax {
		f.large.Add(-more)
		return protocolError("%d bytes of an answer of %d have come, and the answers of all brokers together may take no "+
			"more than %d at a time", f.end, want, largeBytesMax)
	}
	grown := make([]byte, n)
	f.end = copy(grown, f.buf[f.start:f.end])
	f.start, f.buf = 0, grown
	return nil
}

func (f *frameReader) failed(err error) error {
	if f.timedOut != nil && isTimeout(err) {
		return f.timedOut()
	}
	if err == io.EOF && f.end > f.start {
		return io.ErrUnexpectedEOF
	}
	return err
}
