// Package cli holds what every command of omnibus shares: where it reads and writes, its exit codes, and how it is
// interrupted. A command is a function of a Factory, an options struct that tests fill in themselves, and a run function
// that a test may replace, so that everything but main can be tested inside one process.
package cli

import (
	"io"
	"log/slog"
)

// IO is where a command reads and writes. Out carries data and nothing else; everything said to people goes to Err, which
// loggers and callbacks write to as well, so it must be safe for use by several goroutines (see Serialized).
type IO struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// Status shows one line at the end of a terminal, in place of the last one; the empty text removes it. It is nil where
	// Err is no terminal, and safe for use by several goroutines.
	Status func(text string)
	// OutTerminal says that Out is a terminal, where data would run into the status.
	OutTerminal bool
}

// Factory makes what commands need.
type Factory struct {
	// IO is the process's standard input, output and error.
	IO *IO
	// Getenv reads the environment.
	Getenv func(name string) string
	// Exit ends the process at once, with an exit code; nil for os.Exit.
	Exit func(code int)
	// LimitMemory asks the runtime to keep its memory below so many bytes if it can; nil for no such wish.
	LimitMemory func(bytes int64)
	// Version is what `omnibus version` prints.
	Version string
}

// Logger writes warnings and errors for people, a line each, without the time: the terminal is right here.
func (f *Factory) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(f.IO.Err, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// Serialized returns a writer that lets one Write through at a time, so that lines of several goroutines do not mix.
func Serialized(w io.Writer) io.Writer { return NewTerminal(w, func() int { return 0 }) }
