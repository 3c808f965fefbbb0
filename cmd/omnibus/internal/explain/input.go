package explain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// lineBytesMax is the longest line that is read: longer than any record can be.
const lineBytesMax = 1 << 30

// partitionUnset is the partition of a record that leaves the choice to the partitioner.
const partitionUnset = -1

// input are the flags that say what the record is.
type input struct {
	key, value   string
	keySeparator string
	headers      []string
	partition    int32
	tombstone    bool

	keyGiven, valueGiven bool
}

func (in *input) addTo(flags *pflag.FlagSet) {
	flags.StringVarP(&in.key, "key", "k", "", "the record's key (default: null)")
	flags.StringVar(&in.value, "value", "", "the record's `text` (default: the first line of standard input)")
	flags.BoolVar(&in.tombstone, "tombstone", false, "the record's value is null")
	flags.StringVarP(&in.keySeparator, "key-separator", "K", "", "`text` between key and value, in --value or the line")
	flags.StringArrayVarP(&in.headers, "header", "H", nil, "a header, `name=value` (repeatable)")
	flags.Int32VarP(&in.partition, "partition", "p", 0, "the record names its partition, whatever its key")
}

// given notes which of the flags were there at all: an empty key is a key.
func (in *input) given(key, value, partition bool) {
	in.keyGiven, in.valueGiven = key, value
	if !partition {
		in.partition = partitionUnset
	} else if in.partition == partitionUnset {
		in.partition-- // it was asked for, and is wrong like every other negative one
	}
}

func (in *input) check(separatorGiven bool) error {
	var errs []error
	if separatorGiven && in.keySeparator == "" {
		errs = append(errs, errors.New("--key-separator is empty, want the text between key and value"))
	}
	if separatorGiven && in.keyGiven {
		errs = append(errs, errors.New("--key and --key-separator exclude each other: the key is given, or stands in the line"))
	}
	if in.tombstone && (in.valueGiven || separatorGiven) {
		errs = append(errs, errors.New("--tombstone is a record without a value: leave --value and --key-separator out"))
	}
	if in.partition < partitionUnset {
		errs = append(errs, errors.New("--partition is negative, want 0 or more; leave it out to let the partitioner decide"))
	}
	for _, header := range in.headers {
		if name, _, ok := strings.Cut(header, "="); !ok || name == "" {
			errs = append(errs, fmt.Errorf("--header is %q, want name=value", header))
		}
	}
	return errors.Join(errs...)
}

// record is the record to explain.
type record struct {
	batch.Entry
	names     []string // of the headers
	partition int32    // partitionUnset to leave it to the partitioner
}

// record reads standard input, if it has to, and makes the record.
func (in *input) record(stdin io.Reader) (*record, error) {
	r := &record{partition: in.partition}
	r.Timestamp = time.Now().UnixMilli()
	if in.keyGiven {
		r.Record.Key = []byte(in.key)
	}
	for _, header := range in.headers {
		name, value, _ := strings.Cut(header, "=")
		r.names = append(r.names, name)
		r.Record.Headers = wire.AppendHeader(r.Record.Headers, name, []byte(value))
	}
	r.Record.HeaderCount = int32(len(in.headers))
	if in.tombstone {
		return r, nil
	}
	value := []byte(in.value)
	if !in.valueGiven {
		line, err := firstLine(stdin)
		if err != nil {
			return nil, err
		}
		value = line
	}
	return r, r.takeValue(value, in.keySeparator)
}

// takeValue sets the value, and the key if the separator splits one off.
func (r *record) takeValue(value []byte, separator string) error {
	if separator != "" {
		key, rest, ok := bytes.Cut(value, []byte(separator))
		if !ok {
			return fmt.Errorf("the line has no key separator %q", separator)
		}
		r.Record.Key, value = key, rest
	}
	r.Record.Value = value
	return nil
}

// firstLine reads one line, which a newline or the end of the input ends.
func firstLine(stdin io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(stdin, lineBytesMax)).ReadBytes('\n')
	switch {
	case err == io.EOF && len(line) == 0:
		return nil, errors.New("no value: give one with --value, or as a line on standard input, or say --tombstone for null")
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}
