package explain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// recordBytesMax is the longest record that is read, to be told that it is too long: more than producers can send.
const recordBytesMax = 256 << 20

// record is the record to explain.
type record struct {
	batch.Entry
	partition omnibus.Partition
}

// read makes a record of the first line of the input, by produce's own rules.
func (o *Options) read(ctx context.Context, stdin io.Reader) (*record, error) {
	sources := input.Sources{Files: o.Files, Stdin: stdin, RecordBytesMax: recordBytesMax}
	if o.Line != nil {
		sources.Stdin = strings.NewReader(*o.Line + "\n")
	}
	reader, err := o.Input.Open(sources)
	if err != nil {
		return nil, cli.Usage(err)
	}
	defer reader.Close()
	first, err := reader.Next(ctx)
	bad, isBad := errors.AsType[*input.BadInputError](err)
	switch {
	case err == nil:
		return newRecord(first), nil
	case cli.Interrupted(ctx):
		return nil, &cli.ExitError{Code: cli.ExitInterrupted}
	case err == io.EOF:
		return nil, cli.Usage(errors.New("no record: give one as a line on standard input, in a file, or with --line"))
	case isBad:
		return nil, &cli.ExitError{Code: cli.ExitBadInput, Err: bad}
	}
	return nil, cli.Usage(fmt.Errorf("read the record: %w", err))
}

// newRecord encodes the parts of a record that are encoded before it boards. The copies are for its bytes, which are the
// reader's.
func newRecord(from *omnibus.Record) *record {
	r := &record{partition: from.Partition}
	if r.Timestamp = time.Now().UnixMilli(); !from.Timestamp.IsZero() {
		r.Timestamp = from.Timestamp.UnixMilli()
	}
	r.Record.Key, r.Record.Value = clone(from.Key), clone(from.Value)
	r.Record.HeaderCount = int32(len(from.Headers))
	for _, header := range from.Headers {
		r.Record.Headers = wire.AppendHeader(r.Record.Headers, header.Key, header.Value)
	}
	return r
}

// clone keeps null and empty apart.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
