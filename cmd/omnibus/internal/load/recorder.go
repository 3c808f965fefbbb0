package load

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/omnibus-kafka/omnibus"
)

// newHistogram keeps nanoseconds from a microsecond to an hour, with three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(time.Hour), 3)
}

// recorder gathers latencies from callbacks, which run on several goroutines.
type recorder struct {
	mu struct {
		sync.Mutex
		window *hdrhistogram.Histogram // since the last take
		total  *hdrhistogram.Histogram // before that
		steady *hdrhistogram.Histogram // behind the warm-up; nil without one
		acked  uint64
		// windowSteady says that the window has a record from behind the warm-up.
		windowSteady bool
	}
}

func newRecorder(warmup bool) *recorder {
	r := &recorder{}
	r.mu.window, r.mu.total = newHistogram(), newHistogram()
	if warmup {
		r.mu.steady = newHistogram()
	}
	return r
}

// record counts an acknowledgement. A latency beyond the histogram's range counts as its end.
func (r *recorder) record(latency time.Duration, steady bool) {
	nanoseconds := int64(min(max(latency, 0), time.Hour))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.acked++
	_ = r.mu.window.RecordValue(nanoseconds) // invariant: in range
	if steady {
		_ = r.mu.steady.RecordValue(nanoseconds)
		r.mu.windowSteady = true
	}
}

// acked is how many records were acknowledged so far.
func (r *recorder) acked() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.acked
}

// take begins a new window and returns the last one. empty takes its place and must be empty.
func (r *recorder) take(empty *hdrhistogram.Histogram) (window *hdrhistogram.Histogram, steady bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	window, steady = r.mu.window, r.mu.windowSteady
	r.mu.window, r.mu.windowSteady = empty, false
	r.mu.total.Merge(window)
	return window, steady
}

// failures counts what did not get through, and tells the user of the first few.
type failures struct {
	out io.Writer

	mu struct {
		sync.Mutex
		notWritten, unknown uint64
		gaveUp              bool
	}
}

// failuresTold is how many failures are told; the rest is counted.
const failuresTold = 5

// count counts a record that failed.
func (f *failures) count(err error) {
	if f.add(omnibus.NotWritten(err)) <= failuresTold {
		fmt.Fprintf(f.out, "omnibus: %v\n", err)
	}
}

// add counts a failure and returns how many there are.
func (f *failures) add(notWritten bool) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if notWritten {
		f.mu.notWritten++
	} else {
		f.mu.unknown++
	}
	return f.mu.notWritten + f.mu.unknown
}

// giveUp notes that a record was not even accepted, and tells why, once for all goroutines.
func (f *failures) giveUp(err error) {
	f.mu.Lock()
	first := !f.mu.gaveUp
	f.mu.gaveUp = true
	f.mu.Unlock()
	if !first {
		return
	}
	if record, ok := errors.AsType[*omnibus.RecordError](err); ok {
		err = record.Err
	}
	fmt.Fprintf(f.out, "omnibus: given up: %v\n", err)
}
