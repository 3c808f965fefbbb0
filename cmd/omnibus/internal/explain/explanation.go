package explain

import (
	"fmt"
	"strconv"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// explanation is what there is to say of the record. It is the command's JSON.
type explanation struct {
	Topic string `json:"topic"`
	// RecordBytes is what the record takes as the first of a batch, and BatchBytes is that batch without others, both
	// before compression.
	RecordBytes int     `json:"record_bytes"`
	BatchBytes  int     `json:"batch_bytes"`
	Fields      []field `json:"fields"`
	// Partitions is how many the topic has, Partition the record's, nil if that depends on what else is sent.
	Partitions int      `json:"partitions"`
	Partition  *int32   `json:"partition"`
	Rule       string   `json:"rule"`
	Steps      []string `json:"steps,omitempty"`
	Leader     *leader  `json:"leader,omitempty"`
	Limits     []limit  `json:"limits"`
	// Notes are worth knowing; Problems are why the record would be refused.
	Notes    []string `json:"notes,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// leader is who takes the records of the partition.
type leader struct {
	ID       int32   `json:"id"`
	Address  string  `json:"address,omitempty"`
	Epoch    int32   `json:"epoch"`
	Replicas []int32 `json:"replicas"`
	InSync   []int32 `json:"in_sync"`
}

// limit is a bound on sizes.
type limit struct {
	Name string `json:"name"`
	// Of is whose setting it is: the producer's or the topic's.
	Of string `json:"of"`
	// Bytes is its value; -1 if it is not known.
	Bytes int64 `json:"bytes"`
	// Says what it means for this record.
	Says string `json:"says"`
}

func newExplanation(r *record, t *topic, rules *rules) *explanation {
	data := r.encode()
	e := &explanation{
		Topic: t.name, RecordBytes: len(data), BatchBytes: wire.BatchHeaderLen + len(data), Partitions: len(t.partitions),
	}
	fields, err := dissect(data, r)
	if err != nil {
		e.problem("its encoding cannot be read back: %v", err)
	}
	e.Fields = fields
	e.choose(r, rules)
	e.lead(t)
	e.limit(r, t, rules)
	return e
}

func (e *explanation) problem(format string, args ...any) {
	e.Problems = append(e.Problems, fmt.Sprintf(format, args...))
}

func (e *explanation) note(format string, args ...any) {
	e.Notes = append(e.Notes, fmt.Sprintf(format, args...))
}

// choose finds the partition as the producer does.
func (e *explanation) choose(r *record, rules *rules) {
	count := int32(e.Partitions)
	if n, explicit := r.partition.Explicit(); explicit {
		e.Rule = "the record names it"
		e.Partition = &n
		if n >= count {
			e.problem("partition %d of topic %q does not exist: it has %d (0 to %d)", n, e.Topic, count, count-1)
		}
		return
	}
	h, hashes := hashings[rules.partitioner]
	switch {
	case !hashes:
		e.Rule = "partitioner.class=" + rules.partitioner + " takes the partitions in turn, whatever the key"
	case rules.partitioner == "null" && rules.ignoreKeys:
		e.Rule = "partitioner.ignore.keys=true: " + ruleSticky(rules)
	case !h.scheme.Hashes(r.Record.Key) && rules.partitioner == "keyed-round-robin":
		e.Rule = "the record has no key: the partitions with a leader are taken in turn"
	case !h.scheme.Hashes(r.Record.Key):
		e.Rule = "the record has no key to hash: " + ruleSticky(rules)
	default:
		e.Rule = h.words
		steps := follow(h.scheme, r.Record.Key, count)
		e.Steps, e.Partition = steps.steps, &steps.result
	}
}

// ruleSticky is what the default partitioner does without a key (KIP-794).
func ruleSticky(rules *rules) string {
	return fmt.Sprintf("one partition after another gets about batch.size (%d bytes) of such records, and those whose broker keeps up are chosen more often", rules.batchSize)
}

// lead tells who leads the partition.
func (e *explanation) lead(t *topic) {
	if e.Partition == nil || int(*e.Partition) >= len(t.partitions) {
		return
	}
	p := t.partitions[*e.Partition]
	e.Leader = &leader{ID: p.Leader, Address: t.brokers[p.Leader], Epoch: p.LeaderEpoch, Replicas: p.Replicas, InSync: p.ISR}
	if e.Leader.Address == "" {
		e.note("partition %d has no leader at the moment: its records wait for one, up to delivery.timeout.ms", p.Partition)
	}
}

// limit tells which bounds apply, and which of them the record breaks.
func (e *explanation) limit(r *record, t *topic, rules *rules) {
	counted := r.SizeMax()
	says := fmt.Sprintf("counted as up to %d bytes, the record fits in the %d that are left beside a batch's header", counted, rules.recordSizeMax)
	if counted > rules.recordSizeMax {
		says = fmt.Sprintf("counted as up to %d bytes, the record is refused: %d are the most", counted, rules.recordSizeMax)
		e.problem("it takes up to %d bytes, and max.request.size and buffer.memory allow %d", counted, rules.recordSizeMax)
	}
	e.Limits = append(e.Limits,
		limit{"max.request.size", "producer", rules.maxRequest, says},
		limit{"buffer.memory", "producer", rules.bufferMemory, fmt.Sprintf("about %d such records may wait for their acknowledgement", rules.bufferMemory/int64(e.RecordBytes))},
		limit{"batch.size", "producer", rules.batchSize, fmt.Sprintf("%s such records fill a batch while the partition is idle", about(rules.batchSize, e.RecordBytes))},
		limit{"omnibus.batch.size.max", "producer", rules.batchSizeMax, fmt.Sprintf("%s while it is busy", about(rules.batchSizeMax, e.RecordBytes))},
		e.topicLimit(t, rules),
	)
	if t.settings["cleanup.policy"] == "compact" && r.Record.Key == nil {
		e.problem("topic %q is compacted (cleanup.policy=compact), and takes no records without a key", e.Topic)
	}
	if t.settingsErr != nil {
		e.note("the topic's settings could not be read: %v", t.settingsErr)
	}
}

// topicLimit is the broker's bound on a batch, which holds for what is left of it after compression.
func (e *explanation) topicLimit(t *topic, rules *rules) limit {
	l := limit{Name: "max.message.bytes", Of: "topic", Bytes: -1, Says: "not known: the topic's settings could not be read"}
	bytes, err := strconv.ParseInt(t.settings[l.Name], 10, 64)
	if err != nil {
		return l
	}
	l.Bytes = bytes
	switch {
	case int64(e.BatchBytes) <= bytes:
		l.Says = fmt.Sprintf("alone in its batch the record makes %d bytes, which fit", e.BatchBytes)
	case rules.compression != "none":
		l.Says = fmt.Sprintf("alone in its batch the record makes %d bytes, and is refused unless %s makes that fit", e.BatchBytes, rules.compression)
		e.note("whether the topic takes the record (max.message.bytes=%d) depends on how well it compresses", bytes)
	default:
		l.Says = fmt.Sprintf("alone in its batch the record makes %d bytes, and is refused", e.BatchBytes)
		e.problem("alone in its batch it makes %d bytes, and the topic takes %d (max.message.bytes)", e.BatchBytes, bytes)
	}
	return l
}

// about is how many records fit.
func about(room int64, each int) string {
	if n := (room - wire.BatchHeaderLen) / int64(each); n > 1 {
		return fmt.Sprintf("about %d", n)
	}
	return "single"
}
