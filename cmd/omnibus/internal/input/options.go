package input

import (
	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// The formats.
const (
	formatLines    = "lines"
	formatEnvelope = "envelope"
	formatCSV      = "csv"
	formatTSV      = "tsv"
	formatRaw      = "raw"
)

// Options say what the input looks like and what becomes of it. The zero value is plain lines.
type Options struct {
	// Format is "lines" (also ""), "envelope", "csv", "tsv" or "raw", which makes one record of each file.
	Format string
	// Delimiter ends a record of lines or tsv; nil for a newline.
	Delimiter []byte
	// CRLF is "keep" (also "") or "strip": what becomes of a carriage return at the end of a record of lines or tsv.
	CRLF string
	// KeySeparator stands between key and value of a line; nil for records without a key.
	KeySeparator []byte
	// NullMarker is the text of a key or value of lines, csv or tsv that means null; nil for none.
	NullMarker []byte
	// EmptyNull makes empty keys and values of lines, csv and tsv null. It is kcat's -Z.
	EmptyNull bool
	// Key is the key of every record; nil for none. Empty is the empty key.
	Key []byte
	// Headers are added to every record in this order, behind those of an envelope; duplicates are kept.
	Headers []omnibus.Header
	// Partition is the partition of every record; the zero value for none.
	Partition omnibus.Partition
	// KeepPartition takes the partition that an envelope names.
	KeepPartition bool
	// KeyPath and TimestampPath are jq expressions over the JSON that a line's value is; empty for none.
	KeyPath, TimestampPath string
	// HeaderPaths are headers, each name=expression as above. They come behind Headers.
	HeaderPaths []string
	// CSVHeader says that the first row of each file names the columns.
	CSVHeader bool
	// KeyColumn and ValueColumn choose columns of csv and tsv, by number from 1, or by name if CSVHeader is set. If both
	// are empty, the columns are "key" and "value" with CSVHeader, else the only two that there are.
	KeyColumn, ValueColumn string
	// NoDecompress keeps inputs that are gzip or zstd as they are.
	NoDecompress bool
}

// AddTo registers the flags with a command. Those of one letter are kcat's.
func (o *Options) AddTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.Format, "format", formatLines, "what the input is: lines, envelope (a JSON object a line), csv, tsv or raw (each file a record)")
	flags.VarP(&cli.TextFlag{To: &o.Delimiter, Escapes: true}, "delimiter", "D", `what ends a record of lines or tsv (default \n; also \t, \0, \x1e, several characters)`)
	flags.StringVar(&o.CRLF, "crlf", "keep", "carriage returns at the end of lines: keep (they are data) or strip")
	flags.VarP(&cli.TextFlag{To: &o.KeySeparator, Escapes: true}, "key-separator", "K", `what stands between a line's key and its value, such as : or \t; a line without it is bad input`)
	flags.Var(&cli.TextFlag{To: &o.NullMarker}, "null-marker", "a key or value that is this text is null; a null value is a tombstone")
	flags.BoolVarP(&o.EmptyNull, "empty-null", "Z", false, "empty keys and values are null")
	flags.VarP(&cli.TextFlag{To: &o.Key}, "fixed-key", "k", "the key of every record")
	flags.VarP(&headersFlag{to: &o.Headers}, "fixed-header", "H", "a header of every record, `name=value`, or name for one that is null (repeatable)")
	flags.VarP(&partitionFlag{to: &o.Partition}, "partition", "p", "the `number` of the partition of every record")
	flags.BoolVar(&o.KeepPartition, "keep-partition", false, "take the partition that an envelope names")
	flags.StringVar(&o.KeyPath, "key", "", "a jq `expression` that makes the key of a line of JSON, such as .user.id")
	flags.StringArrayVar(&o.HeaderPaths, "header", nil, "a jq expression that makes a header, `name=expression` such as src=.origin (repeatable)")
	flags.StringVar(&o.TimestampPath, "timestamp", "", "a jq `expression` that makes the timestamp: milliseconds since 1970, or a text as in RFC 3339")
	flags.BoolVar(&o.CSVHeader, "csv-header", false, "the first row of each csv or tsv file names the columns")
	flags.StringVar(&o.KeyColumn, "key-column", "", "the `column` of csv or tsv that is the key: a number from 1, or a name with --csv-header")
	flags.StringVar(&o.ValueColumn, "value-column", "", "the `column` of csv or tsv that is the value")
	flags.BoolVar(&o.NoDecompress, "no-decompress", false, "keep inputs that are gzip or zstd as they are")
}
