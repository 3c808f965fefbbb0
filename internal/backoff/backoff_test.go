package backoff

import (
	"testing"
	"time"
)

func TestThePauseDoublesWithJitterUpToItsMaximum(t *testing.T) {
	e := Exponential{Min: 50 * time.Millisecond, Max: time.Second}
	for failures := 1; failures <= 8; failures++ {
		nominal := min(50*time.Millisecond<<(failures-1), time.Second)
		for _, random := range []float64{0, 0.3, 0.999} {
			if d := e.After(failures, random); d < nominal*8/10 || d > min(nominal*12/10, e.Max) {
				t.Errorf("%v after %d failures with random %v, want about %v", d, failures, random, nominal)
			}
		}
	}
	if a, b := e.After(3, 0), e.After(3, 0.9); a >= b {
		t.Errorf("no jitter: %v and %v", a, b)
	}
}

func TestThePauseHasItsLimits(t *testing.T) {
	for _, c := range []struct {
		e        Exponential
		failures int
		want     time.Duration
	}{
		{Exponential{}, 3, 0},
		{Exponential{Min: time.Second, Max: time.Second}, 0, 0},
		{Exponential{Min: 10 * time.Second, Max: time.Second}, 1, time.Second},
		{Exponential{Min: time.Second, Max: time.Minute}, 1 << 40, time.Minute},
	} {
		if d := c.e.After(c.failures, 0.9); d != c.want {
			t.Errorf("%+v after %d failures: %v, want %v", c.e, c.failures, d, c.want)
		}
	}
}
