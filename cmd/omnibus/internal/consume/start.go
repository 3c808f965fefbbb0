package consume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// start is where to begin in each partition.
type start struct {
	from   origin
	number int64
}

// origin is what the number of a start counts from.
type origin int

const (
	fromEnd       origin = iota // so many records before the end
	fromBeginning               // the first record
	fromOffset                  // this offset
	fromTime                    // the first record at or after this time, in milliseconds since 1970
)

// start is what --from-beginning and --offset say.
func (o *Options) start() (start, error) {
	if o.FromBeginning {
		return start{from: fromBeginning}, nil
	}
	return parseStart(o.Offset)
}

// parseStart reads beginning, end, N, -N and s@TIME, as kcat has them.
func parseStart(text string) (start, error) {
	wrong := fmt.Errorf("--offset is %q, want beginning, end, an offset, -N for the last N records, or s@TIME", text)
	switch text {
	case "", "end":
		return start{}, nil
	case "beginning":
		return start{from: fromBeginning}, nil
	}
	if moment, ok := strings.CutPrefix(text, "s@"); ok {
		if at, err := time.Parse(time.RFC3339, moment); err == nil {
			return start{from: fromTime, number: at.UnixMilli()}, nil
		}
		millis, err := strconv.ParseInt(moment, 10, 64)
		if err != nil || millis < 0 {
			return start{}, fmt.Errorf("--offset is %q, want behind s@ milliseconds since 1970, or a time such as 2026-11-22T19:00:00Z", text)
		}
		return start{from: fromTime, number: millis}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return start{}, wrong
	case strings.HasPrefix(text, "-"):
		return start{number: -n}, nil
	}
	return start{from: fromOffset, number: n}, nil
}

// span is what there is of a partition, and where to start in it.
type span struct {
	start int64 // to be read first
	end   int64 // of what is committed
}

// spans asks for the partitions' offsets.
func (o *Options) spans(ctx context.Context, admin *kadm.Client) (map[int32]span, error) {
	begins, err := listOffsets(ctx, admin.ListStartOffsets, o.Topic)
	if err != nil {
		return nil, err
	}
	ends, err := listOffsets(ctx, admin.ListCommittedOffsets, o.Topic)
	if err != nil {
		return nil, err
	}
	start, err := o.start()
	if err != nil {
		return nil, err
	}
	var times map[int32]int64
	if start.from == fromTime {
		after := func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, start.number, topics...)
		}
		if times, err = listOffsets(ctx, after, o.Topic); err != nil {
			return nil, err
		}
	}
	wanted, err := o.wanted(ends)
	if err != nil {
		return nil, err
	}
	spans := make(map[int32]span)
	for _, partition := range wanted {
		s := span{start: begins[partition], end: ends[partition]}
		switch start.from {
		case fromEnd:
			s.start = max(s.start, s.end-start.number)
		case fromTime:
			s.start = min(times[partition], s.end)
		case fromOffset:
			if start.number < s.start || start.number > s.end {
				return nil, fmt.Errorf("--offset is %d, and partition %d has offsets from %d to before %d: choose one of them, or the partition with --partition",
					start.number, partition, s.start, s.end)
			}
			s.start = start.number
		}
		spans[partition] = s
	}
	return spans, nil
}

// wanted are the partitions to read.
func (o *Options) wanted(all map[int32]int64) ([]int32, error) {
	if len(o.Partitions) == 0 {
		return slices.Sorted(maps.Keys(all)), nil
	}
	for _, partition := range o.Partitions {
		if _, ok := all[partition]; !ok {
			return nil, fmt.Errorf("there is no partition %d: the topic has %d, from 0 to %d", partition, len(all), len(all)-1)
		}
	}
	return o.Partitions, nil
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
