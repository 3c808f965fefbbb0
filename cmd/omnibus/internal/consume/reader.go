package consume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
)

const (
	// lookupTimeout bounds finding the cluster and the topic's offsets.
	lookupTimeout = 30 * time.Second
	// stallTimeout is how long --exit-at-end waits for the next record that it knows to be there.
	stallTimeout = 30 * time.Second
	// outputBytes is how much is gathered before it is written, while more records are at hand.
	outputBytes = 256 << 10
)

// reader reads the partitions of one topic from where they are to begin to where they are to end.
type reader struct {
	client *kgo.Client
	max    int64 // records to print; 0 for no bound
	// pending holds the partitions that have not reached the end that --exit-at-end asks for, with the offset that is
	// their end; nil without that flag.
	pending map[int32]int64
}

// openReader learns the topic's partitions and offsets and begins to read.
func openReader(ctx context.Context, config omnibus.Config, o *Options) (*reader, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("omnibus-consume"),
		// A transaction's marker takes an offset and is no record: without it a partition that ends in one would seem
		// never to reach its end.
		kgo.KeepControlRecords(),
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	r := &reader{client: client, max: o.Max}
	if err := r.begin(ctx, o); err != nil {
		client.Close()
		return nil, err
	}
	return r, nil
}

// begin sets where each partition starts and, with --exit-at-end, where it ends.
func (r *reader) begin(ctx context.Context, o *Options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, errors.New("no answer from the cluster in time"))
	defer cancel()
	admin := kadm.NewClient(r.client)
	starts, err := listOffsets(ctx, admin.ListStartOffsets, o.Topic)
	if err != nil {
		return err
	}
	ends, err := listOffsets(ctx, admin.ListEndOffsets, o.Topic)
	if err != nil {
		return err
	}
	if o.ExitAtEnd {
		r.pending = make(map[int32]int64)
	}
	from := make(map[int32]kgo.Offset)
	for partition, end := range ends {
		start := end
		if o.FromBeginning {
			start = starts[partition]
		}
		if o.ExitAtEnd && start >= end {
			continue
		}
		if o.ExitAtEnd {
			r.pending[partition] = end
		}
		from[partition] = kgo.NewOffset().At(start)
	}
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{o.Topic: from})
	return nil
}

// listOffsets asks for one offset of each partition and returns them, or the first error of any.
func listOffsets(
	ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error), topic string,
) (map[int32]int64, error) {
	listed, err := list(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			err = errors.New("the topic does not exist")
		}
		return nil, err
	}
	offsets := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { offsets[o.Partition] = o.Offset })
	return offsets, nil
}

// copy prints values until there is no more to print. A standard output that was closed is an end like any other.
func (r *reader) copy(ctx context.Context, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, outputBytes)
	err := r.print(ctx, buffered)
	if flushErr := buffered.Flush(); flushErr != nil {
		err = flushErr
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

func (r *reader) print(ctx context.Context, out *bufio.Writer) error {
	printed := int64(0)
	for r.pending == nil || len(r.pending) > 0 {
		fetches, err := r.poll(ctx)
		if err != nil {
			return err
		}
		for records := fetches.RecordIter(); !records.Done(); {
			record := records.Next()
			if !r.wants(record) {
				continue
			}
			if err := printLine(out, record.Value); err != nil {
				return err
			}
			if printed++; printed == r.max {
				return nil
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// poll waits for more records. Whoever asked to exit at the end does not wait for ever for a cluster that went away.
func (r *reader) poll(ctx context.Context) (kgo.Fetches, error) {
	if r.pending != nil {
		stalled := fmt.Errorf("no record came for %v, and %d partitions have more", stallTimeout, len(r.pending))
		bounded, cancel := context.WithTimeoutCause(ctx, stallTimeout, stalled)
		defer cancel()
		ctx = bounded
	}
	fetches := r.client.PollFetches(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return fetches, fetches.Err()
}

// wants reports whether the record is to be printed, and notes which partitions have reached their end.
func (r *reader) wants(record *kgo.Record) bool {
	if r.pending != nil {
		end, ok := r.pending[record.Partition]
		if record.Offset >= end-1 {
			delete(r.pending, record.Partition)
		}
		if !ok || record.Offset >= end {
			return false
		}
	}
	return !record.Attrs.IsControl()
}

func printLine(out *bufio.Writer, value []byte) error {
	if _, err := out.Write(value); err != nil {
		return err
	}
	return out.WriteByte('\n')
}

// close ends the reading.
func (r *reader) close() { r.client.Close() }
