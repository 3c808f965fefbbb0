// Package properties reads the syntax of Java's .properties files (java.util.Properties): comments, continued lines,
// escapes, the three ways to part a name from its value. It knows nothing of what the settings mean.
package properties

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// blanks are the bytes that java.util.Properties takes for blanks.
const blanks = " \t\f"

// Line is one setting of a file.
type Line struct {
	// Number is that of the first of the lines it stands on, from 1.
	Number int
	// Name and Value are without escapes.
	Name, Value string
}

// LineError is an error with the line that it concerns, kept apart so that errors can be sorted.
type LineError struct {
	// Line is counted from 1.
	Line int
	// Err is what is wrong with it.
	Err error
}

// Error gives the line and what is wrong with it.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e LineError) Unwrap() error { return e.Err }

// Decode makes text of bytes whose encoding nothing names. Java reads ISO-8859-1, and people write UTF-8; bytes beyond
// ASCII that happen to be valid UTF-8 are practically never meant as ISO-8859-1. The note, unless empty, says so.
func Decode(data []byte) (text, note string, err error) {
	if bytes.HasPrefix(data, []byte{0xFE, 0xFF}) || bytes.HasPrefix(data, []byte{0xFF, 0xFE}) {
		return "", "", errors.New("properties are in UTF-16: save them as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte{0xEF, 0xBB, 0xBF})
	beyondASCII := bytes.ContainsFunc(data, func(r rune) bool { return r >= utf8.RuneSelf })
	switch {
	case !beyondASCII:
		return string(data), "", nil
	case utf8.Valid(data):
		return string(data), "read as UTF-8; Java's own tools would read ISO-8859-1 and want \\uXXXX for letters beyond it", nil
	}
	var decoded strings.Builder
	for _, b := range data {
		decoded.WriteRune(rune(b)) // ISO-8859-1 is the first 256 code points.
	}
	return decoded.String(), "", nil
}

// Scan reads the settings of a file in their order; a line that is wrong is reported and skipped.
func Scan(text string) (lines []Line, errs []LineError) {
	natural := naturalLines(text)
	for i := 0; i < len(natural); {
		number := i + 1
		logical := strings.TrimLeft(natural[i], blanks)
		i++
		if logical == "" || logical[0] == '#' || logical[0] == '!' {
			continue
		}
		if continues(logical) {
			logical, i = joined(logical, natural, i)
		}
		if logical == "" {
			continue
		}
		line, err := split(logical)
		if err != nil {
			errs = append(errs, LineError{number, err})
			continue
		}
		line.Number = number
		lines = append(lines, line)
	}
	return lines, errs
}

// naturalLines splits at "\n", "\r" and "\r\n".
func naturalLines(text string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}

// joined is a line that continues, with the lines that it continues on, the first of them natural[next]; next is then the
// one behind them.
func joined(line string, natural []string, next int) (logical string, behind int) {
	var whole strings.Builder
	for continues(line) {
		whole.WriteString(line[:len(line)-1])
		if line = ""; next < len(natural) {
			line = strings.TrimLeft(natural[next], blanks)
			next++
		}
	}
	whole.WriteString(line)
	return whole.String(), next
}

// continues says whether a line ends in a backslash that is not itself escaped: in an odd number of them.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// split splits at the first '=', ':' or run of blanks that no backslash escapes; one '=' or ':' may follow
// the blanks.
func split(logical string) (line Line, err error) {
	end := 0
	for end < len(logical) && !strings.ContainsRune("=:"+blanks, rune(logical[end])) {
		if logical[end] == '\\' {
			end++ // What follows belongs to the name, whatever it is.
		}
		end++
	}
	end = min(end, len(logical))
	value := strings.TrimLeft(logical[end:], blanks)
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], blanks)
	}
	if line.Name, err = unescape(logical[:end]); err != nil {
		return line, err
	}
	if line.Name == "" {
		return line, errors.New("a value without a name: write name=value")
	}
	line.Value, err = unescape(value)
	return line, err
}

// unescape replaces the escapes; a backslash before any other letter is dropped, as Java does. Two \uXXXX that
// are a surrogate pair become one character.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			out.WriteByte('\t')
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 'f':
			out.WriteByte('\f')
		case 'u':
			r, length, err := unicodeEscape(s[i-1:])
			if err != nil {
				return "", err
			}
			out.WriteRune(r)
			i += length - 2
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String(), nil
}

// unicodeEscape reads the \uXXXX, or the pair of them, that s begins with, and says how long it is.
func unicodeEscape(s string) (r rune, length int, err error) {
	first, err := codeUnit(s)
	if err != nil {
		return 0, 0, err
	}
	if !utf16.IsSurrogate(first) {
		return first, 6, nil
	}
	if rest := s[6:]; strings.HasPrefix(rest, `\u`) {
		second, err := codeUnit(rest)
		if err != nil {
			return 0, 0, err
		}
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, 12, nil
		}
	}
	return utf8.RuneError, 6, nil
}

func codeUnit(s string) (rune, error) {
	digits := s[2:min(6, len(s))]
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || len(digits) != 4 {
		return 0, errors.New(`\u is no character: write four hexadecimal digits behind it, or \\ for a backslash`) // and not what stands there: a password?
	}
	return rune(n), nil
}
