package shape

import (
	"fmt"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// What kmsg spends on a tagged field that it does not know: the first one of a structure makes a map.
const (
	firstTagBytes = 336
	nextTagBytes  = 160
	// pointerBytes is what a string that may be null costs beside its bytes.
	pointerBytes = 16
)

// Check refuses an answer that is not what the schema of its request's key and version says, or that would take more
// memory than an answer of its kind may take once it is decoded. body is what follows the response's header. The error
// is a *wire.FormatError, a *CostError, or says that the key has no description.
func Check(key, version int16, body []byte) error {
	a, ok := answers[key]
	if !ok {
		return fmt.Errorf("shape: answers with key %d are not described here", key)
	}
	w := walk{reader: wire.NewReader(body), version: version, flexible: version >= a.flexible, left: a.decodedBytesMax}
	w.structure(&a.structure)
	if w.left < 0 {
		return &CostError{LimitBytes: a.decodedBytesMax}
	}
	return w.reader.End("answer")
}

// CostError says that an answer was refused for what it would take in memory.
type CostError struct {
	// LimitBytes is the most that is spent on an answer of this kind.
	LimitBytes int
}

// Error names the limit.
func (e *CostError) Error() string {
	return fmt.Sprintf("decoding it would take more than %d bytes of memory, the most that an answer of its kind may take",
		e.LimitBytes)
}

// walk is one Check on its way through the bytes.
type walk struct {
	reader   wire.Reader
	version  int16
	flexible bool
	left     int // bytes that decoding may still take; below 0 the walk is over
}

// ended reports that nothing more is to be read.
func (w *walk) ended() bool { return w.left < 0 || w.reader.Err() != nil }

func (w *walk) structure(s *structure) {
	for i := range s.fields {
		if f := &s.fields[i]; f.in(w.version) && !w.ended() {
			w.field(f)
		}
	}
	if w.flexible && !s.bare && !w.ended() {
		w.tags(s)
	}
}

func (w *walk) field(f *field) {
	switch f.kind {
	case fixed:
		w.reader.Bytes(f.bytes)
	case text:
		w.left -= len(w.string())
	case nullText:
		w.left -= pointerBytes + len(w.nullString())
	case data: // kmsg does not copy it
		w.reader.Bytes(w.count(1))
	case int32s:
		n := w.count(4)
		w.left -= 4 * n
		w.reader.Bytes(4 * n)
	case list:
		w.list(f.of)
	case inline:
		w.structure(f.of)
	}
}

func (w *walk) string() []byte {
	if w.flexible {
		return w.reader.CompactString()
	}
	return w.reader.String()
}

func (w *walk) nullString() []byte {
	if w.flexible {
		return w.reader.CompactNullableString()
	}
	return w.reader.NullableString()
}

func (w *walk) list(of *structure) {
	n := w.count(of.bytesMin(w.version, w.flexible))
	w.left -= n * of.decodedBytes
	for ; n > 0 && !w.ended(); n-- {
		w.structure(of)
	}
}

func (w *walk) count(elementBytesMin int) int {
	if w.flexible {
		return w.reader.CompactCount(elementBytesMin)
	}
	return w.reader.Count(elementBytesMin)
}

func (w *walk) tags(s *structure) {
	unknown := 0
	w.reader.Tags(func(tag uint32, _ *wire.Reader) {
		switch {
		case w.left < 0:
		case int64(tag) < int64(len(s.tags)):
			w.field(&s.tags[tag])
		case unknown == 0:
			unknown++
			w.left -= firstTagBytes
		default:
			w.left -= nextTagBytes
		}
	})
}
