package broker

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

const (
	frameBufferBytes = 4 << 10
	// A buffer that one huge answer made grow is given up above this size.
	frameBufferKeptBytes = 256 << 10

	apiVersionsResponseBytesMax = 1 << 20
	controlResponseBytesMax     = 64 << 20
	// A partition's part of a Produce response is about 40 bytes, and as much more as the broker has to say about
	// records it refuses (KIP-467).
	produceResponseBytesBase         = 1 << 20
	produceResponseBytesPerPartition = 16 << 10

	emptyReadsMax = 100
)

// produceResponseLimit is the largest answer that is believed to belong to a Produce request, in bytes.
func produceResponseLimit(partitions int) int {
	const room = (controlResponseBytesMax - produceResponseBytesBase) / produceResponseBytesPerPartition
	return produceResponseBytesBase + min(partitions, room)*produceResponseBytesPerPartition
}

// frameReader reads length-prefixed frames. A frame lies in one piece in the reader's own buffer, which is used for
// the next one too. Owned by Connect, then by the read loop.
type frameReader struct {
	source   io.Reader
	received *atomic.Int64
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

// correlationID is the next frame's. It takes nothing, and waits for no more than its own bytes.
func (f *frameReader) correlationID() (int32, error) {
	head, err := f.peek(8)
	if err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(head[4:])), nil
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
			f.buf = nil
		}
	}
	return frame[4:], nil
}

func (f *frameReader) peek(n int) ([]byte, error) {
	for empty := 0; f.end-f.start < n; {
		f.makeRoom(n)
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

// makeRoom leaves at least one byte free at the end of buf. It doubles buf at most, however many bytes are wanted.
func (f *frameReader) makeRoom(want int) {
	if f.start > 0 && f.start+want > len(f.buf) {
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if f.end < len(f.buf) {
		return
	}
	grown := make([]byte, max(frameBufferBytes, min(want, 2*len(f.buf))))
	f.end = copy(grown, f.buf[f.start:f.end])
	f.start, f.buf = 0, grown
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
