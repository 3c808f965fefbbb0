// Command bench-kafka starts three nodes of Apache Kafka for the bench command, which runs it: it is a program of its own
// so that nothing of it is part of the program that is measured. It prints the version and the brokers' addresses as a line of
// JSON, and ends with its standard input.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/omnibus-kafka/omnibus/bench/internal/cluster"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const nodes = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := serve(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-kafka:", err)
		os.Exit(1)
	}
}

// serve runs the cluster at full speed. The topics of every run are deleted after it, and their files soon after that,
// because a run of all workloads writes tens of gigabytes.
func serve(ctx context.Context) error {
	brokers, stop, err := kafkatest.Standalone(ctx, nodes, kafkatest.FullSpeed(),
		kafkatest.Property("log.segment.delete.delay.ms", "1000"))
	if err != nil {
		return err
	}
	defer stop()
	if err := json.NewEncoder(os.Stdout).Encode(cluster.Hello{Version: kafkatest.KafkaVersion, Brokers: brokers}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}
