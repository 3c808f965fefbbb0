package drive

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// InProcess makes a Contender of a client that runs in this process, which should then do nothing else.
func InProcess(m client.Maker) Contender {
	return Contender{Maker: m, Start: func(_ context.Context, t client.Target) (Driver, error) {
		c, err := m.Open(t)
		if err != nil {
			return nil, err
		}
		return &inProcess{client: c, load: t.Load}, nil
	}}
}

type inProcess struct {
	client client.Client
	load   workload.Workload
	next   int // number of the first record that was not sent yet
}

func (d *inProcess) Close() error {
	d.client.Close()
	return nil
}

// A warm-up is rounds of records, each twice as many as the last, and warmUpRounds at least.
const (
	warmUpFirst  = 500
	warmUpRounds = 3
)

// WarmUp takes for the client's rate what one round had more than the last, by how much longer it took: what is the same
// in both cancels out, above all the linger before the last outcomes, which is a second where a client has that for its
// default.
func (d *inProcess) WarmUp(ctx context.Context, span time.Duration) (rate float64, err error) {
	records, patience := max(warmUpFirst, d.load.Goroutines), 4*span
	var last time.Duration
	for began, round := time.Now(), 1; ; round++ {
		start := time.Now()
		if err := d.send(ctx, records, nil); err != nil {
			return 0, fmt.Errorf("warm-up: %w", err)
		}
		took := time.Since(start)
		if round > 1 && (time.Since(began) > patience || round >= warmUpRounds && took > span/2) {
			return float64(records) / 2 / max(took-last, time.Microsecond).Seconds(), nil
		}
		last = took
		records *= 2
	}
}

func (d *inProcess) Drive(ctx context.Context, records int) (Figures, error) {
	var times []time.Duration
	if d.load.Drive != workload.Throughput {
		times = make([]time.Duration, records)
	}
	runtime.GC() // so that no run pays for what came before it
	before, err := usageNow()
	if err != nil {
		return Figures{}, err
	}
	if err := d.send(ctx, records, times); err != nil {
		return Figures{}, err
	}
	after, err := usageNow()
	if err != nil {
		return Figures{}, err
	}
	return Figures{
		Elapsed: after.at.Sub(before.at), User: after.user - before.user, System: after.system - before.system,
		Mallocs: int64(after.mallocs - before.mallocs), HeapBytes: int64(after.heapBytes - before.heapBytes),
		PeakRSSBytes: PeakRSS("self"), Latency: latencyOf(times),
	}, nil
}

// send sends the next records in the load's way, waits for all outcomes and notes in times, if not nil, how long each
// took.
func (d *inProcess) send(ctx context.Context, records int, times []time.Duration) error {
	from := d.next
	d.next += records
	switch d.load.Drive {
	case workload.Synchronous:
		return d.parallel(records, func(first, last int) error { return d.oneByOne(ctx, from, first, last, times) })
	case workload.Paced:
		return d.pace(ctx, from, records, times)
	}
	d.client.Outcomes().Expect(records, nil)
	err := d.parallel(records, func(first, last int) error { return d.client.Produce(from+first, from+last) })
	if err != nil {
		return err
	}
	return d.settle(ctx)
}

// settle waits for the outcomes of all that was handed over.
func (d *inProcess) settle(ctx context.Context) error {
	if err := d.client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return d.client.Outcomes().Wait(ctx)
}

// parallel cuts the numbers below records into a range for each of the load's goroutines.
func (d *inProcess) parallel(records int, do func(first, last int) error) error {
	errs := make([]error, d.load.Goroutines)
	var senders sync.WaitGroup
	for g := range errs {
		senders.Go(func() { errs[g] = do(records*g/len(errs), records*(g+1)/len(errs)) })
	}
	senders.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// oneByOne sends a range of records and waits for each.
func (d *inProcess) oneByOne(ctx context.Context, from, first, last int, times []time.Duration) error {
	for i := first; i < last; i++ {
		began := time.Now()
		if err := d.client.Send(ctx, from+i); err != nil {
			return err
		}
		if times != nil {
			times[i] = time.Since(began)
		}
	}
	return nil
}

// pace hands over each record at its moment, or as soon after it as this goroutine runs.
func (d *inProcess) pace(ctx context.Context, from, records int, times []time.Duration) error {
	began := time.Now()
	moment := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second / time.Duration(d.load.Rate)) }
	d.client.Outcomes().Expect(records, func(i int) {
		if times != nil {
			times[i-from] = time.Since(moment(i - from))
		}
	})
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for i := range records {
		if early := time.Until(moment(i)); early > 0 {
			alarm.Reset(early)
			<-alarm.C
		}
		if err := d.client.Offer(from + i); err != nil {
			return err
		}
	}
	return d.settle(ctx)
}
