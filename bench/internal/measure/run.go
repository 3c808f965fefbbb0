package measure

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// warmUpMax is how many records go ahead of the measured ones, at most: enough for connections, metadata, producer id,
// buffers and codecs to be there.
const warmUpMax = 100_000

// Run is one measurement.
type Run struct {
	Client   string
	Workload workload.Workload
	// Records is how many are measured.
	Records int
	// Nodes is the number of brokers, 0 for one.
	Nodes int
	// Seed makes the payloads.
	Seed uint64
	// ProfilePath is where a CPU profile of the measured part is written, "" for none.
	ProfilePath string
}

// Do carries out the run in this process, which should do nothing else, against a broker in another one.
func (r Run) Do(ctx context.Context) (result Result, err error) {
	data := workload.NewData(r.Workload, r.Seed)
	broker, err := startBroker(ctx, nullack.Config{
		Nodes: r.Nodes, Topics: []nullack.Topic{{Name: workload.Topic, Partitions: r.Workload.Partitions}},
	})
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if stopped := broker.stop(); err == nil {
			err = stopped
		}
	}()
	c, err := client.Open(r.Client, client.Target{Brokers: broker.addresses, Load: r.Workload, Data: data})
	if err != nil {
		return Result{}, err
	}
	defer c.Close()
	if err := r.produce(ctx, c, 0, min(r.Records/10+1, warmUpMax)); err != nil {
		return Result{}, fmt.Errorf("warm-up: %w", err)
	}
	result = Result{Client: r.Client, Workload: r.Workload.ID, Records: r.Records, PayloadBytes: data.Bytes()}
	if err := r.measure(ctx, c, broker, &result); err != nil {
		return Result{}, fmt.Errorf("%s, workload %s: %w", r.Client, r.Workload.ID, err)
	}
	return result, nil
}

// measure produces the records that count, between two looks at the process and at the broker.
func (r Run) measure(ctx context.Context, c client.Client, broker *brokerProcess, result *Result) error {
	countsBefore, err := broker.counts()
	if err != nil {
		return err
	}
	stop, err := r.profile()
	if err != nil {
		return err
	}
	defer stop()
	runtime.GC() // so that no run pays for what came before it
	before, err := usageNow()
	if err != nil {
		return err
	}
	if err := r.produce(ctx, c, warmUpMax, warmUpMax+r.Records); err != nil {
		return err
	}
	after, err := usageNow()
	if err != nil {
		return err
	}
	counts, err := broker.counts()
	if err != nil {
		return err
	}
	result.since(before, after)
	result.Wire = counts.Less(countsBefore)
	if result.Wire.Records != int64(r.Records) {
		return fmt.Errorf("%d records were acknowledged, but the broker counted %d", r.Records, result.Wire.Records)
	}
	return nil
}

// profile begins a CPU profile if one is wanted.
func (r Run) profile() (stop func(), err error) {
	if r.ProfilePath == "" {
		return func() {}, nil
	}
	file, err := os.Create(r.ProfilePath)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}

// produce sends a range of the load on the workload's goroutines and waits for all outcomes.
func (r Run) produce(ctx context.Context, c client.Client, from, to int) error {
	c.Outcomes().Expect(to - from)
	errs := make([]error, r.Workload.Goroutines)
	var senders sync.WaitGroup
	for g := range errs {
		first, last := from+(to-from)*g/len(errs), from+(to-from)*(g+1)/len(errs)
		senders.Go(func() { errs[g] = c.Produce(first, last) })
	}
	senders.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if err := c.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return c.Outcomes().Wait(ctx)
}
