// Package backoff is the pause after failures in a row, for everything that tries again.
package backoff

import "time"

// Exponential is a pause that doubles, as Java's ExponentialBackoff: Min after the first failure, doubled for each further
// one, times a factor between 0.8 and 1.2, never over Max. A Max under Min makes it the constant Max.
type Exponential struct{ Min, Max time.Duration }

// After is the pause after so many failures in a row; after none it is 0. random is from [0, 1): the factor's place.
func (e Exponential) After(failures int, random float64) time.Duration {
	if failures <= 0 || e.Min <= 0 {
		return 0
	}
	pause := e.Min
	for range min(failures-1, 62) {
		if pause >= e.Max {
			break
		}
		pause *= 2
	}
	return min(e.Max, time.Duration(float64(min(pause, e.Max))*(0.8+0.4*random)))
}
