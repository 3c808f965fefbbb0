package job

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRatesAreRecordsOrBytes(t *testing.T) {
	for _, test := range []struct {
		text      string
		perSecond float64 // 0 for an error
		bytes     bool
	}{
		{"500", 500, false}, {"500/s", 500, false}, {"0.5/s", 0.5, false}, {"1e3", 1000, false},
		{"10MB/s", 10e6, true}, {"10MB", 10e6, true}, {"64KiB/s", 65536, true}, {"1MiB/s", 1 << 20, true}, {"1.5GiB/s", 1.5 * (1 << 30), true},
		{"7kB/s", 7000, true}, {"7KB/s", 7000, true}, {"2GB/s", 2e9, true}, {"100B/s", 100, true},
		{"0", 0, false}, {"-1", 0, false}, {"fast", 0, false}, {"10/m", 0, false}, {"MB/s", 0, false}, {"NaN", 0, false}, {"Inf", 0, false}, {"1e300MB", 0, false},
	} {
		p, err := parseRate(test.text)
		switch {
		case test.perSecond == 0:
			if err == nil {
				t.Errorf("%q is taken for a rate", test.text)
			}
		case err != nil:
			t.Errorf("%q: %v", test.text, err)
		case p.perSecond != test.perSecond || p.bytes != test.bytes:
			t.Errorf("%q: %v a second, bytes %v; want %v, %v", test.text, p.perSecond, p.bytes, test.perSecond, test.bytes)
		}
	}
	if p, err := parseRate(""); p != nil || err != nil {
		t.Errorf("no rate: %v, %v", p, err)
	}
}

func TestPacerKeepsTheRate(t *testing.T) {
	for _, test := range []struct {
		rate    string
		records int
		size    int
		want    time.Duration
	}{
		{"10/s", 21, 1, 2 * time.Second},
		{"1000/s", 5001, 1, 5 * time.Second},
		{"100000/s", 200_000, 1, 2 * time.Second},
		{"1kB/s", 31, 100, 3 * time.Second},
		{"1MB/s", 20_000, 100, 2 * time.Second},
		{"100B/s", 3, 1000, 20 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, err := parseRate(test.rate)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for range test.records {
				if err := p.wait(t.Context(), test.size); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took < test.want-20*time.Millisecond || took > test.want+20*time.Millisecond {
				t.Errorf("%s: %d records of %d bytes took %v, want %v", test.rate, test.records, test.size, took, test.want)
			}
		})
	}
}

func TestPacerDoesNotMakeUpForAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := parseRate("100/s")
		p.wait(t.Context(), 1)
		<-time.After(time.Minute)
		began := time.Now()
		for range 101 {
			p.wait(t.Context(), 1)
		}
		if took := time.Since(began); took < 900*time.Millisecond {
			t.Errorf("after a pause 101 records went within %v, want a second", took)
		}
	})
}

func TestPacerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := parseRate("0.001/s")
		ctx, cancel := context.WithCancelCause(t.Context())
		p.wait(ctx, 1)
		cause := errors.New("enough")
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := p.wait(ctx, 1); !errors.Is(err, cause) {
			t.Errorf("error %v, want the context's cause", err)
		}
	})
}
