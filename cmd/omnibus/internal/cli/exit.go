package cli

import (
	"errors"
	"slices"
)

// Exit codes. They are an interface: scripts decide by them, so a code never changes its meaning. When several hold, the
// gravest is returned, in the order 130, 3, 5, 2, 4 (see Gravest).
const (
	// ExitOK: everything was done; for produce, every record was acknowledged.
	ExitOK = 0
	// ExitUsage: the command line, a file named on it or the configuration is wrong. Nothing was sent.
	ExitUsage = 1
	// ExitNotWritten: some records were certainly not written; sending them again cannot duplicate them.
	ExitNotWritten = 2
	// ExitFatal: no record was written, or the work was given up before its end.
	ExitFatal = 3
	// ExitBadInput: some of the input was not what it should be, and nothing worse happened.
	ExitBadInput = 4
	// ExitUnknown: for some records it is not known whether they were written.
	ExitUnknown = 5
	// ExitInterrupted: a signal ended the command.
	ExitInterrupted = 130
)

// gravity orders the codes, the gravest first.
var gravity = []int{ExitInterrupted, ExitFatal, ExitUnknown, ExitNotWritten, ExitBadInput, ExitUsage}

// Gravest returns the code to exit with when all of these hold, ExitOK if none does.
func Gravest(codes ...int) int {
	for _, code := range gravity {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return ExitOK
}

// ExitHelp is the table of exit codes for help texts.
const ExitHelp = `Exit codes:
    0  every record was acknowledged
    1  wrong usage or configuration; nothing was sent
    2  some records were not written
    3  no record was written, or the work was given up
    4  bad input
    5  for some records it is unknown whether they were written
  130  interrupted; what had been read was given a bounded time to arrive
When several hold, the first of 130, 3, 5, 2, 4 is returned.`

// ExitError ends the command with a code of its choice.
type ExitError struct {
	// Code is the exit code.
	Code int
	// Err is told to the user; nil if everything has been said already.
	Err error
}

// Error is the text of Err, empty if there is none.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// Usage makes err end the command with ExitUsage.
func Usage(err error) error { return &ExitError{Code: ExitUsage, Err: err} }

// Fatal makes err end the command with ExitFatal.
func Fatal(err error) error { return &ExitError{Code: ExitFatal, Err: err} }

// CodeOf is the exit code for the error that a command returned. An error without a code is one of usage, because that
// is what the flag parser returns.
func CodeOf(err error) int {
	if err == nil {
		return ExitOK
	}
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit.Code
	}
	return ExitUsage
}
