// Command compare sends the lines of a file with several configurations and shows what each makes of them.
//
//	go run ./examples/compare -brokers localhost:9092 -topic tuning examples/orders.ndjson linger.ms=0 linger.ms=20,compression.type=zstd
//
// Every argument behind the file is a configuration: settings by their Java names, separated by commas. With -rate, lines are
// sent at that rate, which is how lingering shows; without it, as fast as it goes.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

func main() {
	brokers := flag.String("brokers", "localhost:9092", "`addresses` of the cluster, separated by commas")
	topic := flag.String("topic", "tuning", "`name` of the topic to write to")
	repeat := flag.Int("repeat", 1, "how many `times` the file is sent")
	rate := flag.Int("rate", 0, "`records` a second; 0 for as fast as it goes")
	flag.Parse()
	if flag.NArg() < 2 {
		log.Fatal("want a file and one configuration or more, such as linger.ms=20,compression.type=zstd")
	}
	text, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	l := load{*topic, bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")), *repeat, *rate}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTINGS\tRECORDS/S\tRECORDS A BATCH\tREQUESTS\tBYTES SENT\tACK P50\tACK P99\tNOT ACKED")
	for _, settings := range flag.Args()[1:] {
		row, err := l.run(*brokers, settings)
		if err != nil {
			log.Fatalf("%s: %v", settings, err)
		}
		fmt.Fprintln(table, row)
	}
	table.Flush()
}

// load is what is sent with each configuration.
type load struct {
	topic  string
	lines  [][]byte
	repeat int
	rate   int
}

// run sends everything with one configuration and returns its row of the table.
func (l *load) run(brokers, settings string) (string, error) {
	config := omnibus.Config{Brokers: strings.Split(brokers, ","), Topics: map[string]omnibus.TopicConfig{l.topic: {}}}
	for setting := range strings.SplitSeq(settings, ",") {
		name, value, _ := strings.Cut(setting, "=")
		if _, err := config.Set(name, value); err != nil {
			return "", err
		}
	}
	ctx := context.Background()
	p, err := omnibus.Open(ctx, config)
	if err != nil {
		return "", err
	}
	if err := p.Ready(ctx); err != nil {
		return "", err
	}
	began := time.Now()
	if err := l.send(ctx, p, began); err != nil {
		return "", err
	}
	if err := p.Close(); err != nil {
		return "", err
	}
	took, s := time.Since(began), p.Stats()
	var batches int64
	for _, n := range s.Batches {
		batches += n
	}
	return fmt.Sprintf("%s\t%.0f\t%.1f\t%d\t%d (%.2f)\t%v\t%v\t%d", settings,
		float64(s.Acked)/took.Seconds(), float64(s.Accepted)/float64(max(batches, 1)), s.Requests,
		s.WireBytes, float64(s.WireBytes)/float64(max(s.RecordsBytes, 1)),
		s.AckLatency.Quantile(0.5).Round(10*time.Microsecond), s.AckLatency.Quantile(0.99).Round(10*time.Microsecond),
		s.NotWritten+s.Unknown), nil
}

// send enqueues everything, each record when it is due.
func (l *load) send(ctx context.Context, p *omnibus.Producer, began time.Time) error {
	due := time.NewTimer(0)
	defer due.Stop()
	for i := range l.repeat * len(l.lines) {
		if l.rate > 0 {
			due.Reset(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(l.rate))))
			<-due.C
		}
		if _, err := p.Enqueue(ctx, omnibus.Record{Topic: l.topic, Value: l.lines[i%len(l.lines)]}); err != nil {
			return err
		}
	}
	return nil
}
