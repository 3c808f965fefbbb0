package kafkatest

import (
	"context"
	"fmt"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// Standalone starts a cluster of real Kafka for a program that is no test, such as a benchmark or a demonstration, and
// returns the addresses for clients, in the order of node ids, when it is ready. It needs what RequireKafka looks for, and
// its error says what is missing. The cluster runs until stop is called, and dies with the process; when ctx ends before it
// is ready, Standalone gives up.
func Standalone(ctx context.Context, nodes int, opts ...KafkaOption) (brokers []string, stop func(), err error) {
	settings := realkafka.Settings{Nodes: nodes}
	for _, opt := range opts {
		opt(&settings)
	}
	java, err := realkafka.Look(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("kafkatest: real Kafka cannot be run here: %w", err)
	}
	installation, err := realkafka.Install(ctx, java)
	if err != nil {
		return nil, nil, fmt.Errorf("kafkatest: fetch Kafka %s: %w", KafkaVersion, err)
	}
	ensemble, err := realkafka.Start(ctx, installation, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("kafkatest: start Kafka %s: %w", KafkaVersion, err)
	}
	for _, s := range ensemble.Servers() {
		brokers = append(brokers, s.Addr())
	}
	return brokers, ensemble.Close, nil
}
