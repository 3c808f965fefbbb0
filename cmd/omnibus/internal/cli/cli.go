// Package cli holds what every command of omnibus shares: where it reads and writes, its exit codes, and how it is
// interrupted. A command is a function of a Factory, an options struct that tests fill in themselves, and a run function
// that a test may replace, so that everything but main can be tested inside one process.
package cli

import (
	"io"
	"log/slog"
)

// IO is where a command reads and writes. Out carries data and nothing else; everything said to people goes to Err.
type IO struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Factory makes what commands need.
type Factory struct {
	// IO is the process's standard input, output and error.
	IO *IO
	// Getenv reads the environment.
	Getenv func(name string) string
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
