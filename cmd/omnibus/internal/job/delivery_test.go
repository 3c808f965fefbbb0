package job

import (
	"fmt"
	"strings"
	"testing"
)

func TestDeliveryFlagsBecomeJavaSettings(t *testing.T) {
	for _, test := range []struct {
		flags Delivery
		want  string // name=value (origin), or part of the error behind "error:"
	}{
		{Delivery{}, ""},
		{Delivery{acks: "all"}, "acks=all (--acks)"},
		{Delivery{partitioner: "round-robin"}, "partitioner.class=round-robin (--partitioner)"},
		{Delivery{compression: "lz4"}, "compression.type=lz4 (--compression)"},
		{Delivery{compression: "zstd:6"}, "compression.type=zstd (--compression) compression.zstd.level=6 (--compression)"},
		{Delivery{compression: "snappy:6"}, "error:gzip, lz4 or zstd"},
		{Delivery{linger: "20ms"}, "linger.ms=20 (--linger)"},
		{Delivery{linger: "2s"}, "linger.ms=2000 (--linger)"},
		{Delivery{linger: "7"}, "linger.ms=7 (--linger)"},
		{Delivery{linger: "0"}, "linger.ms=0 (--linger)"},
		{Delivery{linger: "5us"}, "error:duration"},
		{Delivery{linger: "-5ms"}, "error:duration"},
		{Delivery{linger: "soon"}, "error:duration"},
		{Delivery{batchSize: "1000"}, "batch.size=1000 (--batch-size)"},
		{Delivery{batchSize: "64KiB"}, "batch.size=65536 (--batch-size)"},
		{Delivery{batchSize: "1MiB"}, "batch.size=1048576 (--batch-size)"},
		{Delivery{batchSize: "64KB"}, "error:64KiB"},
		{Delivery{batchSize: "-1"}, "error:bytes"},
		{Delivery{batchSize: "9999999999999MiB"}, "error:bytes"},
	} {
		settings, err := test.flags.Settings()
		var got []string
		for _, s := range settings {
			got = append(got, fmt.Sprintf("%s=%s (%s)", s.Name, s.Value, s.Origin))
		}
		if part, wantError := strings.CutPrefix(test.want, "error:"); wantError {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: error %v, want one that says %q", test.flags, err, part)
			}
		} else if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%+v: %q, %v; want %q", test.flags, got, err, test.want)
		}
	}
}

func TestSyncDoesNotLingerUnlessToldTo(t *testing.T) {
	for _, test := range []struct {
		flags Flags
		want  string
	}{
		{Flags{}, "[]"},
		{Flags{Sync: true}, "[{linger.ms 0 --sync}]"},
		{Flags{Sync: true, Delivery: Delivery{linger: "7"}}, "[{linger.ms 7 --linger}]"},
	} {
		if got, err := test.flags.settings(); err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%+v: %v, %v; want %s", test.flags, got, err, test.want)
		}
	}
}
