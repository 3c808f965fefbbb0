package embedded

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

const (
	// retentionInterval is how often old records are dropped.
	retentionInterval = 5 * time.Minute
	// tickerNever keeps kfake's own ticker, which does both of what dropOld avoids, from firing: thirty years in milliseconds.
	tickerNever = "1000000000000"
)

// applyRetention drops old records for as long as the broker runs.
func (b *Broker) applyRetention() {
	ticker := time.NewTicker(retentionInterval)
	defer ticker.Stop()
	for {
		b.dropOld(time.Now())
		select {
		case <-b.stop:
			return
		case <-ticker.C:
		}
	}
}

// dropOld drops what is too old or too much at the time. A partition keeps its last batch whatever its age, because kfake
// reads from it, when it starts, which offset comes next: with an empty log it would begin at 0 again.
//
// In memory that is kfake's own work, which compacts compacted topics too. On disk kfake compacts by deleting all segments
// of a partition and then writing new ones, which a kill -9 in between makes a loss of everything; so there it is not done.
func (b *Broker) dropOld(now time.Time) {
	if b.directory == nil {
		b.cluster.Compact()
		return
	}
	partitions, err := logdir.Partitions(b.directory.logPath())
	if err != nil {
		b.log.logger.Warn("embedded broker: cannot apply retention", "error", err)
		return
	}
	for _, partition := range partitions {
		if err := b.dropOldOf(partition, now); err != nil {
			b.log.logger.Warn("embedded broker: cannot apply retention", "topic", partition.Topic, "partition", partition.Number, "error", err)
		}
	}
}

func (b *Broker) dropOldOf(partition logdir.Partition, now time.Time) error {
	topic := b.cluster.TopicInfo(partition.Topic)
	info := b.cluster.PartitionInfo(partition.Topic, partition.Number)
	if topic == nil || info == nil || compactedOnly(topic) {
		return nil
	}
	r := retention{start: info.LogStartOffset, oldest: math.MinInt64}
	if age := limitOf(topic, "retention.ms", b.config.retentionMillis()); age >= 0 {
		r.oldest = now.UnixMilli() - age
	}
	if most := limitOf(topic, "retention.bytes", b.config.RetentionBytes); most >= 0 {
		r.excess = info.NumBytes - most
	}
	if err := r.walk(partition); err != nil || r.start == info.LogStartOffset {
		return err
	}
	return b.cluster.DeleteRecords(partition.Topic, partition.Number, r.start)
}

// compactedOnly reports whether a topic keeps its newest record of each key for ever (cleanup.policy=compact).
func compactedOnly(topic *kfake.TopicInfo) bool {
	policy := topic.Configs["cleanup.policy"]
	return policy != nil && strings.Contains(*policy, "compact") && !strings.Contains(*policy, "delete")
}

// limitOf is the topic's own limit or, if it has none, the broker's. Negative is none.
func limitOf(topic *kfake.TopicInfo, name string, ofBroker int64) int64 {
	if value := topic.Configs[name]; value != nil {
		if limit, err := strconv.ParseInt(*value, 10, 64); err == nil {
			return limit
		}
	}
	return ofBroker
}

// retention finds where a partition's log is to begin.
type retention struct {
	start  int64 // the first offset that stays
	oldest int64 // batches up to this timestamp go
	excess int64 // so many bytes go, if positive
}

// walk moves start over the batches that go, up to the first that stays.
func (r *retention) walk(partition logdir.Partition) error {
	segments, err := partition.Segments()
	if err != nil {
		return err
	}
	goes := false // what became of the batch before
	for _, segment := range segments {
		stays := false
		err := segment.Each(func(h logdir.Header) bool {
			if h.NextOffset <= r.start {
				return true // gone already, but not yet its file
			}
			if goes {
				r.start = h.BaseOffset
			}
			goes = h.MaxTimestamp <= r.oldest || r.excess > 0
			r.excess -= h.Size
			stays = !goes
			return goes
		})
		if err != nil || stays {
			return err
		}
	}
	return nil
}
