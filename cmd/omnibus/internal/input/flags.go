package input

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/omnibus-kafka/omnibus"
)

// textFlag is a flag whose text, the empty one too, differs from none. It is not nil once the flag was given.
type textFlag struct {
	to      *[]byte
	escapes bool
}

// String is the text as an error shows it.
func (f *textFlag) String() string {
	if f.to == nil || *f.to == nil {
		return ""
	}
	return strconv.Quote(string(*f.to))
}

// Set takes what the command line says.
func (f *textFlag) Set(text string) error {
	value := []byte(text)
	if f.escapes {
		var err error
		if value, err = unescape(text); err != nil {
			return err
		}
	}
	*f.to = value
	return nil
}

// Type is what a help text calls the flag's argument.
func (f *textFlag) Type() string { return "text" }

// unescape reads \n, \r, \t, \0, \xNN and \\, because few shells can write them in other ways.
func unescape(text string) ([]byte, error) {
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			plain = append(plain, text[i])
			continue
		}
		b, used, ok := escaped(text[i+1:])
		if !ok {
			return nil, errors.New(`want after a backslash one of n, r, t, 0, xNN (two hexadecimal digits), or one more backslash`)
		}
		plain, i = append(plain, b), i+used
	}
	return plain, nil
}

// escaped reads what stands behind a backslash.
func escaped(text string) (b byte, used int, ok bool) {
	if text == "" {
		return 0, 0, false
	}
	if at := strings.IndexByte(`nrt0\`, text[0]); at >= 0 {
		return "\n\r\t\x00\\"[at], 1, true
	}
	if text[0] != 'x' || len(text) < 3 {
		return 0, 0, false
	}
	code, err := strconv.ParseUint(text[1:3], 16, 8)
	return byte(code), 3, err == nil
}

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
