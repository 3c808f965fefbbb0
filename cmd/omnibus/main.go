// Command omnibus writes records to Kafka and reads them back, or runs a broker of its own inside the process.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/term"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/root"
)

func main() { os.Exit(run()) }

// run is the process: its signals, its standard streams and its exit code.
func run() int {
	f := &cli.Factory{IO: streams(), Getenv: os.Getenv, Exit: os.Exit, Version: version()}
	if os.Getenv("GOMEMLIMIT") == "" {
		f.LimitMemory = func(bytes int64) { debug.SetMemoryLimit(bytes) }
	}
	signal.Ignore(syscall.SIGPIPE) // a closed standard output is an error to handle, not a way to die
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, stop := cli.Interruptible(context.Background(), signals, func() { os.Exit(cli.ExitInterrupted) })
	defer stop()
	return root.Execute(ctx, f, os.Args[1:])
}

// streams are the process's standard streams.
func streams() *cli.IO {
	streams := &cli.IO{In: os.Stdin, Out: os.Stdout, OutTerminal: term.IsTerminal(int(os.Stdout.Fd()))}
	stderr := int(os.Stderr.Fd())
	if !term.IsTerminal(stderr) || os.Getenv("TERM") == "dumb" {
		streams.Err = cli.Serialized(os.Stderr)
		return streams
	}
	terminal := cli.NewTerminal(os.Stderr, func() int {
		width, _, _ := term.GetSize(stderr) // 0 with an error, which is to say unknown
		return width
	})
	streams.Err, streams.Status = terminal, terminal.SetStatus
	return streams
}

// version is the module's version as the Go tool stamped it, with the commit where it is known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			text += " " + setting.Value
		}
	}
	return text
}
