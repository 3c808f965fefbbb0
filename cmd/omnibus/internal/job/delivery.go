package job

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

// Delivery are the flags that say how records travel. Each is a short way to write a Java setting, and is checked where
// those are.
type Delivery struct {
	acks        string
	compression string
	linger      string
	batchSize   string
	partitioner string
}

// AddTo registers the flags with a command.
func (d *Delivery) AddTo(flags *pflag.FlagSet) {
	flags.StringVar(&d.acks, "acks", "", "who must have a record before it counts: all (default), 1 (the leader) or 0 (nobody)")
	flags.StringVarP(&d.compression, "compression", "z", "", "`codec` none (default), gzip, snappy, lz4 or zstd, with a level as in zstd:6")
	flags.StringVar(&d.linger, "linger", "", "how long a record may wait for company, such as 20ms (default 5ms)")
	flags.StringVar(&d.batchSize, "batch-size", "", "`bytes` at which a batch is full, such as 64KiB (default 16KiB)")
	flags.StringVar(&d.partitioner, "partitioner", "",
		"`name` of the rule for keys: default (Java's murmur2), consistent_random (librdkafka's, kcat's), sarama-hash, round-robin, …")
}

// Settings are the flags that were given, under their Java names. The error names every flag that cannot be read.
func (d *Delivery) Settings() ([]connect.Setting, error) {
	var settings []connect.Setting
	var errs []error
	add := func(origin, value string, convert func(string) ([]connect.Setting, error)) {
		if value == "" {
			return
		}
		converted, err := convert(value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is %q, want %w", origin, value, err))
		}
		for _, s := range converted {
			s.Origin = origin
			settings = append(settings, s)
		}
	}
	add("--acks", d.acks, named("acks"))
	add("--partitioner", d.partitioner, named("partitioner.class"))
	add("--compression", d.compression, compressionSettings)
	add("--linger", d.linger, lingerSettings)
	add("--batch-size", d.batchSize, batchSizeSettings)
	return settings, errors.Join(errs...)
}

// named is the setting of that name with the flag's own value.
func named(name string) func(string) ([]connect.Setting, error) {
	return func(value string) ([]connect.Setting, error) {
		return []connect.Setting{{Name: name, Value: value}}, nil
	}
}

// compressionSettings splits codec:level.
func compressionSettings(value string) ([]connect.Setting, error) {
	codec, level, ok := strings.Cut(value, ":")
	settings := []connect.Setting{{Name: "compression.type", Value: codec}}
	if !ok {
		return settings, nil
	}
	switch codec {
	case "gzip", "lz4", "zstd":
		return append(settings, connect.Setting{Name: "compression." + codec + ".level", Value: level}), nil
	}
	return nil, errors.New("a level with gzip, lz4 or zstd only")
}

// lingerSettings takes a duration, or a number of milliseconds as Java does.
func lingerSettings(value string) ([]connect.Setting, error) {
	want := errors.New("a duration such as 20ms, or whole milliseconds")
	if _, err := strconv.ParseUint(value, 10, 63); err == nil {
		return []connect.Setting{{Name: "linger.ms", Value: value}}, nil
	}
	duration, err := time.ParseDuration(value)
	if err != nil || duration < 0 || duration%time.Millisecond != 0 {
		return nil, want
	}
	return []connect.Setting{{Name: "linger.ms", Value: strconv.FormatInt(duration.Milliseconds(), 10)}}, nil
}

func batchSizeSettings(value string) ([]connect.Setting, error) {
	size, err := parseBytes(value)
	if err != nil {
		return nil, err
	}
	return []connect.Setting{{Name: "batch.size", Value: strconv.FormatInt(size, 10)}}, nil
}

// parseBytes reads a size: a number of bytes, or of KiB or MiB with that unit behind it.
func parseBytes(text string) (int64, error) {
	unit := int64(1)
	digits := text
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if before, ok := strings.CutSuffix(text, suffix); ok {
			unit, digits = bytes, before
		}
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || size < 0 || size > math.MaxInt64/unit {
		return 0, errors.New("a number of bytes, or with a unit as in 64KiB or 1MiB")
	}
	return size * unit, nil
}
