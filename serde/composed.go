package serde

import (
	"encoding"
	"encoding/json"
)

// JSON appends v as encoding/json writes it, with three choices made: compact, without a line's end behind it, and
// with '<', '>' and '&' left as they are (they are only escaped for HTML, and escaping makes other readers' hashes and
// comparisons differ). A nil pointer, map or slice is the four letters null, which is not Kafka's null; for a value
// that may be absent use Nullable(JSON[T]). The error is encoding/json's: an unsupported type or value, or a
// MarshalJSON that failed.
func JSON[T any](dst []byte, _ Meta, v T) ([]byte, error) {
	w := appender{dst}
	encoder := json.NewEncoder(&w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return w.bytes[:len(w.bytes)-1], nil // Encode ends every value with a newline.
}

// appender is the shortest io.Writer onto the end of a slice; a bytes.Buffer would do more and cost more.
type appender struct{ bytes []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}

// Binary appends what v.AppendBinary appends. It never yields null, not even where AppendBinary returns nil.
func Binary[T encoding.BinaryAppender](dst []byte, _ Meta, v T) ([]byte, error) {
	out, err := v.AppendBinary(dst)
	return neverNull(dst, out, err)
}

// Text appends what v.AppendText appends; time.Time, netip.Addr, big.Int and slog.Level are such types. It never yields
// null, not even where AppendText returns nil.
func Text[T encoding.TextAppender](dst []byte, _ Meta, v T) ([]byte, error) {
	out, err := v.AppendText(dst)
	return neverNull(dst, out, err)
}

// neverNull keeps a method that returns nil for "nothing to append" from writing a tombstone.
func neverNull(dst, out []byte, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case out == nil:
		return dst, nil
	default:
		return out, nil
	}
}

// NoKey is the key serializer of a topic whose records have no key: the key is null, so the partitioner spreads the
// records, and struct{}{} is what stands for it in a call.
func NoKey([]byte, Meta, struct{}) ([]byte, error) { return nil, nil }

// Nullable is the serializer of *T that writes null for a nil pointer and otherwise what s writes.
func Nullable[T any](s Serializer[T]) Serializer[*T] {
	return func(dst []byte, m Meta, v *T) ([]byte, error) {
		if v == nil {
			return nil, nil
		}
		return s(dst, m, *v)
	}
}
