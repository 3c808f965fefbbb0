package dlq

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
)

func letter(value string) *envelope.Failure {
	return &envelope.Failure{
		Record: omnibus.Record{Topic: "orders", Value: []byte(value)}, File: "in.txt", Line: 7,
		Error: "it went wrong", Class: "timeout", Attempts: 2, InDoubt: true,
	}
}

// read returns the letters of a file.
func read(t *testing.T, path string) []envelope.Failure {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var letters []envelope.Failure
	for line := range bytes.Lines(text) {
		var d envelope.Decoder
		f, err := d.DecodeFailure(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		letters = append(letters, f)
	}
	return letters
}

func TestLettersAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dlq")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(letter("v")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	letters := read(t, path)
	if len(letters) != 1 {
		t.Fatalf("%d letters, want 1", len(letters))
	}
	got := letters[0]
	if got.Record.Topic != "orders" || string(got.Record.Value) != "v" || got.File != "in.txt" || got.Line != 7 ||
		got.Error != "it went wrong" || got.Class != "timeout" || got.Attempts != 2 || !got.InDoubt || got.Raw {
		t.Errorf("read %+v", got)
	}
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v: want it readable by its owner alone", info.Mode(), err)
		}
	}
}

func TestLettersOfEarlierRunsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dlq")
	for _, value := range []string{"one", "two"} {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(letter(value))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if letters := read(t, path); len(letters) != 2 || string(letters[0].Record.Value) != "one" || string(letters[1].Record.Value) != "two" {
		t.Errorf("read %+v", letters)
	}
}

func TestAnUnfinishedLineSpoilsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dlq")
	if err := os.WriteFile(path, []byte(`{"topic":"orders","val`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(letter("whole"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], "whole") {
		t.Errorf("the file is %q", text)
	}
}

func TestAFileThatNothingWasWrittenToIsNotChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	const text = "no newline at its end"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != text {
		t.Errorf("the file is %q now", got)
	}
}

func TestLettersOfManyGoroutinesAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dlq")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 1000 {
				f.Write(letter(strings.Repeat("x", 100)))
			}
		})
	}
	writers.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if letters := read(t, path); len(letters) != 4000 {
		t.Errorf("%d letters, want 4000", len(letters))
	}
}

func TestAFullDiskIsToldOnceAndTheLettersThatItCostAreCounted(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	for _, test := range []struct {
		name string
		last func(*File) error
	}{{"at a flush", (*File).Flush}, {"at the end", (*File).Close}} {
		t.Run(test.name, func(t *testing.T) {
			f, err := Open(full)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := f.Write(letter("v")); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.last(f); err == nil || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("error %v, want the disk's", err)
			}
			if err := f.Write(letter("v")); err != nil {
				t.Errorf("told again: %v", err)
			}
			if err := f.Close(); err != nil {
				t.Errorf("told again: %v", err)
			}
			if letters, lost := f.Counts(); letters != 4 || lost != 4 {
				t.Errorf("%d of %d letters lost, want 4 of 4", lost, letters)
			}
		})
	}
}

func TestWhatCannotBeWrittenIsFoundOutAtOnce(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "no", "such", "folder"), ""} {
		if f, err := Open(path); err == nil {
			t.Errorf("%q was opened", path)
			f.Close()
		}
	}
}

func TestNoFileTakesEverything(t *testing.T) {
	var f *File
	letters, lost := f.Counts()
	if f.Write(letter("v")) != nil || f.Flush() != nil || f.Close() != nil || f.Feeds([]string{"x"}, nil) || letters != 0 || lost != 0 {
		t.Error("a nil file complains")
	}
}

func TestAFileThatIsReadIsKnownByWhateverName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stdin, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	link, none := path+".link", strings.NewReader("")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	for _, test := range []struct {
		names []string
		stdin io.Reader
		want  bool
	}{
		{[]string{path}, none, true},
		{[]string{"other", link}, none, true},
		{nil, stdin, true},
		{[]string{"other", "-"}, stdin, true},
		{[]string{"other"}, stdin, false},
		{nil, none, false},
	} {
		if got := f.Feeds(test.names, test.stdin); got != test.want {
			t.Errorf("feeds %q: %v, want %v", test.names, got, test.want)
		}
	}
	if null, err := Open(os.DevNull); err == nil {
		defer null.Close()
		if null.Feeds([]string{os.DevNull}, nil) {
			t.Error("the null device feeds who reads it")
		}
	}
}
