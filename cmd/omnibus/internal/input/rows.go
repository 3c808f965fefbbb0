package input

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// rows joins the lines of csv that a quoted field makes one row of. Only a quote at the beginning of a field opens one: to count quotes
// would be simpler, but then a stray one would swallow the rows behind it.
type rows struct {
	lines    *lines.Reader
	bytesMax int

	row   []byte   // what a row over several lines is gathered in
	ahead *rowLine // the first line of the next source, if that ended a row that was not closed
}

// rowLine is what lines.Reader returned.
type rowLine struct {
	lines.Line
	err error
}

// Next returns the next row, with Seq and Number of its first line. A row whose last quote is never closed ends with its
// source.
func (r *rows) Next(ctx context.Context) (lines.Line, error) {
	line, err := r.line(ctx)
	if err != nil || bytes.IndexByte(line.Bytes, '"') < 0 {
		return line, err
	}
	return r.gather(ctx, line)
}

// line is the line that was read ahead, or the next.
func (r *rows) line(ctx context.Context) (lines.Line, error) {
	ahead := r.ahead
	if ahead == nil {
		return r.lines.Next(ctx)
	}
	r.ahead = nil
	return ahead.Line, ahead.err
}

// gather reads on until the row's last field is closed.
func (r *rows) gather(ctx context.Context, row lines.Line) (lines.Line, error) {
	if row.Number == 1 {
		row.Bytes = bytes.TrimPrefix(row.Bytes, []byte(byteOrderMark))
	}
	if !leavesOpen(row.Bytes, false) {
		return row, nil
	}
	r.row, row.Bytes = append(r.row[:0], row.Bytes...), nil
	for {
		next, err := r.lines.Next(ctx)
		switch {
		case next.Number == 1, errors.Is(err, io.EOF):
			r.ahead, row.Bytes = &rowLine{next, err}, r.row
			return row, errNeverClosed()
		case err != nil:
			return row, err
		case len(r.row)+1+len(next.Bytes) > r.bytesMax:
			return row, &lines.TooLongError{Limit: r.bytesMax}
		}
		r.row = append(append(r.row, '\n'), next.Bytes...)
		if !leavesOpen(next.Bytes, true) {
			row.Bytes = r.row
			return row, nil
		}
	}
}

// leavesOpen reports whether a quoted field goes on behind the line, which begins inside of one or at the beginning of one. A line
// that is broken ends its row: what is wrong with it is said when the row is split.
func leavesOpen(line []byte, quoted bool) bool {
	for {
		switch {
		case quoted:
			end := bytes.IndexByte(line, '"')
			if end < 0 {
				return true
			}
			line = line[end+1:]
			if quoted = len(line) > 0 && line[0] == '"'; !quoted && (len(line) == 0 || line[0] != ',') {
				return false
			}
			line = line[1:]
		case len(line) > 0 && line[0] == '"':
			line, quoted = line[1:], true
		default:
			end := bytes.IndexByte(line, ',')
			if end < 0 {
				return false
			}
			line = line[end+1:]
		}
	}
}

func errNeverClosed() *problem {
	return &problem{"a quote is opened and never closed", `close it, and write a quote inside of a field as ""`}
}
