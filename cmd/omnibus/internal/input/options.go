// Package input makes records of files and of standard input.
package input

import (
	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus"
)

// Options say what the input looks like and what becomes of it. The zero value is plain lines.
type Options struct {
	// Format is "lines" (also ""), "envelope", "csv", "tsv" or "raw".
	Format string
	// Delimiter ends a record of lines or tsv; nil for a newline.
	Delimiter []byte
	// CRLF is "keep" (also "") or "strip": what to do with a carriage return before the delimiter.
	CRLF string
	// KeySeparator stands between key and value of a line; nil for records without a key.
	KeySeparator []byte
	// NullMarker is the text of a key or value that means null; nil for none. Empty makes empty ones null.
	NullMarker []byte
	// EmptyNull (kcat's -Z) makes empty keys and values null.
	EmptyNull bool
	// Key is the key of every record; nil for none. Not nil and empty is the empty key.
	Key []byte
	// Headers are added to every record in this order; duplicates are kept.
	Headers []omnibus.Header
	// Partition is the partition of every record; the zero value for none.
	Partition omnibus.Partition
	// KeepPartition takes the partition that an envelope names.
	KeepPartition bool
	// KeyPath, HeaderPaths (name=path) and TimestampPath are jq expressions over a line of JSON; empty for none.
	KeyPath       string
	HeaderPaths   []string
	TimestampPath string
	// CSVHeader says that the first row of each csv or tsv file names the columns.
	CSVHeader bool
	// KeyColumn and ValueColumn choose columns of csv and tsv, by number from 1 or by name; empty for the default.
	KeyColumn, ValueColumn string
	// NoDecompress keeps inputs that are gzip or zstd as they are.
	NoDecompress bool
}

// AddTo registers the flags with a command.
func (o *Options) AddTo(flags *pflag.FlagSet) {}

// Validate reports everything that is wrong with the options, in the words of the flags. It is an error of usage.
func (o *Options) Validate() error { return nil }
