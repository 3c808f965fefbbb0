package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
)

// FormatHelp tells what stands in a format of -o, for help texts.
const FormatHelp = `The format of -o is written once for each acknowledged record, with nothing added:
  %t topic        %p partition    %o offset (-1 if the broker tells none: acks=0)
  %T timestamp in milliseconds    %k key, nothing for null    %K length of the key, -1 for null
  %f input file   %n line in it   %% a percent sign
  \n newline  \t tab  \r carriage return  \0 NUL  \xHH any byte  \\ backslash
Lines of one partition come in its order. %k keeps a copy of each key until its record is acknowledged.`

// ackPrinter writes a line for each acknowledgement.
type ackPrinter struct {
	pieces   []piece
	keys     bool // some piece needs the key
	gathered int  // bytes at which what was gathered is written

	kept atomic.Int64 // bytes of keys on their way, and what comes with each

	// mu is held over writes to out, which is the point of it.
	mu struct {
		sync.Mutex
		out  io.Writer
		text []byte
		err  error // the first write that failed; nothing is written after it
		told bool  // err was returned to somebody
	}
}

// piece is a part of a format: text, or what one verb stands for.
type piece struct {
	text string
	verb byte // 0 for text
}

// ackVerbs are the letters that may follow a percent sign.
const ackVerbs = "tpoTkKfn"

const (
	// ackGatherBytes is how much is gathered before it is written.
	ackGatherBytes = 32 << 10
	// keptBytesMax bounds the copies of keys, and keyOverheadBytes is what each takes beside its bytes.
	keptBytesMax     = 8 << 20
	keyOverheadBytes = 128
)

// parseFormat reads a format of -o. The empty text is none.
func parseFormat(format string, out io.Writer) (*ackPrinter, error) {
	if format == "" {
		return nil, nil
	}
	p := &ackPrinter{gathered: ackGatherBytes}
	p.mu.out = out
	var text []byte
	for rest := format; rest != ""; {
		var verb byte
		var err error
		text, verb, rest, err = parsePiece(text, rest)
		if err != nil {
			return nil, fmt.Errorf("--output is %q, %w", format, err)
		}
		if verb == 0 {
			continue
		}
		p.pieces = append(p.pieces, piece{text: string(text)}, piece{verb: verb})
		p.keys = p.keys || verb == 'k' || verb == 'K'
		text = text[:0]
	}
	p.pieces = append(p.pieces, piece{text: string(text)})
	return p, nil
}

// parsePiece reads one character, escape or verb off a format that is not empty. Characters and escapes are appended to
// text.
func parsePiece(text []byte, format string) (_ []byte, verb byte, rest string, err error) {
	if len(format) == 1 && (format == "%" || format == `\`) {
		return nil, 0, "", fmt.Errorf("and nothing follows the last %s: write it twice to mean itself", format)
	}
	switch format[0] {
	case '%':
		if format[1] == '%' {
			return append(text, '%'), 0, format[2:], nil
		}
		for i := range len(ackVerbs) {
			if ackVerbs[i] == format[1] {
				return text, format[1], format[2:], nil
			}
		}
		return nil, 0, "", fmt.Errorf("and %q is none of %%t %%p %%o %%T %%k %%K %%f %%n %%%%", format[:2])
	case '\\':
		b, rest, err := parseEscape(format[1:])
		return append(text, b), 0, rest, err
	}
	return append(text, format[0]), 0, format[1:], nil
}

// parseEscape reads what follows a backslash.
func parseEscape(format string) (b byte, rest string, err error) {
	switch format[0] {
	case 'n':
		return '\n', format[1:], nil
	case 't':
		return '\t', format[1:], nil
	case 'r':
		return '\r', format[1:], nil
	case '0':
		return 0, format[1:], nil
	case '\\':
		return '\\', format[1:], nil
	case 'x':
		if len(format) >= 3 {
			if n, err := strconv.ParseUint(format[1:3], 16, 8); err == nil {
				return byte(n), format[3:], nil
			}
		}
		return 0, "", errors.New(`and \x wants two hexadecimal digits behind it`)
	}
	return 0, "", fmt.Errorf(`and "\%s" is none of \n \t \r \0 \xHH \\`, format[:1])
}

// print writes the line of one acknowledgement.
func (p *ackPrinter) print(ack *omnibus.Ack, key []byte, origin func(tag uint64) input.Origin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.err != nil {
		return
	}
	text := p.mu.text
	for i := range p.pieces {
		if verb := p.pieces[i].verb; verb != 0 {
			text = appendVerb(text, verb, ack, key, origin)
		} else {
			text = append(text, p.pieces[i].text...)
		}
	}
	p.mu.text = text
	if len(text) >= p.gathered {
		p.writeLocked()
	}
}

// appendVerb appends what a verb stands for.
func appendVerb(dst []byte, verb byte, ack *omnibus.Ack, key []byte, origin func(tag uint64) input.Origin) []byte {
	switch verb {
	case 't':
		return append(dst, ack.Topic...)
	case 'p':
		return strconv.AppendInt(dst, int64(ack.Partition), 10)
	case 'o':
		return strconv.AppendInt(dst, ack.Offset, 10)
	case 'T':
		return strconv.AppendInt(dst, ack.Timestamp.UnixMilli(), 10)
	case 'k':
		return append(dst, key...)
	case 'K':
		if key == nil {
			return append(dst, "-1"...)
		}
		return strconv.AppendInt(dst, int64(len(key)), 10)
	case 'f':
		return append(dst, origin(ack.Tag).File...)
	default: // 'n'
		return strconv.AppendUint(dst, origin(ack.Tag).Line, 10)
	}
}

// flush writes what was gathered. The error is that of the first write that failed, returned once.
func (p *ackPrinter) flush() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeLocked()
	if p.mu.err == nil || p.mu.told {
		return nil
	}
	p.mu.told = true
	return fmt.Errorf("standard output: %w: no further acknowledgements are printed, records go on being sent", p.mu.err)
}

func (p *ackPrinter) writeLocked() {
	if len(p.mu.text) > 0 && p.mu.err == nil {
		_, p.mu.err = p.mu.out.Write(p.mu.text)
	}
	p.mu.text = p.mu.text[:0]
}

// withLine returns a callback for the record alone that prints its line too, and what it keeps in memory until then: a copy
// of the key, if the format needs it. If the record is not accepted that has to be released.
func (t *topicTally) withLine(ctx context.Context, r *omnibus.Record) (callback func(omnibus.Ack, error), kept int64, err error) {
	p := t.job.acks
	if !p.keys || r.Key == nil {
		return t.printing, 0, nil
	}
	if err := p.awaitRoom(ctx); err != nil {
		return nil, 0, err
	}
	key := append(make([]byte, 0, len(r.Key)), r.Key...)
	kept = int64(len(key)) + keyOverheadBytes
	p.kept.Add(kept)
	return func(ack omnibus.Ack, err error) {
		if err == nil {
			p.print(&ack, key, t.job.source.Origin)
		}
		p.kept.Add(-kept)
		t.callback(ack, err)
	}, kept, nil
}

// awaitRoom waits while too much is kept for lines to come. Records on their way are in buffer.memory, but copies of their keys
// are not.
func (p *ackPrinter) awaitRoom(ctx context.Context) error {
	if p.kept.Load() < keptBytesMax {
		return nil
	}
	ticker := time.NewTicker(awaitPoll)
	defer ticker.Stop()
	for p.kept.Load() >= keptBytesMax {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// print is the callback of a record whose line needs no key, or that has none.
func (t *topicTally) print(ack omnibus.Ack, err error) {
	if err == nil {
		t.job.acks.print(&ack, nil, t.job.source.Origin)
	}
	t.callback(ack, err)
}
