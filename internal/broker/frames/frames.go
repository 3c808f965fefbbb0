package frames

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
)

const (
	bufferBytes = 4 << 10
	// A buffer that one large answer made grow is given up above this size; the answer to a request for a thousand
	// partitions fits.
	bufferKeptBytes = 64 << 10

	lengthBytes = 4
	idBytes     = 4

	emptyReadsMax = 100
)

// LargeBytesMax is what the buffers of all connections together may take beyond 64 KiB each: one of the largest answers,
// and some in the making.
const LargeBytesMax = 9 << 20

// Reader reads frames. A frame lies in one piece in the reader's own buffer, which is used for the next one too.
type Reader struct {
	// Source is where the bytes come from. It may be replaced while none are buffered.
	Source io.Reader
	// Received counts them.
	Received *atomic.Int64
	// Large counts what the buffers of all connections take beyond 64 KiB each; they share it.
	Large *atomic.Int64
	// Failed decides what an error of Source means: nil to read on. Without it an error is one.
	Failed func(err error) error

	buf        []byte
	start, end int // buf[start:end] has been read from Source but not taken
}

// Due is what the next frame must be.
type Due struct {
	// LimitBytes is the longest answer that is believed.
	LimitBytes int
	// ID is the correlation id of the request.
	ID int32
	// Kept says that the caller keeps views of the answer; else it is valid until the next call of any method.
	Kept bool
}

// Wait blocks until the length of a frame has come, whatever it is. It takes nothing. io.EOF means that Source ended between
// frames.
func (f *Reader) Wait() error {
	_, err := f.peek(lengthBytes)
	return err
}

// Take reads a frame and returns it without its length, if it is the one that is due. Errors that are no answer to anything
// are ErrProtocol; the bytes then stay where they are, and the connection is of no more use.
func (f *Reader) Take(due Due) ([]byte, error) {
	head, err := f.peek(lengthBytes)
	if err != nil {
		return nil, err
	}
	size := int32(binary.BigEndian.Uint32(head))
	if size < idBytes || int64(size) > int64(due.LimitBytes) {
		return nil, &ForeignError{head: [4]byte(head), size: size, limitBytes: due.LimitBytes}
	}
	if head, err = f.peek(lengthBytes + idBytes); err != nil {
		return nil, err
	}
	if id := int32(binary.BigEndian.Uint32(head[lengthBytes:])); id != due.ID {
		return nil, &strangerError{head: [8]byte(head), id: id, want: due.ID}
	}
	frame, err := f.peek(lengthBytes + int(size))
	if err != nil {
		return nil, err
	}
	f.start += len(frame)
	f.leave(due.Kept)
	return frame[lengthBytes:], nil
}

// leave tidies up behind a frame that was taken: a buffer that it shall keep, or that it made grow, is left to it.
func (f *Reader) leave(kept bool) {
	switch {
	case kept:
		behind := f.buf[f.start:f.end]
		f.Drop()
		f.buf, f.start, f.end = append([]byte(nil), behind...), 0, len(behind)
		f.Large.Add(large(len(behind)))
	case f.start == f.end:
		f.start, f.end = 0, 0
		if len(f.buf) > bufferKeptBytes {
			f.Drop()
		}
	}
}

// Drop gives up the buffer and what is in it. Whoever has no more use for a Reader calls it, for the others' sake.
func (f *Reader) Drop() {
	f.Large.Add(-large(len(f.buf)))
	f.buf, f.start, f.end = nil, 0, 0
}

// large is what counts as large of a buffer.
func large(n int) int64 { return int64(max(n-bufferKeptBytes, 0)) }

func (f *Reader) peek(n int) ([]byte, error) {
	for empty := 0; f.end-f.start < n; {
		if err := f.makeRoom(n); err != nil {
			return nil, err
		}
		read, err := f.Source.Read(f.buf[f.end:])
		f.end += read
		f.Received.Add(int64(read))
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
func (f *Reader) makeRoom(want int) error {
	if f.start > 0 && f.start+want > len(f.buf) {
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if f.end < len(f.buf) {
		return nil
	}
	n := max(bufferBytes, 4*len(f.buf))
	if n > want-want/4 {
		n = max(bufferBytes, want)
	}
	more := large(n) - large(len(f.buf))
	if f.Large.Add(more) > LargeBytesMax {
		f.Large.Add(-more)
		return fmt.Errorf("%w: %d bytes of an answer of %d have come, and the answers of all brokers together may take no "+
			"more than %d at a time", ErrProtocol, f.end, want, LargeBytesMax)
	}
	grown := make([]byte, n)
	f.end = copy(grown, f.buf[f.start:f.end])
	f.start, f.buf = 0, grown
	return nil
}

func (f *Reader) failed(err error) error {
	if f.Failed != nil {
		err = f.Failed(err)
	}
	if err == io.EOF && f.end > f.start {
		return io.ErrUnexpectedEOF
	}
	return err
}
