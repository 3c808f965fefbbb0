package omnibus

import (
	"fmt"
	"time"
)

// TopicConfig is what differs for one topic from the Config it stands in. The zero value differs in nothing, so that
// naming a topic in Config.Topics only preloads it. None means Java's 0, as in Config.
type TopicConfig struct {
	// Acks replaces Config.Acks, unless nil; new(omnibus.AcksLeader) is how to say it. A topic whose acks are not
	// AcksAll is sent without idempotence, the others with it.
	Acks *Acks
	// Compression replaces Config.Compression, unless nil; new(omnibus.CompressionZstd) is how to say it.
	Compression *Compression
	// CompressionLevel replaces the level that Config has for the topic's codec, unless 0, in that codec's range.
	CompressionLevel int
	// Linger replaces Config.Linger, unless 0; None for no lingering.
	Linger time.Duration
	// BatchBytes replaces Config.BatchBytes, unless 0; None for one record a batch.
	BatchBytes int
	// BatchBytesMax replaces Config.BatchBytesMax, unless 0, in that field's range. Unless it is set, a topic with
	// BatchBytes of its own never has a smaller one, and BatchBytes: None makes it None too.
	BatchBytesMax int
	// DeliveryTimeout replaces Config.DeliveryTimeout, unless 0. It must be at least the topic's Linger plus
	// Config.RequestTimeout; where it is inherited it is raised to that sum, with a note.
	DeliveryTimeout time.Duration
}

// topicSettings is what holds for one topic when its own and the producer's configuration have been joined. Its values
// are literal: 0 is 0.
type topicSettings struct {
	acks            Acks
	idempotent      bool
	codec           Compression
	level           int // The codec's; 0 for codecs that have none, -1 for gzip's own default.
	linger          time.Duration
	batchBytes      int
	batchBytesMax   int
	deliveryTimeout time.Duration
}

// topicDefaults is what holds for a topic that Config.Topics does not name.
func (s *settings) topicDefaults() topicSettings {
	return topicSettings{
		acks:            s.Acks,
		idempotent:      !s.DisableIdempotence && s.Acks == AcksAll,
		codec:           s.Compression,
		level:           s.level(s.Compression),
		linger:          s.Linger,
		batchBytes:      s.BatchBytes,
		batchBytesMax:   s.BatchBytesMax,
		deliveryTimeout: s.DeliveryTimeout,
	}
}

// level is the configured level of a codec; 0 for codecs without levels.
func (s *settings) level(codec Compression) int {
	switch codec {
	case CompressionGzip:
		return s.GzipLevel
	case CompressionLZ4:
		return s.LZ4Level
	case CompressionZstd:
		return s.ZstdLevel
	default:
		return 0
	}
}

// join is what holds for the topic that own was written for, and the notes about it.
func (s *settings) join(name string, own TopicConfig) (topicSettings, []Note) {
	t := s.topicDefaults()
	if own.Acks != nil {
		t.acks = *own.Acks
	}
	t.idempotent = !s.DisableIdempotence && t.acks == AcksAll
	if own.Compression != nil {
		t.codec = *own.Compression
	}
	t.level = s.level(t.codec)
	if own.CompressionLevel != 0 {
		t.level = own.CompressionLevel
	}
	if own.Linger != 0 {
		t.linger = durationLimit("linger.ms").resolve(own.Linger)
	}
	t.joinSizes(own)
	return t, s.joinDelivery(&t, name, own)
}

func (t *topicSettings) joinSizes(own TopicConfig) {
	if own.BatchBytes != 0 {
		t.batchBytes = countLimit("batch.size").resolve(own.BatchBytes)
		t.batchBytesMax = max(t.batchBytesMax, t.batchBytes)
	}
	if own.BatchBytes == None {
		t.batchBytesMax = t.batchBytes
	}
	if own.BatchBytesMax != 0 {
		t.batchBytesMax = own.BatchBytesMax
	}
}

func (s *settings) joinDelivery(t *topicSettings, name string, own TopicConfig) []Note {
	if own.DeliveryTimeout != 0 {
		t.deliveryTimeout = own.DeliveryTimeout
		return nil
	}
	least := t.linger + s.RequestTimeout
	if t.deliveryTimeout >= least {
		return nil
	}
	t.deliveryTimeout = least
	return []Note{{Name: "delivery.timeout.ms", Text: fmt.Sprintf("topic %q: raised to %s, its linger plus %s",
		name, plainDuration(least), "request.timeout.ms")}}
}

// topic is what holds for the named topic.
func (s *settings) topic(name string) *topicSettings {
	if t, ok := s.topics[name]; ok {
		return t
	}
	return s.anyTopic
}
