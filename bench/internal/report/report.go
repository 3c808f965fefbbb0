// Package report writes what was measured for people: a page of tables, and a chart for the README. It says everything
// that was measured, the ratios that are lost included, and what could not be measured.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// Report is what was measured.
type Report struct {
	// Quick says that it was a short look.
	Quick bool
	// Day is when, Took how long.
	Day     time.Time
	Took    time.Duration
	Machine Machine
	// Candidates are the clients, ours first.
	Candidates []compare.Candidate
	Workloads  []workload.Workload
	Results    []measure.Result
	// Kafka is the version of the real cluster, "" if there was none; NoKafka says why.
	Kafka, NoKafka string
	// Failures are the runs that failed.
	Failures []error
}

// page writes a Report.
type page struct {
	Report
	summaries []compare.Summary
	ours      string
	out       strings.Builder
}

// WriteMarkdown writes the page.
func (r Report) WriteMarkdown(out io.Writer) error {
	p := page{Report: r, summaries: compare.Summarize(r.Results), ours: r.Candidates[0].Name}
	p.head()
	p.ratios()
	p.onKafka()
	p.figures()
	p.method()
	p.differences()
	p.gaps()
	_, err := io.WriteString(out, p.out.String())
	return err
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

func (p *page) row(cells ...string) { p.line("| %s |", strings.Join(cells, " | ")) }

// table writes a heading; columns that begin with ">" are numbers.
func (p *page) table(columns ...string) {
	rules := make([]string, len(columns))
	for i, column := range columns {
		rules[i] = "---"
		if name, number := strings.CutPrefix(column, ">"); number {
			columns[i], rules[i] = name, "--:"
		}
	}
	p.row(columns...)
	p.row(rules...)
}

func (p *page) head() {
	p.line("# What producing costs\n")
	target := "bench"
	if p.Quick {
		target = "bench-quick"
	}
	p.line("Written by `make %s`; not to be edited. %s, in %s.", target, p.Day.Format("2 January 2006"), p.Took.Round(time.Second))
	if p.Quick {
		p.line("\n**A quick look: few and short runs. `make bench` takes its time.**")
	}
	p.line("\n![CPU time a record, as a multiple of omnibus's](docs/bench.svg)\n")
}

// ran reports whether ours has a summary for the workload.
func (p *page) ran(w workload.Workload) bool {
	_, ok := compare.Of(p.summaries, p.ours, w.ID)
	return ok
}

// ratios is the table that matters.
func (p *page) ratios() {
	p.line("## CPU time\n")
	p.line("CPU nanoseconds a record, user and system, of the producing process: the least of the rounds. Everybody sends the same records")
	p.line("with the same settings (J: with their own defaults) to a broker that acknowledges at once. Below 1.00 %s is the cheaper one.\n", p.ours)
	p.table("", "workload", ">"+p.ours, "best rival", ">its ns", ">ratio", "", ">wire bytes", ">floor", ">of the floor")
	for _, w := range p.Workloads {
		if !w.Kafka && p.ran(w) {
			p.ratio(w)
		}
	}
	p.line("\nWire bytes are %s's against that rival's. The floor is a ruler, not a producer: see bench/internal/floor.\n", p.ours)
}

func (p *page) ratio(w workload.Workload) {
	own, _ := compare.Of(p.summaries, p.ours, w.ID)
	cells := []string{w.ID, w.Title, nanos(own.CPUNanosMin), "-", "-", "-", "", "-", "-", "-"}
	if rival, ok := compare.BestRival(p.summaries, p.ours, w); ok {
		ratio := own.CPUNanosMin / rival.CPUNanosMin
		cells[3], cells[4], cells[5] = rival.Client, nanos(rival.CPUNanosMin), fmt.Sprintf("**%.2f**", ratio)
		if ratio > 1 {
			cells[6] = "lost"
		}
		if theirs := wireBytes(rival.Best); theirs > 0 {
			cells[7] = fmt.Sprintf("%.2f", wireBytes(own.Best)/theirs)
		}
	}
	if floor, ok := compare.Of(p.summaries, client.FloorName, w.ID); ok {
		cells[8], cells[9] = nanos(floor.CPUNanosMin), fmt.Sprintf("%.2f", own.CPUNanosMin/floor.CPUNanosMin)
	}
	p.row(cells...)
}

func wireBytes(r measure.Result) float64 { return float64(r.Wire.Bytes) / float64(max(r.Records, 1)) }

// nanos writes a figure without places that nobody needs.
func nanos(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// figures are all of them, workload by workload.
func (p *page) figures() {
	p.line("## All figures\n")
	p.line("CPU: nanoseconds a record, the least and the median of the rounds; the other figures are those of the round with the least. Heap: objects and")
	p.line("bytes allocated for each record. Memory: the process's peak, less the payloads. Wire: bytes for each record, records for each request.\n")
	for _, w := range p.Workloads {
		if p.ran(w) {
			p.workload(w)
		}
	}
}

func (p *page) workload(w workload.Workload) {
	p.line("### %s: %s\n", w.ID, w.Title)
	p.table("client", ">CPU", ">median", ">user", ">system", ">records/s", ">heap objects", ">heap bytes", ">memory MiB", ">wire bytes", ">a request", ">rounds")
	for _, c := range p.Candidates {
		s, ok := compare.Of(p.summaries, c.Name, w.ID)
		if !ok {
			continue
		}
		b := s.Best
		cells := []string{c.Name, nanos(s.CPUNanosMin), nanos(s.CPUNanosMedian), nanos(b.UserNanos), nanos(b.SystemNanos), nanos(b.RecordsPerSecond),
			"-", "-", fmt.Sprintf("%.0f", float64(b.PeakRSSBytes-int64(b.PayloadBytes))/(1<<20)), "-", "-", fmt.Sprint(s.Rounds)}
		if b.Mallocs >= 0 {
			cells[6], cells[7] = fmt.Sprintf("%.4f", b.Mallocs), fmt.Sprintf("%.1f", b.HeapBytes)
		}
		if b.Wire.Requests > 0 {
			cells[9], cells[10] = fmt.Sprintf("%.1f", wireBytes(b)), nanos(float64(b.Records)/float64(b.Wire.Requests))
		}
		p.row(cells...)
	}
	p.line("")
	if !w.Defaults {
		return
	}
	for _, c := range p.Candidates {
		if c.Defaults != "" {
			p.line("- %s: %s", c.Name, c.Defaults)
		}
	}
	p.line("")
}

// differences says in what the clients could not be set alike.
func (p *page) differences() {
	p.line("## Settings that a client cannot match\n")
	p.table("client", "setting", "what it has instead")
	for _, c := range p.Candidates {
		for _, d := range c.Differences {
			p.row(c.Name, d.Setting, d.Why)
		}
	}
	p.line("")
}

// gaps says what is not on the page.
func (p *page) gaps() {
	var gaps []string
	for _, c := range p.Candidates {
		if c.Missing != "" {
			gaps = append(gaps, fmt.Sprintf("%s, in all workloads: %s", c.Name, c.Missing))
		}
		gaps = append(gaps, declined(c, p.Workloads)...)
	}
	if p.NoKafka != "" {
		gaps = append(gaps, "the workloads on real Kafka: "+p.NoKafka)
	}
	for _, err := range p.Failures {
		first, _, _ := strings.Cut(err.Error(), "\n")
		gaps = append(gaps, "failed: "+first)
	}
	if len(gaps) == 0 {
		return
	}
	p.line("## What was not measured\n")
	for _, gap := range gaps {
		p.line("- %s", gap)
	}
}

// declined lists the workloads that a client does not run, by reason.
func declined(c compare.Candidate, workloads []workload.Workload) []string {
	var reasons []string
	letters := make(map[string][]string)
	for _, w := range workloads {
		if why := c.Declined[w.ID]; why != "" {
			if letters[why] == nil {
				reasons = append(reasons, why)
			}
			letters[why] = append(letters[why], w.ID)
		}
	}
	for i, why := range reasons {
		reasons[i] = fmt.Sprintf("%s, in %s: %s", c.Name, strings.Join(letters[why], ", "), why)
	}
	return reasons
}
