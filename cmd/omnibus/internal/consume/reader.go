package consume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

const (
	// lookupTimeout bounds finding the cluster and the topic's offsets.
	lookupTimeout = 30 * time.Second
	// stallTimeout is how long --exit-at-end waits for the next record that it knows to be there.
	stallTimeout = 30 * time.Second
	// outputBytes is how much is gathered before it is written, while more records are at hand.
	outputBytes = 256 << 10
)

// errStalled is the cause of a wait that --exit-at-end gave up.
var errStalled = errors.New("stalled")

// reader reads the partitions of one topic from where they are to begin to where they are to end.
type reader struct {
	options *Options
	client  *kgo.Client
	watch   *watch
	// pending holds the partitions that have not reached the end that --exit-at-end asks for, with the offset that is
	// their end; nil without that flag.
	pending map[int32]int64
}

// openReader learns the topic's partitions and offsets and begins to read.
func openReader(ctx context.Context, config omnibus.Config, o *Options, watch *watch) (*reader, error) {
	options, err := connect.ClientOptions(config)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, clientOptions(watch)...)...)
	if err != nil {
		return nil, err
	}
	r := &reader{options: o, client: client, watch: watch}
	if err := r.begin(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return r, nil
}

func clientOptions(watch *watch) []kgo.Opt {
	return []kgo.Opt{
		kgo.ClientID("omnibus-consume"),
		kgo.WithHooks(watch),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// An offset that is gone is an error: to go on from another one would leave out records without a word.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// A transaction's marker takes an offset and is no record: without it a partition that ends in one would seem
		// never to reach its end.
		kgo.KeepControlRecords(),
	}
}

// begin sets where each partition starts and, with --exit-at-end, where it ends.
func (r *reader) begin(ctx context.Context) error {
	late := fmt.Errorf("no answer from the cluster for %v", lookupTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, late)
	defer cancel()
	spans, err := r.options.spans(ctx, kadm.NewClient(r.client))
	if err != nil {
		if errors.Is(err, late) {
			err = r.watch.why(err)
		}
		return err
	}
	if r.options.ExitAtEnd {
		r.pending = make(map[int32]int64)
	}
	from := make(map[int32]kgo.Offset)
	for partition, span := range spans {
		if r.options.ExitAtEnd {
			if span.start >= span.end {
				continue
			}
			r.pending[partition] = span.end
		}
		from[partition] = kgo.NewOffset().At(span.start)
	}
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.options.Topic: from})
	return nil
}

// copy prints records until there is no more to print. A standard output that was closed is an end like any other.
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
	printer, printed := newPrinter(r.options, out), int64(0)
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
			if err := printer.print(record); err != nil {
				return err
			}
			if printed++; printed == r.options.Max {
				return nil
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// poll waits for more records. Whoever asked to exit at the end does not wait for ever for records that should be there.
func (r *reader) poll(ctx context.Context) (kgo.Fetches, error) {
	if r.pending != nil {
		bounded, cancel := context.WithTimeoutCause(ctx, stallTimeout, errStalled)
		defer cancel()
		ctx = bounded
	}
	fetches := r.client.PollFetches(ctx)
	if ctx.Err() != nil {
		return nil, r.ended(context.Cause(ctx))
	}
	return fetches, fetches.Err()
}

// ended says where a reading that came to a stall stands.
func (r *reader) ended(cause error) error {
	if cause != errStalled {
		return cause
	}
	var missing []string
	for partition, end := range r.pending {
		missing = append(missing, fmt.Sprintf("partition %d up to offset %d", partition, end))
	}
	slices.Sort(missing)
	return r.watch.why(fmt.Errorf("no record came for %v, and these are not read to their end: %s", stallTimeout, strings.Join(missing, ", ")))
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

// close ends the reading.
func (r *reader) close() { r.client.Close() }
