package omnibus

import (
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/pipeline"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
)

// crowd is how many batches on their way to a broker, in all requests together, keep the next one back: a full request of 1 MiB has so
// many if they are of 4 KiB (ADR 14).
const crowd = 256

// sender is what the sender decides by.
func (s *settings) sender() core.Config {
	return core.Config{
		InFlightMax: s.MaxInFlight, RequestBytesMax: s.MaxRequestBytes, Retries: s.Retries,
		ProduceTimeoutMillis: int32(produceTimeout(s.RequestTimeout).Milliseconds()),
		RetryBackoff:         backoff.Exponential{Min: s.RetryBackoff, Max: s.RetryBackoffMax},
		Reconnect:            backoff.Exponential{Min: s.ReconnectBackoff, Max: s.ReconnectBackoffMax},
		HaltOnFailure:        s.HaltOnFailure,
		Crowd:                crowd,
		Encoders:             runtime.GOMAXPROCS(0),
		Seed:                 rand.Uint64(),
		Refusal:              s.refusal,
	}
}

// produceTimeout is the time that a broker is given to hear from its replicas: so much less than the request timeout that
// its word comes before the connection is given up.
func produceTimeout(request time.Duration) time.Duration {
	return max(request-5*time.Second, request/2)
}

// pipelineTopic is what holds for a topic.
func (s *settings) pipelineTopic(name string) pipeline.TopicConfig {
	t := s.topic(name)
	return pipeline.TopicConfig{
		Boarding: accumulator.Settings{
			BatchBytes: t.batchBytes, BatchBytesMax: t.batchBytesMax, OneRecord: t.batchBytes <= 1,
			Compresses: compress.Codec(t.codec) != compress.None,
		},
		Sender: core.TopicConfig{
			Acks: t.acks.wire(), Idempotent: t.idempotent, Codec: compress.Codec(t.codec), Level: t.compressLevel(),
			Linger: t.linger, DeliveryTimeout: t.deliveryTimeout,
		},
	}
}

// wire is the number that stands for the acks in a Produce request.
func (a Acks) wire() int16 {
	switch a {
	case AcksLeader:
		return 1
	case AcksNone:
		return 0
	}
	return -1
}

// compressLevel is the topic's level as the codec takes it: the defaults of Java are the codecs' own.
func (t *topicSettings) compressLevel() compress.Level {
	switch {
	case t.codec == CompressionNone || t.codec == CompressionSnappy,
		t.codec == CompressionGzip && t.level == None:
		return compress.Level{}
	}
	return compress.AtLevel(t.level)
}
