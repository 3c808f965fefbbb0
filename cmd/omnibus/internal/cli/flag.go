package cli

import (
	"errors"
	"strconv"
	"strings"
)

// TextFlag is a flag whose text, the empty one too, differs from none. It is a pflag.Value.
type TextFlag struct {
	// To is where the text goes. It stays nil until the flag is given.
	To *[]byte
	// Escapes has \n, \r, \t, \0, \xNN and \\ read as what they stand for, because few shells can write those in other
	// ways.
	Escapes bool
}

// String is the text as an error shows it.
func (f *TextFlag) String() string {
	if f.To == nil || *f.To == nil {
		return ""
	}
	return strconv.Quote(string(*f.To))
}

// Set takes what the command line says.
func (f *TextFlag) Set(text string) error {
	value := []byte(text)
	if f.Escapes {
		var err error
		if value, err = unescape(text); err != nil {
			return err
		}
	}
	*f.To = value
	return nil
}

// Type is what a help text calls the flag's argument.
func (f *TextFlag) Type() string { return "text" }

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
