package cli

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// screen is what a terminal shows after the bytes: its lines, the last one without blanks at its end.
func screen(text string) []string {
	var lines []string
	var line []rune
	column := 0
	for _, r := range text {
		switch r {
		case '\n':
			lines = append(lines, strings.TrimRight(string(line), " "))
			line, column = nil, 0
		case '\r':
			column = 0
		default:
			if column < len(line) {
				line[column] = r
			} else {
				line = append(line, r)
			}
			column++
		}
	}
	return append(lines, strings.TrimRight(string(line), " "))
}

func TestTheStatusStaysBelowEverythingElse(t *testing.T) {
	var out bytes.Buffer
	terminal := NewTerminal(&out, func() int { return 80 })
	say := func(want ...string) {
		t.Helper()
		if got := screen(out.String()); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("the terminal shows %q, want %q", got, want)
		}
	}
	terminal.SetStatus("a long status")
	say("a long status")
	terminal.SetStatus("short")
	say("short")
	fmt.Fprint(terminal, "an error\n")
	say("an error", "short")
	terminal.SetStatus("ünlike")
	say("an error", "ünlike")
	terminal.SetStatus("")
	say("an error", "")
	fmt.Fprint(terminal, "the end\n")
	say("an error", "the end", "")
}

func TestAStatusIsCutToTheTerminal(t *testing.T) {
	var out bytes.Buffer
	NewTerminal(&out, func() int { return 5 }).SetStatus("äöüßabc")
	if got := out.String(); got != "äöüß" {
		t.Errorf("%q, want four characters: the last column would break the line", got)
	}
	out.Reset()
	NewTerminal(&out, func() int { return 0 }).SetStatus("äöüßabc")
	if got := out.String(); got != "äöüßabc" {
		t.Errorf("%q, want all of it where the width is not known", got)
	}
}

func TestLinesOfManyGoroutinesAreWhole(t *testing.T) {
	var out bytes.Buffer
	terminal := NewTerminal(&out, func() int { return 80 })
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 100 {
				fmt.Fprintf(terminal, "line of %d\n", i)
				terminal.SetStatus(strings.Repeat("s", i))
			}
		})
	}
	writers.Wait()
	lines := screen(out.String())
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "line of ") || len(line) != 9 {
			t.Fatalf("line %q", line)
		}
	}
	if len(lines) != 401 {
		t.Errorf("%d lines, want 400", len(lines)-1)
	}
}

func TestAPanicEndsTheProcessWithExit3(t *testing.T) {
	var out bytes.Buffer
	code := -1
	f := &Factory{IO: &IO{Err: Serialized(&out)}, Exit: func(c int) { code = c }}
	func() {
		defer f.Recover()
		panic("the disk is made of cheese")
	}()
	if code != ExitFatal || !strings.Contains(out.String(), "made of cheese") || !strings.Contains(out.String(), "terminal_test.go") {
		t.Errorf("exit code %d, standard error %q", code, &out)
	}
}
