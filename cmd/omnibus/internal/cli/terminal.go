package cli

import (
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// Terminal is a terminal that several goroutines write to. It has a status: one line at its end that is written over and
// over. Whatever else is written appears above it.
//
// The status is erased with blanks and carriage returns and with no escape sequence, so that it works wherever a carriage
// return does.
type Terminal struct {
	width func() int

	// mu is held over Writes to w, which is the point of it: lines of several goroutines must not mix.
	mu struct {
		sync.Mutex
		w      io.Writer
		status string // as it stands on the terminal; empty for none
	}
}

// NewTerminal returns w as a terminal. width tells how many columns it has now, 0 if that is not known.
func NewTerminal(w io.Writer, width func() int) *Terminal {
	t := &Terminal{width: width}
	t.mu.w = w
	return t
}

// Write passes p on, above the status if there is one.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	status := t.mu.status
	if status == "" {
		return t.mu.w.Write(p)
	}
	t.showLocked("")
	n, err := t.mu.w.Write(p)
	if len(p) > 0 && p[len(p)-1] == '\n' {
		t.showLocked(status)
	}
	return n, err
}

// SetStatus shows text, one line, in place of the last status; the empty text removes it. What does not fit the terminal is
// cut off.
func (t *Terminal) SetStatus(text string) {
	if width := t.width(); width > 1 && utf8.RuneCountInString(text) >= width {
		text = string([]rune(text)[:width-1])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.showLocked(text)
}

// showLocked replaces the status. A terminal that cannot be written to has nobody to be told.
func (t *Terminal) showLocked(text string) {
	var b strings.Builder
	if old := utf8.RuneCountInString(t.mu.status); old > 0 {
		b.WriteByte('\r')
		if rest := old - utf8.RuneCountInString(text); text == "" || rest > 0 {
			b.WriteString(strings.Repeat(" ", old))
			b.WriteByte('\r')
		}
	}
	b.WriteString(text)
	t.mu.status = text
	if b.Len() > 0 {
		io.WriteString(t.mu.w, b.String())
	}
}
