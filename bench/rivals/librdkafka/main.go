// Command bench-librdkafka is the bench command with librdkafka, by way of confluent-kafka-go, for a client. It needs a C
// compiler, and has no client when it was built without one; with musl for a C library it takes -tags musl. It is a
// program of its own because cgo changes the whole program that it is part of, and a module of its own because of what
// confluent-kafka-go requires beside librdkafka.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/omnibus-kafka/omnibus/bench/internal/cli"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

// clientName is what the tables call it.
const clientName = "librdkafka"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, []drive.Contender{contender()})
	stop()
	os.Exit(code)
}
