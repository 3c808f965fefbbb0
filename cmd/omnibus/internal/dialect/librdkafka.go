package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// byteOrderMark begins files of some editors.
const byteOrderMark = "\ufeff"

// librdkafka is its vocabulary.
func librdkafka() *vocabulary {
	return &vocabulary{
		owner: "librdkafka", java: javaNames(), prefix: "topic.", rules: librdkafkaRules, secrets: librdkafkaSecrets,
		combine: func(t *translation) {
			if _, said := t.said["partitioner"]; !said {
				t.set("partitioner.class", "consistent_random")
			}
			t.times()
			t.batches()
			t.level()
			t.reconnecting()
			t.ownKeys()
			t.login()
		},
	}
}

// readLines reads name=value, a line each, with '#' before comments: no line is continued, and nothing is escaped.
func readLines(text string, origin func(line int) string) (said []Setting, mistakes []error) {
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			mistakes = append(mistakes, fmt.Errorf("%s: it has no name=value", origin(number)))
			continue
		}
		said = append(said, Setting{name, strings.TrimSpace(value), origin(number)})
	}
	return said, mistakes
}

// times makes of librdkafka's three bounds Java's two. A request has one bound here, and the broker is told 5 s less; what a
// message may take bounds its requests as well, which Java wants said.
func (t *translation) times() {
	whole, socket, broker := t.said["message.timeout.ms"], t.said["socket.timeout.ms"], t.said["request.timeout.ms"]
	if whole.Value == "0" {
		t.note(whole, "without an end is 24 days here")
		whole.Value = "2147483647"
	}
	if whole.Value != "" {
		t.set("delivery.timeout.ms", whole.Value, whole)
	}
	request := broker
	if socket.Value != "" {
		request = socket
		if broker.Value != "" {
			t.note(broker, "socket.timeout.ms bounds the whole request, of which brokers are given all but 5 s")
		}
	}
	from := spoken(request)
	value := request.Value
	if limit, err := strconv.ParseInt(whole.Value, 10, 64); err == nil {
		linger := int64(5) // the default
		if said := t.said["queue.buffering.max.ms"]; said.Value != "" {
			millis, _ := wholeMillis(said.Value)
			linger, _ = strconv.ParseInt(millis, 10, 64)
		}
		asked, err := strconv.ParseInt(value, 10, 64)
		if value == "" {
			asked, err = 30_000, nil // the default
		}
		if limit = max(limit-linger, 1); err == nil && asked > limit {
			value, from = strconv.FormatInt(limit, 10), append(from, whole)
		}
	}
	if value != "" {
		t.set("request.timeout.ms", value, from...)
	}
}

// batches are bounded by bytes here. A batch of one message can be said; and what more may be in flight than a broker
// remembers cannot, while idempotence is on, as it is here unless it was turned off.
func (t *translation) batches() {
	if e := t.said["batch.num.messages"]; e.Value == "1" {
		t.set("batch.size", "0", e)
	} else if e.Value != "" {
		t.note(e, "batches are bounded by bytes: batch.size")
	}
	e := t.said["max.in.flight"]
	if e.Value == "" {
		return
	}
	if n, err := strconv.Atoi(e.Value); err == nil && n > 5 && t.idempotent() {
		t.note(e, "5, which is as many as a broker tells duplicates among; enable.idempotence=false lifts that, and lets retries write twice or out of order")
		e.Value = "5"
	}
	t.set("max.in.flight.requests.per.connection", e.Value, append(t.all("enable.idempotence"), e)...)
}

// idempotent reports whether the producer is going to be idempotent where nothing more is said.
func (t *translation) idempotent() bool {
	on, _ := switched(t.text("enable.idempotence"))
	acks, retries := strings.ToLower(t.text("acks")), t.text("retries")
	return on == "true" || on == "" && (acks == "" || acks == "all" || acks == "-1") && retries != "0"
}

// level is of the codec that is chosen.
func (t *translation) level() {
	level, codec := t.said["compression.level"], t.said["compression.codec"]
	name, value := strings.ToLower(codec.Value), level.Value
	if strings.EqualFold(name, "inherit") {
		name = "none"
	}
	if codec.Value != "" {
		t.set("compression.type", name, codec)
	}
	switch {
	case value == "" || value == "-1":
		return
	case name == "lz4" && value == "0":
		value = "1" // its fast one
	case name != "gzip" && name != "lz4" && name != "zstd":
		t.note(level, "the codec has no levels, or there is none: compression.codec")
		return
	}
	t.set("compression."+name+".level", value, level, codec)
}

// reconnecting keeps the longest pause where only the first is said: in Java it would be the only one, then.
func (t *translation) reconnecting() {
	first, longest := t.said["reconnect.backoff.ms"], t.said["reconnect.backoff.max.ms"]
	if first.Value != "" {
		t.set("reconnect.backoff.ms", first.Value, first)
	}
	switch {
	case longest.Value != "":
		t.set("reconnect.backoff.max.ms", longest.Value, longest)
	case first.Value != "":
		t.set("reconnect.backoff.max.ms", "10000", first) // its default
	}
}
