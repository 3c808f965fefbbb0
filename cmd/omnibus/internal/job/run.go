package job

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dlq"
)

// leaveAfter is how long after an interrupt the process ends whatever holds it up, such as a standard output that nobody
// reads.
const leaveAfter = interruptedFlush + lastOutcomes + 5*time.Second

// farewellTime is how long the last words before that may take.
const farewellTime = time.Second

// besideBuffer is the memory that the program needs beside buffer.memory, with room to spare: 20 MiB were seen for inputs of
// all kinds. Told of it, the garbage collector works harder before it takes more.
const besideBuffer = 30 << 20

// Work is what there is to do.
type Work struct {
	// Topic is where all records go; empty for the topic that each names.
	Topic string
	// Connect finds the cluster.
	Connect *connect.Flags
	// Flags say how.
	Flags *Flags
	// Open opens the source. No record may have more than recordBytesMax bytes (max.request.size). Its errors are errors
	// of usage.
	Open func(recordBytesMax int) (Source, error)
	// Reads reports whether the work reads the file that is open as dead-letter file, which would then have no end.
	Reads func(*dlq.File) bool
}

// Run does the work: it finds the cluster, sends every record, waits for every outcome and sums up. The error carries the
// exit code.
func (w *Work) Run(ctx context.Context, f *cli.Factory) (err error) {
	j := &job{flags: w.Flags, topic: w.Topic, factory: f}
	settings, err := j.configure()
	if err != nil {
		return cli.Usage(err)
	}
	target, err := w.Connect.Open(ctx, f, settings...)
	if err != nil {
		return err
	}
	defer func() { err = Closing(f, err, target.Close()) }()
	target.Log(f.Logger())
	if f.LimitMemory != nil && !w.Connect.Embedded {
		f.LimitMemory(int64(javaNumber(target.Config, "buffer.memory")) + besideBuffer)
	}
	j.patience = time.Duration(javaNumber(target.Config, "delivery.timeout.ms")) * time.Millisecond
	if j.source, err = w.Open(javaNumber(target.Config, "max.request.size")); err != nil {
		return cli.Usage(err)
	}
	defer j.source.Close()
	if err := j.openLetters(w); err != nil {
		return cli.Usage(err)
	}
	if w.Topic != "" { // its name is checked, and its metadata fetched, before the first record comes
		target.Config.Topics = map[string]omnibus.TopicConfig{w.Topic: {}}
	}
	if j.producer, err = omnibus.Open(ctx, target.Config); err != nil {
		return cli.Usage(err)
	}
	j.errors = &errorPrinter{out: f.IO.Err, origin: j.source.Origin}
	defer j.letters.Close()
	defer j.boundEnd(ctx)()
	summary := j.run(ctx)
	if err := j.letters.Close(); err != nil {
		j.errors.always(err.Error())
	}
	summary.trouble.letters, summary.trouble.lost = j.letters.Counts()
	j.errors.close()
	summary.Cluster = target.Cluster
	return summary.report(f.IO, w.Flags.Summary)
}

// configure checks the flags and makes of them what they stand for.
func (j *job) configure() ([]connect.Setting, error) {
	settings, err := j.flags.settings()
	errs := []error{j.flags.check(), err}
	j.pace, err = parseRate(j.flags.Rate)
	errs = append(errs, err)
	j.acks, err = parseFormat(j.flags.Output, j.factory.IO.Out)
	errs = append(errs, err)
	j.tally = &tally{}
	if j.flags.Sync {
		j.tally.single = make(chan struct{}, 1)
	}
	j.own.topics = make(map[string]*topicTally)
	return settings, errors.Join(errs...)
}

// openLetters opens the dead-letter file, if one was asked for.
func (j *job) openLetters(w *Work) error {
	if j.flags.DLQ == "" {
		return nil
	}
	letters, err := dlq.Open(j.flags.DLQ)
	if err != nil {
		return fmt.Errorf("--dlq: %w", err)
	}
	if w.Reads != nil && w.Reads(letters) {
		return errors.Join(fmt.Errorf("--dlq is %s, which is being read: name another file", j.flags.DLQ), letters.Close())
	}
	j.letters = letters
	return nil
}

// boundEnd makes the process end in time after an interrupt, whatever holds it up. The function returned says that it has
// come to its end by itself.
func (j *job) boundEnd(ctx context.Context) (ended func()) {
	done := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		select {
		case <-done:
		case <-time.After(leaveAfter):
			j.farewell("interrupted, and held up by an output that takes nothing: left without a summary")
			j.factory.Leave(cli.ExitInterrupted)
		}
	})
	return func() {
		forget()
		close(done)
	}
}

// farewell tells the user, unless it is standard error itself that takes nothing.
func (j *job) farewell(text string) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		j.errors.always(text)
	}()
	select {
	case <-told:
	case <-time.After(farewellTime):
	}
}

// Closing joins the error of a command, which may be nothing but an exit code, with that of closing its cluster.
func Closing(f *cli.Factory, err, closed error) error {
	if closed == nil {
		return err
	}
	if err != nil && err.Error() != "" {
		fmt.Fprintf(f.IO.Err, "omnibus: %v\n", err)
	}
	return &cli.ExitError{Code: cli.Gravest(cli.CodeOf(err), cli.ExitFatal), Err: closed}
}

// javaNumber is the value of a setting that is a number, after all defaults.
func javaNumber(config omnibus.Config, name string) int {
	for _, property := range config.Properties() {
		if property.Name == name {
			n, _ := strconv.Atoi(property.Value) // invariant: the configuration is valid
			return n
		}
	}
	return 0
}
