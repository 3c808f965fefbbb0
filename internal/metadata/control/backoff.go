package control

import (
	"math/rand/v2"
	"time"
)

// Backoff is an exponential pause with jitter, as Java's ExponentialBackoff: Min doubled for each failure after the first,
// times a random factor between 0.8 and 1.2, never over Max.
type Backoff struct {
	// Min is the pause after the first failure.
	Min time.Duration
	// Max bounds every pause. A Max under Min makes it the constant Max.
	Max time.Duration
}

// After is the pause after so many failures in a row; after none it is 0.
func (b Backoff) After(failures int) time.Duration {
	if failures <= 0 || b.Min <= 0 {
		return 0
	}
	pause := b.Min
	for range min(failures-1, 62) {
		if pause >= b.Max {
			break
		}
		pause *= 2
	}
	return min(b.Max, time.Duration(float64(min(pause, b.Max))*(0.8+0.4*rand.Float64())))
}
