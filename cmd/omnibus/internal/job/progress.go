package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// statusInterval is how often a terminal's status is renewed, lineInterval how often a line is written elsewhere, unless
	// --progress-interval says otherwise.
	statusInterval = 250 * time.Millisecond
	lineInterval   = 10 * time.Second
)

// progress is how far the work has come, at one moment.
type progress struct {
	at            time.Duration // since the beginning
	acked, failed uint64
	bytes         int64 // that left
	done, total   int64 // bytes of the input; total is -1 if nobody knows
	p50, p99      float64
	inFlight      int64 // requests
	buffer        float64
	retries       int64
	throttled     time.Duration // by quotas, of all brokers together
	letters       uint64
}

// progress looks at everything once.
func (j *job) progress(began time.Time) progress {
	stats := j.producer.Stats()
	p := progress{
		at: time.Since(began), acked: uint64(stats.Acked), failed: uint64(stats.NotWritten + stats.Unknown),
		bytes: stats.RecordsBytes, retries: stats.Retries, inFlight: stats.RequestsInFlight, throttled: stats.Throttled,
		p50: milliseconds(&stats.AckLatency, 0.50), p99: milliseconds(&stats.AckLatency, 0.99),
	}
	if stats.BufferBytes > 0 {
		p.buffer = float64(stats.BufferUsedBytes) / float64(stats.BufferBytes)
	}
	p.done, p.total = j.source.Progress()
	p.letters, _ = j.letters.Counts()
	return p
}

// text is the progress since an earlier moment, on one line.
func (p *progress) text(topic string, earlier *progress) string {
	seconds := max((p.at - earlier.at).Seconds(), 1e-3)
	var b strings.Builder
	if topic != "" {
		b.WriteString(topic + ": ")
	}
	fmt.Fprintf(&b, "%s acked, %s/s, %s MB/s", short(float64(p.acked)),
		short(float64(p.acked-earlier.acked)/seconds), short(float64(p.bytes-earlier.bytes)/seconds/1e6))
	if p.total > 0 {
		b.WriteString(", ETA " + p.eta()) // not at the end, which narrow terminals cut off
	}
	if p.failed > 0 {
		fmt.Fprintf(&b, ", %s failed", short(float64(p.failed)))
	}
	if p.throttled > 0 {
		fmt.Fprintf(&b, ", throttled %.3g s", p.throttled.Seconds())
	}
	fmt.Fprintf(&b, ", ack p50 %.3g p99 %.3g ms, in flight %d, buffer %.0f%%, retries %s, dlq %s",
		p.p50, p.p99, p.inFlight, 100*p.buffer, short(float64(p.retries)), short(float64(p.letters)))
	return b.String()
}

// eta is how long the rest of the input will take if it goes on as it did so far.
func (p *progress) eta() string {
	if p.done <= 0 {
		return "-"
	}
	rest := time.Duration(float64(p.at) / float64(p.done) * float64(max(p.total-p.done, 0))).Round(time.Second)
	if rest >= time.Hour {
		return fmt.Sprintf("%d:%02d:%02d", int(rest.Hours()), int(rest.Minutes())%60, int(rest.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d", int(rest.Minutes()), int(rest.Seconds())%60)
}

// short writes a number that is not negative with three digits or so and k, M, G or T.
func short(n float64) string {
	unit := ""
	for _, next := range []string{"k", "M", "G", "T"} {
		if n < 999.5 {
			break
		}
		n, unit = n/1000, next
	}
	digits := 0
	switch {
	case n < 9.995 && n != float64(int64(n)):
		digits = 2
	case n < 99.95 && n != float64(int64(n)):
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + unit
}
