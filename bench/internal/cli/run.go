package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// spanDefault is how long a run's measured part takes, about.
const spanDefault = time.Second

// runCommand is "bench run".
func runCommand(ctx context.Context, args []string, s Streams, clients []drive.Contender) error {
	var names []string
	for _, c := range clients {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return errors.New("this program was built without its clients")
	}
	flags := flag.NewFlagSet("bench run", flag.ContinueOnError)
	name := flags.String("client", names[0], "`name` of the client: "+strings.Join(names, ", "))
	letter := flags.String("workload", "A", "`letter` of the workload")
	records := flags.Int("records", 0, "how many records are measured; 0 for as many as the client sends in --span")
	span := flags.Duration("span", spanDefault, "how long to measure, without --records")
	brokers := flags.String("brokers", "", "`addresses` of a real cluster, comma-separated, instead of a null-ack broker")
	nodes := flags.Int("nodes", 1, "how many null-ack brokers share the partitions")
	seed := flags.Uint64("seed", defaultSeed, "seed of the payloads")
	profile := flags.String("cpuprofile", "", "`file` for a CPU profile of the measured part")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	w, err := workload.Find(*letter)
	if err != nil {
		return mistake{err}
	}
	i := slices.Index(names, *name)
	if i < 0 {
		return mistake{fmt.Errorf("client %q: wanted one of %s", *name, strings.Join(names, ", "))}
	}
	result, err := measure.Run{
		Contender: clients[i], Workload: w, Records: *records, Span: *span, Brokers: list(*brokers),
		Nodes: *nodes, Seed: *seed, ProfilePath: *profile,
	}.Do(ctx)
	if err != nil {
		return err
	}
	return writeJSON(s.Out, result)
}

// list splits at commas; of nothing it makes nothing.
func list(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, ",")
}

// compareCommand is "bench compare".
func compareCommand(ctx context.Context, args []string, s Streams) error {
	flags := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	names := flags.String("clients", "all", "`names` of the clients, or all; ratios are the first one's")
	letters := flags.String("workloads", "A,B,F", "`letters` of the workloads, or all that need no real cluster")
	rounds := flags.Int("rounds", 5, "how often each client runs each workload")
	pairs := flags.Int("pairs", 0, "how often the first client and the best other run each workload after that")
	records := flags.Int("records", 0, "how many records are measured in a run; 0 for as many as a client sends in --span")
	span := flags.Duration("span", spanDefault, "how long a run measures, without --records")
	brokers := flags.String("brokers", "", "`addresses` of the real cluster, for workloads that run on one")
	file := flags.String("json", "", "`file` for every result and the summaries")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	workloads, err := find(*letters)
	if err != nil {
		return mistake{err}
	}
	all, err := compare.Candidates(ctx)
	if err != nil {
		return err
	}
	chosen, err := choose(all, *names)
	if err != nil {
		return mistake{err}
	}
	plan := compare.Plan{
		Candidates: chosen, Workloads: workloads, Rounds: *rounds, PairRounds: *pairs, Records: *records, Span: *span,
		Brokers: list(*brokers), Progress: progress(s),
	}
	results, failures := plan.Do(ctx)
	summaries := compare.Summarize(results)
	if *file != "" {
		if err := save(*file, results, summaries); err != nil {
			return err
		}
	}
	return errors.Join(compare.WriteTable(s.Out, summaries, chosen[0].Name), failures)
}

// progress writes a line for each result.
func progress(s Streams) func(measure.Result) {
	return func(r measure.Result) {
		fmt.Fprintf(s.Err, "%s %s: %.0f ns, %.0f records/s\n", r.Workload, r.Client, r.CPUNanos, r.RecordsPerSecond)
	}
}

// choose returns the candidates with the names, in that order.
func choose(all []compare.Candidate, names string) ([]compare.Candidate, error) {
	if names == "all" {
		return all, nil
	}
	var chosen []compare.Candidate
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(c compare.Candidate) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no client %q", name)
		}
		if why := all[i].Missing; why != "" {
			return nil, fmt.Errorf("client %q cannot run here: %s", name, why)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// find returns the workloads with the letters.
func find(letters string) ([]workload.Workload, error) {
	if letters == "all" {
		return slices.DeleteFunc(workload.All(), func(w workload.Workload) bool { return w.Kafka }), nil
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
