// Command omnibus writes records to Kafka and reads them back, or runs a broker of its own inside the process.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/root"
)

func main() { os.Exit(run()) }

// run is the process: its signals, its standard streams and its exit code.
func run() (code int) {
	defer func() {
		if broken := recover(); broken != nil {
			fmt.Fprintf(os.Stderr, "omnibus: internal error, please report it: %v\n%s", broken, debug.Stack())
			code = cli.ExitFatal
		}
	}()
	signal.Ignore(syscall.SIGPIPE) // a closed standard output is an error to handle, not a way to die
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, stop := cli.Interruptible(context.Background(), signals, func() { os.Exit(cli.ExitInterrupted) })
	defer stop()
	return root.Execute(ctx, &cli.Factory{
		IO:      &cli.IO{In: os.Stdin, Out: os.Stdout, Err: cli.Serialized(os.Stderr)},
		Getenv:  os.Getenv,
		Version: version(),
	}, os.Args[1:])
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
