// Package cli is the bench command: run, compare, nullack.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

const usage = `bench measures what Kafka producers cost against a broker that acknowledges everything and keeps nothing.

  bench run --client NAME --workload LETTER    one run in this process; prints JSON
  bench compare --workloads A,B,F --rounds 5   interleaved runs of all clients; prints a table
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

// Main carries out a command and returns the exit code: 0, 1 for a failure, 2 for a mistake in args.
func Main(ctx context.Context, args []string, s Streams) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	var err error
	switch command {
	case compare.RunCommand:
		err = runCommand(ctx, args[1:], s)
	case "compare":
		err = compareCommand(ctx, args[1:], s)
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

// runCommand is "bench run".
func runCommand(ctx context.Context, args []string, s Streams) error {
	flags := flag.NewFlagSet("bench run", flag.ContinueOnError)
	name := flags.String("client", client.Names()[0], "`name` of the client: "+strings.Join(client.Names(), ", "))
	letter := flags.String("workload", "A", "`letter` of the workload: A to H")
	records := flags.Int("records", 0, "how many records are measured; 0 for as many as the workload says")
	nodes := flags.Int("nodes", 1, "how many brokers share the partitions")
	seed := flags.Uint64("seed", defaultSeed, "seed of the payloads")
	profile := flags.String("cpuprofile", "", "`file` for a CPU profile of the measured part")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	w, err := workload.Find(*letter)
	if err != nil {
		return mistake{err}
	}
	if *records <= 0 {
		*records = w.Records
	}
	result, err := measure.Run{
		Client: *name, Workload: w, Records: *records, Nodes: *nodes, Seed: *seed, ProfilePath: *profile,
	}.Do(ctx)
	if err != nil {
		return err
	}
	return writeJSON(s.Out, result)
}

// compareCommand is "bench compare".
func compareCommand(ctx context.Context, args []string, s Streams) error {
	flags := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	names := flags.String("clients", strings.Join(client.Names(), ","), "`names` of the clients; ratios are the first one's")
	letters := flags.String("workloads", "A,B,F", "`letters` of the workloads, or all")
	rounds := flags.Int("rounds", 5, "how often each client runs each workload")
	records := flags.Int("records", 0, "how many records are measured in a run; 0 for as many as the workload says")
	file := flags.String("json", "", "`file` for every result and the summaries")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	workloads, err := find(*letters)
	if err != nil {
		return mistake{err}
	}
	plan := compare.Plan{
		Clients: strings.Split(*names, ","), Workloads: workloads, Rounds: *rounds, Records: *records,
		Progress: func(r measure.Result) {
			fmt.Fprintf(s.Err, "%s %s: %.0f ns\n", r.Workload, r.Client, r.CPUNanos)
		},
	}
	results, err := plan.Do(ctx)
	if err != nil {
		return err
	}
	summaries := compare.Summarize(results)
	if *file != "" {
		if err := save(*file, results, summaries); err != nil {
			return err
		}
	}
	return compare.WriteTable(s.Out, summaries, plan.Clients[0])
}

// find returns the workloads with the letters.
func find(letters string) ([]workload.Workload, error) {
	if letters == "all" {
		return workload.All(), nil
	}
	var found []workload.Workload
	for letter := range strings.SplitSeq(letters, ",") {
		w, err := workload.Find(letter)
		if err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, nil
}

// save writes results and summaries to a file.
func save(path string, results []measure.Result, summaries []compare.Summary) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = writeJSON(file, map[string]any{"results": results, "summaries": summaries})
	return errors.Join(err, file.Close())
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
