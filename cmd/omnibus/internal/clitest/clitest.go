// Package clitest runs command lines of omnibus inside the process of a test. It is for tests in packages named
// xxx_test: it imports the whole tree of commands.
package clitest

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/root"
)

// Command is a command line and its surroundings. The zero value has an empty environment and an empty standard input.
type Command struct {
	// Stdin is standard input.
	Stdin string
	// Env is the environment, of which the machine's own is no part.
	Env map[string]string
}

// Result is what a command line led to.
type Result struct {
	// Code is the exit code.
	Code int
	// Out and Err are standard output and standard error.
	Out, Err string
}

// Run runs the command line that args are and returns what came of it. The command is interrupted as by a signal when
// ctx ends with cli.ErrInterrupted as its cause.
func (c Command) Run(ctx context.Context, t testing.TB, args ...string) Result {
	t.Helper()
	var out, err bytes.Buffer
	factory := &cli.Factory{
		IO:      &cli.IO{In: strings.NewReader(c.Stdin), Out: &out, Err: cli.Serialized(&err)},
		Getenv:  func(name string) string { return c.Env[name] },
		Version: "test",
	}
	code := root.Execute(ctx, factory, args)
	return Result{Code: code, Out: out.String(), Err: err.String()}
}

// Run runs a command line with nothing on standard input and nothing in the environment.
func Run(t testing.TB, args ...string) Result {
	t.Helper()
	return Command{}.Run(t.Context(), t, args...)
}
