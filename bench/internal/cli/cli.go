// Package cli is the bench command: run, compare, clients, nullack, report. Programs with other clients share it: they hand
// Main theirs.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

const usage = `bench measures what Kafka producers cost against a broker that acknowledges everything and keeps nothing, and on
real Kafka.

  bench run --client NAME --workload LETTER    one run in this process; prints JSON
  bench compare --workloads A,B,F --rounds 5   interleaved runs of all clients; prints a table
  bench report --markdown FILE --chart FILE    the same for all workloads, as a report
  bench clients                                the clients of this program, as JSON
  bench nullack '{"Nodes":1,"Topics":[{"Name":"t","Partitions":6}]}'
                                               the broker alone, until its standard input ends

Each command explains its flags with -h.
`

// defaultSeed makes the payloads of every run the same.
const defaultSeed = 20_220_315

// Streams are a command's standard input, output and error.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main carries out a command with the clients of a program, and returns the exit code: 0, 1 for a failure, 2 for a mistake
// in args.
func Main(ctx context.Context, args []string, s Streams, clients []drive.Contender) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	var err error
	switch command {
	case compare.RunCommand:
		err = runCommand(ctx, args[1:], s, clients)
	case "compare":
		err = compareCommand(ctx, args[1:], s)
	case "report":
		err = reportCommand(ctx, args[1:], s)
	case compare.ClientsCommand:
		err = writeJSON(s.Out, candidates(clients))
	case measure.BrokerCommand:
		err = brokerCommand(args[1:], s)
	case "help", "-h", "--help":
		fmt.Fprint(s.Out, usage)
		return 0
	default:
		fmt.Fprint(s.Err, usage)
		return 2
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(mistake)):
		fmt.Fprintln(s.Err, "bench:", err)
		return 2
	case err != nil:
		fmt.Fprintln(s.Err, "bench:", err)
		return 1
	}
	return 0
}

// mistake is an error of whoever typed the command.
type mistake struct{ error }

// parse reads flags, and refuses anything after them.
func parse(flags *flag.FlagSet, args []string, s Streams) error {
	flags.SetOutput(s.Err)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return mistake{err}
	}
	if flags.NArg() > 0 {
		return mistake{fmt.Errorf("%q: wanted flags only", flags.Arg(0))}
	}
	return nil
}

// candidates describes a program's clients.
func candidates(clients []drive.Contender) []compare.Candidate {
	var all []compare.Candidate
	for _, c := range clients {
		candidate := compare.Candidate{
			Name: c.Name, Version: c.Version, Differences: c.Differences, Defaults: c.Defaults, Missing: c.Missing,
			Declined: make(map[string]string),
		}
		for _, w := range workload.All() {
			if why := c.Declined(w); why != "" {
				candidate.Declined[w.ID] = why
			}
		}
		all = append(all, candidate)
	}
	return all
}

func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// brokerCommand is "bench nullack".
func brokerCommand(args []string, s Streams) error {
	if len(args) != 1 {
		return mistake{errors.New("nullack: wanted one argument, a configuration as JSON")}
	}
	var config nullack.Config
	if err := json.Unmarshal([]byte(args[0]), &config); err != nil {
		return mistake{fmt.Errorf("nullack: %q: %w", args[0], err)}
	}
	return measure.ServeBroker(config, s.In, s.Out)
}
