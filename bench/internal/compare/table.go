package compare

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// WriteTable writes the summaries as a table for people; ours is the client whose ratios to the best rival are told.
func WriteTable(out io.Writer, summaries []Summary, ours string) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tclient\tCPU ns/record\tmedian\tuser\tsystem\trecords/s\tmallocs\theap B\tpeak RSS less payload\twire B\tper request\tp50\tp99\tratio\t")
	for _, s := range summaries {
		ratio := ""
		if w, err := workload.Find(s.Workload); err == nil && s.Client == ours {
			if r := Ratio(summaries, ours, w); r > 0 {
				ratio = fmt.Sprintf("%.2f", r)
			}
		}
		b := s.Best
		n := float64(b.Records)
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.4f\t%.1f\t%.1f MiB\t%.1f\t%.0f\t%s\t%s\t%s\t\n",
			s.Workload, s.Client, s.CPUNanosMin, s.CPUNanosMedian, b.UserNanos, b.SystemNanos, b.RecordsPerSecond,
			b.Mallocs, b.HeapBytes, float64(b.PeakRSSBytes-int64(b.PayloadBytes))/(1<<20),
			float64(b.Wire.Bytes)/n, n/float64(max(b.Wire.Requests, 1)),
			s.P50.Round(time.Microsecond), s.P99.Round(time.Microsecond), ratio)
	}
	return t.Flush()
}
