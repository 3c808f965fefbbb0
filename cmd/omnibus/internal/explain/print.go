package explain

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
)

// print writes the explanation for people. Errors stay with out, whose owner flushes it.
func (e *explanation) print(out io.Writer) {
	fmt.Fprintf(out, "record: %d bytes, as the first of its batch\n", e.RecordBytes)
	table := newTable(out)
	for _, f := range e.Fields {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", f.Name, f.Hex, f.Means)
	}
	table.Flush()
	fmt.Fprintf(out, "batch: %d bytes with this record alone, 61 of them its header, before compression\n", e.BatchBytes)

	fmt.Fprintf(out, "\npartition: %s, of %d\n  %s\n", e.partition(), e.Partitions, e.Rule)
	for _, step := range e.Steps {
		fmt.Fprintf(out, "    %s\n", step)
	}
	if e.Leader != nil {
		fmt.Fprintf(out, "leader: %s\n", e.Leader)
	}

	fmt.Fprintln(out, "\nlimits:")
	table = newTable(out)
	for _, l := range e.Limits {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", l.Name, l.value(), l.Says)
	}
	table.Flush()
	for _, note := range e.Notes {
		fmt.Fprintf(out, "\nnote: %s\n", note)
	}
	fmt.Fprintln(out, "\nNothing was sent.")
}

func newTable(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

// partition is the record's partition in words.
func (e *explanation) partition() string {
	if e.Partition == nil {
		return "any"
	}
	return strconv.Itoa(int(*e.Partition))
}

// value is the limit's number.
func (l *limit) value() string {
	if l.Bytes < 0 {
		return "?"
	}
	return strconv.FormatInt(l.Bytes, 10)
}

// String is the leader on one line.
func (l *leader) String() string {
	text := "none"
	if l.Address != "" {
		text = fmt.Sprintf("broker %d at %s, epoch %d", l.ID, l.Address, l.Epoch)
	}
	return fmt.Sprintf("%s; replicas %s; in sync %s", text, admin.IDs(l.Replicas), admin.IDs(l.InSync))
}
