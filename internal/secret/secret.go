// Package secret has the type that passwords and tokens have on their way through the program: one that cannot be printed
// by accident. Whatever formats it, and whatever formats a struct that holds it, writes ***.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// hidden is what is written instead.
const hidden = "***"

// Text is a secret text. The zero value is the empty one. It holds a pointer, so that even a formatter that looks into
// fields it has no right to finds an address.
type Text struct{ text *string }

// New hides a text.
func New(text string) Text { return Text{&text} }

// Reveal is the text itself, for whom it is meant.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// String hides the text.
func (Text) String() string { return hidden }

// GoString hides the text from %#v.
func (Text) GoString() string { return hidden }

// Format hides the text from every verb: with one that does not fit, fmt would pass by String.
func (Text) Format(to fmt.State, _ rune) { io.WriteString(to, hidden) }

// MarshalJSON hides the text.
func (Text) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// MarshalText hides the text.
func (Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the text.
func (Text) LogValue() slog.Value { return slog.StringValue(hidden) }
