package consume

import (
	"bufio"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
)

// The formats.
const (
	formatLines    = "lines"
	formatEnvelope = "envelope"
)

// printer writes records in the format that was asked for.
type printer struct {
	options   *Options
	delimiter []byte
	out       *bufio.Writer // it keeps the first error and returns it ever after
	record    omnibus.Record
	line      []byte
}

func newPrinter(o *Options, out *bufio.Writer) *printer {
	p := &printer{options: o, out: out, delimiter: o.Delimiter}
	if p.delimiter == nil {
		p.delimiter = []byte{'\n'}
	}
	return p
}

// print writes one record.
func (p *printer) print(r *kgo.Record) error {
	if p.options.Format == formatEnvelope {
		return p.envelope(r)
	}
	if p.options.KeySeparator != nil {
		p.out.Write(p.shown(r.Key))
		p.out.Write(p.options.KeySeparator)
	}
	p.out.Write(p.shown(r.Value))
	_, err := p.out.Write(p.delimiter)
	return err
}

// shown is what stands for a key or value.
func (p *printer) shown(content []byte) []byte {
	if content == nil {
		return p.options.NullMarker
	}
	return content
}

// envelope writes everything that is known about a record. A record without a timestamp, as brokers before 0.10 wrote them, has none
// there either.
func (p *printer) envelope(r *kgo.Record) error {
	p.record = omnibus.Record{
		Topic: r.Topic, Partition: omnibus.At(r.Partition), Key: r.Key, Value: r.Value, Headers: p.record.Headers[:0],
	}
	if r.Timestamp.UnixMilli() >= 0 {
		p.record.Timestamp = r.Timestamp
	}
	for _, header := range r.Headers {
		p.record.Headers = append(p.record.Headers, omnibus.Header(header))
	}
	p.line = append(envelope.AppendConsumed(p.line[:0], &p.record, r.Offset), '\n')
	_, err := p.out.Write(p.line)
	return err
}
