// Command bench-rivals is the bench command with other clients: those written in Go that the bench module itself would
// not want for dependencies. "bench compare", in the program beside it, runs this one where one of them is asked for.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/omnibus-kafka/omnibus/bench/internal/cli"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	clients := []drive.Contender{drive.InProcess(saramaMaker()), drive.InProcess(kafkaGoMaker())}
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, clients)
	stop()
	os.Exit(code)
}
