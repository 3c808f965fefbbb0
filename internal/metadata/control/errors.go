package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/authn"
)

// ErrClosed is the error of requests on a Client after Close.
var ErrClosed = errors.New("the control connections are closed")

// errThrottled is why a request waits for a broker that has asked for quiet.
var errThrottled = errors.New("throttled by the broker's request quota")

// attemptsShown bounds an error's text; all attempts are in Attempts.
const attemptsShown = 6

// Attempt is one address that was tried, and how it failed.
type Attempt struct {
	Address string
	Err     error
}

// UnreachableError says that no broker answered, and what was tried. It unwraps to the attempts' errors.
type UnreachableError struct {
	Attempts []Attempt
}

// Error names each address and its failure, at most attemptsShown of them.
func (e *UnreachableError) Error() string {
	if len(e.Attempts) == 0 {
		return "no broker answered: no address is known"
	}
	var b strings.Builder
	b.WriteString("no broker answered: tried ")
	for i, a := range e.Attempts {
		if i == attemptsShown {
			fmt.Fprintf(&b, ", and %d more", len(e.Attempts)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%v)", a.Address, a.Err)
	}
	return b.String()
}

// Permanent reports whether a broker said what asking again cannot cure: it does not let this client in. One such word is
// enough, whatever keeps the others.
func (e *UnreachableError) Permanent() bool {
	return slices.ContainsFunc(e.Attempts, func(a Attempt) bool { return authn.Permanent(a.Err) })
}

// Unwrap returns the attempts' errors.
func (e *UnreachableError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}
