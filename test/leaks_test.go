package test

import (
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

func TestAClosedProducerHoldsNothing(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic("held", 6))
	before := check.Hold()
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: cluster.Brokers(), Compression: omnibus.CompressionLZ4})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		if _, err := p.Enqueue(t.Context(), omnibus.Record{Topic: "held", Partition: omnibus.At(int32(i % 6)), Value: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for _, leaked := range before.Leaked(nil) {
		t.Error(leaked)
	}
	if used := p.Stats().BufferUsedBytes; used != 0 {
		t.Errorf("%d bytes of buffer.memory", used)
	}
}
