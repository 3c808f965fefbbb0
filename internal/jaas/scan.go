package jaas

import (
	"errors"
	"fmt"
	"strings"
)

// kind is what a token is.
type kind uint8

const (
	end kind = iota
	word
	quoted
	equal
	semicolon
)

type token struct {
	kind kind
	text string // without quotes and escapes
}

// scanner splits a login into tokens as Java's StreamTokenizer does, which Kafka reads it with.
type scanner struct {
	text string
	at   int // in bytes
}

// where is the place that was read last, for errors.
func (s *scanner) where() string { return fmt.Sprintf("at character %d", s.at) }

func (s *scanner) next() (token, error) {
	if err := s.skip(); err != nil {
		return token{}, err
	}
	if s.at == len(s.text) {
		return token{kind: end}, nil
	}
	switch c := s.text[s.at]; c {
	case '=':
		s.at++
		return token{kind: equal}, nil
	case ';':
		s.at++
		return token{kind: semicolon}, nil
	case '"', '\'':
		return s.quoted(c)
	}
	begin := s.at
	for s.at < len(s.text) && !strings.ContainsRune("=;\"'", rune(s.text[s.at])) && s.text[s.at] > ' ' {
		s.at++
	}
	return token{word, s.text[begin:s.at]}, nil
}

// skip passes blanks and comments.
func (s *scanner) skip() error {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case rest[0] <= ' ':
			s.at++
		case strings.HasPrefix(rest, "//"):
			line, _, _ := strings.Cut(rest, "\n")
			s.at += len(line)
		case strings.HasPrefix(rest, "/*"):
			length := strings.Index(rest, "*/")
			if length < 0 {
				return fmt.Errorf("%s: a comment begins and does not end", s.where())
			}
			s.at += length + len("*/")
		default:
			return nil
		}
	}
	return nil
}

// quoted reads up to the quote that ends what begins here.
func (s *scanner) quoted(quote byte) (token, error) {
	begun := s.where()
	var out strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case quote:
			s.at++
			return token{quoted, out.String()}, nil
		case '\n', '\r':
			return token{}, errors.New(begun + ": a quote begins and does not end on its line")
		case '\\':
			s.escape(&out)
		default:
			out.WriteByte(c)
		}
	}
	return token{}, errors.New(begun + ": a quote begins and does not end")
}

// escape writes what the backslash at at stands for, and leaves at on the last byte that belongs to it: a letter of C's, up
// to three octal digits, or any other byte as it is.
func (s *scanner) escape(out *strings.Builder) {
	const letters, meanings = "abfnrtv", "\a\b\f\n\r\t\v"
	if s.at++; s.at == len(s.text) {
		return
	}
	c := s.text[s.at]
	switch i := strings.IndexByte(letters, c); {
	case i >= 0:
		out.WriteByte(meanings[i])
		return
	case c < '0' || c > '7':
		out.WriteByte(c)
		return
	}
	code, digits := rune(0), 2
	if c <= '3' {
		digits = 3
	}
	for ; digits > 0 && s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '7'; digits-- {
		code = code*8 + rune(s.text[s.at]-'0')
		s.at++
	}
	s.at--
	out.WriteRune(code)
}
