package produce

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// lockedBuffer is a standard error that goroutines may still write to while the test reads it.
type lockedBuffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Buffer.String()
}

func testFactory(stdin string) (f *cli.Factory, stdout *bytes.Buffer, stderr *lockedBuffer) {
	stdout, stderr = &bytes.Buffer{}, &lockedBuffer{}
	return &cli.Factory{
		IO:     &cli.IO{In: strings.NewReader(stdin), Out: stdout, Err: stderr},
		Getenv: func(string) string { return "" },
	}, stdout, stderr
}

// parse runs the command line up to the point where the work would begin.
func parse(t *testing.T, args ...string) (*Options, error) {
	t.Helper()
	f, _, _ := testFactory("")
	var parsed *Options
	cmd := NewCmdProduce(f, func(_ context.Context, o *Options) error {
		parsed = o
		return nil
	})
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return parsed, cmd.ExecuteContext(t.Context())
}

func TestFlagsReachTheOptions(t *testing.T) {
	f, _, _ := testFactory("")
	var o *Options
	cmd := NewCmdProduce(f, func(_ context.Context, parsed *Options) error {
		o = parsed
		return nil
	})
	cmd.SetArgs([]string{
		"orders", "a.txt", "-", "-b", "k:1", "-X", "client.id=me", "-X", "linger.ms=1",
		"-K", ":", "--on-bad-input", "skip", "--summary", "json", "--acks", "1", "-z", "zstd:6",
	})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(o.Topic, " ", o.Files, " ", o.Connect.Brokers, " ", o.Connect.Settings)
	if want := "orders [a.txt -] k:1 [client.id=me linger.ms=1]"; got != want {
		t.Errorf("options %s, want %s", got, want)
	}
	got = fmt.Sprint([]string{o.KeySeparator, o.OnBadInput, o.Summary, o.delivery.acks, o.delivery.compression})
	if want := "[: skip json 1 zstd:6]"; got != want {
		t.Errorf("options %s, want %s", got, want)
	}
}

func TestWrongCommandLinesAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"orders", "--no-such-flag"},
		{"orders", "--summary", "xml"},
		{"orders", "--on-bad-input", "panic"},
		{"orders", "--key-separator", ""},
	} {
		if _, err := parse(t, args...); err == nil || cli.CodeOf(err) != cli.ExitUsage {
			t.Errorf("%q: error %v with code %d, want code 1", args, err, cli.CodeOf(err))
		}
	}
}

func TestDeliveryFlagsBecomeJavaSettings(t *testing.T) {
	for _, test := range []struct {
		flags delivery
		want  string // name=value (origin), or part of the error behind "error:"
	}{
		{delivery{}, ""},
		{delivery{acks: "all"}, "acks=all (--acks)"},
		{delivery{compression: "lz4"}, "compression.type=lz4 (--compression)"},
		{delivery{compression: "zstd:6"}, "compression.type=zstd (--compression) compression.zstd.level=6 (--compression)"},
		{delivery{compression: "snappy:6"}, "error:gzip, lz4 or zstd"},
		{delivery{linger: "20ms"}, "linger.ms=20 (--linger)"},
		{delivery{linger: "2s"}, "linger.ms=2000 (--linger)"},
		{delivery{linger: "7"}, "linger.ms=7 (--linger)"},
		{delivery{linger: "0"}, "linger.ms=0 (--linger)"},
		{delivery{linger: "5us"}, "error:duration"},
		{delivery{linger: "-5ms"}, "error:duration"},
		{delivery{linger: "soon"}, "error:duration"},
		{delivery{batchSize: "1000"}, "batch.size=1000 (--batch-size)"},
		{delivery{batchSize: "64KiB"}, "batch.size=65536 (--batch-size)"},
		{delivery{batchSize: "1MiB"}, "batch.size=1048576 (--batch-size)"},
		{delivery{batchSize: "64KB"}, "error:64KiB"},
		{delivery{batchSize: "-1"}, "error:bytes"},
		{delivery{batchSize: "9999999999999MiB"}, "error:bytes"},
	} {
		settings, err := test.flags.settings()
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
