package job

import (
	"testing"
	"time"
)

func TestProgressIsOneLine(t *testing.T) {
	earlier := progress{at: time.Second, acked: 1_000_000, bytes: 100e6}
	now := progress{
		at: 3 * time.Second, acked: 1_240_000, failed: 2, bytes: 224e6, done: 300, total: 900,
		p50: 3.14159, p99: 11.2, inFlight: 5, buffer: 0.384, retries: 1500, letters: 2,
	}
	want := "orders: 1.24M acked, 120k/s, 62 MB/s, ETA 0:06, 2 failed, ack p50 3.14 p99 11.2 ms, in flight 5, buffer 38%, retries 1.50k, dlq 2"
	if got := now.text("orders", &earlier); got != want {
		t.Errorf("progress is\n%s\nwant\n%s", got, want)
	}
	now.failed, now.throttled, now.total = 0, 90*time.Second, -1
	want = "1.24M acked, 120k/s, 62 MB/s, throttled 90 s, ack p50 3.14 p99 11.2 ms, in flight 5, buffer 38%, retries 1.50k, dlq 2"
	if got := now.text("", &earlier); got != want {
		t.Errorf("progress without topic and end is\n%s\nwant\n%s", got, want)
	}
}

func TestETA(t *testing.T) {
	for _, test := range []struct {
		p    progress
		want string
	}{
		{progress{at: time.Second, done: 0, total: 10}, "-"},
		{progress{at: time.Second, done: 10, total: 10}, "0:00"},
		{progress{at: time.Second, done: 11, total: 10}, "0:00"},
		{progress{at: time.Second, done: 1, total: 42}, "0:41"},
		{progress{at: time.Minute, done: 1, total: 60}, "59:00"},
		{progress{at: time.Minute, done: 1, total: 151}, "2:30:00"},
	} {
		if got := test.p.eta(); got != test.want {
			t.Errorf("%+v: %q, want %q", test.p, got, test.want)
		}
	}
}

func TestShortNumbers(t *testing.T) {
	for _, test := range []struct {
		n    float64
		want string
	}{
		{0, "0"}, {7, "7"}, {7.25, "7.25"}, {42.25, "42.2"}, {999, "999"}, {999.6, "1.00k"}, {1234, "1.23k"}, {99_960, "100k"},
		{96_100, "96.1k"}, {1e6, "1M"}, {2.5e9, "2.50G"}, {3e12, "3T"}, {4e15, "4000T"},
	} {
		if got := short(test.n); got != test.want {
			t.Errorf("%v: %q, want %q", test.n, got, test.want)
		}
	}
}
