// Package measure carries out one run: one client with one workload, against a null-ack broker or on a real cluster.
package measure

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// Run is one measurement.
type Run struct {
	Contender drive.Contender
	Workload  workload.Workload
	// Records is how many are measured; 0 for as many as the client sends in Span, and no more than the workload has.
	Records int
	Span    time.Duration
	// Brokers are those of a real cluster, none for a null-ack broker.
	Brokers []string
	// Nodes is the number of nodes that a null-ack broker plays, 0 for one.
	Nodes int
	// Seed makes the payloads.
	Seed uint64
	// ProfilePath is where a CPU profile of the measured part is written, "" for none.
	ProfilePath string
}

// spanOfAll is the Span in which all of the workload's records are measured, whoever the client is; in a part of it, that
// part of them is. So slow clients too are seen at their steady pace, which begins late where there are many partitions.
const spanOfAll = 8 * time.Second

// Do carries out the run, with the client in this process or one of its own, and the broker in another.
func (r Run) Do(ctx context.Context) (result Result, err error) {
	if why := r.Contender.Declined(r.Workload); why != "" {
		return Result{}, fmt.Errorf("%s does not run workload %s: %s", r.Contender.Name, r.Workload.ID, why)
	}
	other, err := r.otherEnd(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if ended := other.end(); err == nil {
			err = ended
		}
	}()
	data := workload.NewData(r.Workload, r.Seed)
	drive.ForgetPeakRSS() // what it took to make the payloads is no client's
	driver, err := r.Contender.Start(ctx, client.Target{
		Brokers: other.brokers, Certificate: other.certificate, Topics: other.topics, Load: r.Workload, Data: data,
	})
	if err != nil {
		return Result{}, err
	}
	defer driver.Close()
	result = Result{Client: r.Contender.Name, Workload: r.Workload.ID, PayloadBytes: data.Bytes()}
	if err := r.measure(ctx, driver, other, &result); err != nil {
		return Result{}, fmt.Errorf("%s, workload %s: %w", r.Contender.Name, r.Workload.ID, err)
	}
	return result, nil
}

// measure warms up, then drives the records that count between two looks at the broker.
func (r Run) measure(ctx context.Context, driver drive.Driver, other otherEnd, result *Result) error {
	rate, err := driver.WarmUp(ctx, r.Span)
	if err != nil {
		return err
	}
	if result.Records = r.Records; r.Records <= 0 {
		least := int(float64(r.Workload.Records) * float64(r.Span) / float64(spanOfAll))
		result.Records = min(max(int(rate*r.Span.Seconds()), least, 1), r.Workload.Records)
	}
	before, err := nullack.Settled(other.counts)
	if err != nil {
		return err
	}
	stop, err := r.profile()
	if err != nil {
		return err
	}
	defer stop()
	figures, err := driver.Drive(ctx, result.Records)
	if err != nil {
		return err
	}
	result.take(figures)
	after, err := nullack.Settled(other.counts)
	if err != nil {
		return err
	}
	result.Wire = after.Less(before)
	if len(r.Brokers) == 0 && result.Wire.Records != int64(result.Records) {
		return fmt.Errorf("%d records were acknowledged, but the broker counted %d", result.Records, result.Wire.Records)
	}
	return nil
}

// otherEnd is where the records go.
type otherEnd struct {
	brokers     []string
	certificate []byte
	topics      []string
	counts      func() (nullack.Counts, error)
	end         func() error
}

// otherEnd starts a null-ack broker, or makes topics on the real cluster.
func (r Run) otherEnd(ctx context.Context) (otherEnd, error) {
	if len(r.Brokers) > 0 {
		return onKafka(ctx, r.Brokers, r.Workload)
	}
	if r.Workload.Kafka {
		return otherEnd{}, fmt.Errorf("workload %s runs on real Kafka: name its brokers", r.Workload.ID)
	}
	const topic = "bench"
	config := nullack.Config{Nodes: r.Nodes, TLS: r.Workload.TLS}
	for _, name := range r.Workload.AllTopics(topic) {
		config.Topics = append(config.Topics, nullack.Topic{Name: name, Partitions: r.Workload.Partitions})
	}
	broker, err := startBroker(ctx, config)
	if err != nil {
		return otherEnd{}, err
	}
	return otherEnd{
		brokers: broker.Addresses, certificate: broker.Certificate, topics: r.Workload.AllTopics(topic),
		counts: broker.counts, end: broker.stop,
	}, nil
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
