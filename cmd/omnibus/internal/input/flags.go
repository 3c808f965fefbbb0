package input

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/omnibus-kafka/omnibus"
)

// headersFlag gathers headers in the order of the command line.
type headersFlag struct{ to *[]omnibus.Header }

// String is empty: there is no default to show.
func (f *headersFlag) String() string { return "" }

// Set takes one more header.
func (f *headersFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if name == "" {
		return errors.New("want name=value, or name for a header that is null")
	}
	header := omnibus.Header{Key: name}
	if ok {
		header.Value = []byte(value)
	}
	*f.to = append(*f.to, header)
	return nil
}

// Type is what a help text calls the flag's argument.
func (f *headersFlag) Type() string { return "name=value" }

// partitionFlag is a partition, or none if the flag was not given.
type partitionFlag struct{ to *omnibus.Partition }

// String is the partition as an error shows it.
func (f *partitionFlag) String() string {
	if f.to == nil {
		return ""
	}
	n, ok := f.to.Explicit()
	if !ok {
		return ""
	}
	return fmt.Sprint(n)
}

// Set takes what the command line says.
func (f *partitionFlag) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return errors.New("want a whole number from 0: leave the flag out to let the key decide")
	}
	*f.to = omnibus.At(int32(n))
	return nil
}

// Type is what a help text calls the flag's argument.
func (f *partitionFlag) Type() string { return "number" }
