package serve

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/embedded"
)

const (
	day     = 24 * time.Hour
	forever = "forever"
)

// Retention is a flag's value: a duration that may be counted in days, or embedded.None for ever.
type Retention time.Duration

// String is the value as Set reads it.
func (r *Retention) String() string {
	d := time.Duration(*r)
	switch {
	case d == 0:
		return "" // not said
	case d == embedded.None:
		return forever
	case d >= day && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// Set reads "forever", a number of days such as 7d, or a duration as Go writes it.
func (r *Retention) Set(text string) error {
	if text == forever {
		*r = embedded.None
		return nil
	}
	d, err := parse(text)
	if err != nil || d < time.Millisecond {
		return errors.New("want a time such as 36h, 7d or 30m, at least 1ms, or forever")
	}
	*r = Retention(d)
	return nil
}

// parse reads days, which time.ParseDuration does not know, and everything that it knows.
func parse(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16) // 16 bits of days fit into a Duration
	return time.Duration(n) * day, err
}

// Type names the value in the help text.
func (*Retention) Type() string { return "time" }
