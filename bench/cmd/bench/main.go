// Command bench measures what Kafka producers cost; "bench help" says how.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/omnibus-kafka/omnibus/bench/internal/cli"
	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/java"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var clients []drive.Contender
	for _, maker := range client.Makers() {
		clients = append(clients, drive.InProcess(maker))
	}
	clients = append(clients, java.Contender(ctx))
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, clients)
	stop()
	os.Exit(code)
}
