package input

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// option is a flag as an error names it, and whether it was given.
type option struct {
	name  string
	given bool
}

// names are those of the options that were given.
func names(options []option) []string {
	var names []string
	for _, option := range options {
		if option.given {
			names = append(names, option.name)
		}
	}
	return names
}

// Validate reports everything that is wrong with the options, in the words of the flags. It is an error of usage.
func (o *Options) Validate() error {
	if !slices.Contains([]string{formatLines, formatEnvelope, formatCSV, formatTSV, formatRaw}, o.format()) {
		return fmt.Errorf("--format is %q, want lines, envelope, csv, tsv or raw", o.Format)
	}
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.CRLF != "" && o.CRLF != "keep" && o.CRLF != "strip" {
		complain("--crlf is %q, want keep or strip", o.CRLF)
	}
	if o.Delimiter != nil && len(o.Delimiter) == 0 {
		complain("--delimiter is empty, want the text that ends a record: leave the flag out for a newline")
	}
	if o.KeySeparator != nil && len(o.KeySeparator) == 0 {
		complain("--key-separator is empty, want the text between key and value: leave the flag out for records without a key")
	}
	if keys := names(o.keys()); len(keys) > 1 {
		complain("%s exclude each other: a record has one key", strings.Join(keys, " and "))
	}
	if _, ok := o.Partition.Explicit(); ok && o.KeepPartition {
		complain("--partition and --keep-partition exclude each other: a record goes to one partition")
	}
	errs = append(errs, o.misplaced()...)
	if _, _, err := o.columns(); err != nil {
		errs = append(errs, err)
	}
	if _, err := newMapping(o); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// format is the format, with its default.
func (o *Options) format() string {
	if o.Format == "" {
		return formatLines
	}
	return o.Format
}

// keys are the options that say where the key is.
func (o *Options) keys() []option {
	return []option{
		{"--fixed-key", o.Key != nil},
		{"--key-separator", o.KeySeparator != nil},
		{"--key", o.KeyPath != ""},
		{"--key-column", o.KeyColumn != ""},
		{"--format envelope", o.format() == formatEnvelope},
	}
}

// misplaced complains about options that mean nothing in this format: whoever gave them expects what will not happen.
func (o *Options) misplaced() []error {
	var errs []error
	only := func(formats []string, options ...option) {
		if slices.Contains(formats, o.format()) {
			return
		}
		for _, name := range names(options) {
			errs = append(errs, fmt.Errorf("%s means nothing with --format %s, only with %s", name, o.format(), strings.Join(formats, ", ")))
		}
	}
	only([]string{formatLines},
		option{"--key-separator", o.KeySeparator != nil}, option{"--key", o.KeyPath != ""},
		option{"--header", len(o.HeaderPaths) > 0}, option{"--timestamp", o.TimestampPath != ""})
	only([]string{formatLines, formatTSV},
		option{"--delimiter", o.Delimiter != nil}, option{"--crlf strip", o.CRLF == "strip"})
	only([]string{formatLines, formatCSV, formatTSV},
		option{"--null-marker", o.NullMarker != nil}, option{"--empty-null", o.EmptyNull})
	only([]string{formatCSV, formatTSV},
		option{"--csv-header", o.CSVHeader}, option{"--key-column", o.KeyColumn != ""}, option{"--value-column", o.ValueColumn != ""})
	only([]string{formatEnvelope},
		option{"--keep-partition", o.KeepPartition})
	return errs
}

// columns are the places of key and value in a row as far as the options alone tell: -1 for one that the first row tells, or
// that there is not.
func (o *Options) columns() (key, value int, err error) {
	if o.ValueColumn == "" && o.KeyColumn != "" {
		return 0, 0, fmt.Errorf("--key-column is %q without --value-column: name both", o.KeyColumn)
	}
	number := func(flag, text string) int {
		n, notNumber := strconv.Atoi(text)
		switch {
		case text == "", notNumber != nil && o.CSVHeader:
			return -1
		case notNumber != nil:
			err = errors.Join(err, fmt.Errorf("%s is %q, want a number from 1: names need --csv-header", flag, text))
		case n < 1:
			err = errors.Join(err, fmt.Errorf("%s is %d, want a number from 1", flag, n))
		}
		return n - 1
	}
	key, value = number("--key-column", o.KeyColumn), number("--value-column", o.ValueColumn)
	if err == nil && key >= 0 && key == value {
		err = fmt.Errorf("--key-column and --value-column are both %s, want two columns", o.KeyColumn)
	}
	return key, value, err
}
