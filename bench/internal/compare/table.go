package compare

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes the summaries as a table for people; client is the one whose ratios to the best other are told.
func WriteTable(out io.Writer, summaries []Summary, client string) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tclient\tCPU ns/record\tmedian\tuser\tsystem\trecords/s\tmallocs\theap B\tpeak RSS less payload\twire B\tper request\tratio\t")
	for _, s := range summaries {
		ratio := ""
		if s.Client == client {
			if r := Ratio(summaries, client, s.Workload); r > 0 {
				ratio = fmt.Sprintf("%.2f", r)
			}
		}
		b := s.Best
		n := float64(b.Records)
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.4f\t%.1f\t%.1f MiB\t%.1f\t%.0f\t%s\t\n",
			s.Workload, s.Client, s.CPUNanosMin, s.CPUNanosMedian, b.UserNanos, b.SystemNanos, b.RecordsPerSecond,
			b.Mallocs, b.HeapBytes, float64(b.PeakRSSBytes-int64(b.PayloadBytes))/(1<<20),
			float64(b.Wire.Bytes)/n, n/float64(max(b.Wire.Requests, 1)), ratio)
	}
	return t.Flush()
}
