package kafkatest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// consumerSilenceMs ends a ConsoleConsumer that was given no end.
const consumerSilenceMs = "10000"

// Java runs a main class of Kafka's jars and returns what it wrote to its standard
// output. The test fails if it ends with another status than 0. The tools lie in
// org.apache.kafka.tools (TopicCommand, ProducerPerformance, VerifiableProducer …).
func Java(t testing.TB, mainClass string, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := runJava(t, nil, &out, append([]string{mainClass}, args...)); err != nil {
		t.Fatalf("kafkatest: %s: %v", mainClass, err)
	}
	return out.Bytes()
}

// RunJavaSource compiles and runs a Java program of one file against Kafka's jars,
// with stdin (or nil) as its standard input, and returns its standard output. The
// test fails if it does not compile or ends with another status than 0. With it
// a test asks Kafka's own client classes: which partition, which bytes.
func RunJavaSource(t testing.TB, file string, stdin io.Reader, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := runJava(t, stdin, &out, append([]string{file}, args...)); err != nil {
		t.Fatalf("kafkatest: %s: %v", filepath.Base(file), err)
	}
	return out.Bytes()
}

// ConsoleConsumer reads a topic with Kafka's own consumer and returns the path of
// a file with one line for each record, which lives as long as the test. It goes
// to disk as it comes: many millions of records are well.
//
// Without arguments that say otherwise it reads from the beginning until no
// record has come for 10 seconds (--timeout-ms). Give --max-messages to end as soon as
// the last one is read, and for more than the value
//
//	"--formatter-property", "print.key=true"
//
// and so on for print.partition, print.offset, print.timestamp, print.headers,
// null.literal. They come tab-separated, in the order CreateTime:…, Partition:…,
// Offset:…, headers, key, value.
func ConsoleConsumer(t testing.TB, bootstrap, topic string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "consumed.txt")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := []string{"org.apache.kafka.tools.consumer.ConsoleConsumer",
		"--bootstrap-server", bootstrap, "--topic", topic}
	if !hasFlag(args, "--offset") {
		all = append(all, "--from-beginning")
	}
	if !hasFlag(args, "--timeout-ms") {
		all = append(all, "--timeout-ms", consumerSilenceMs)
	}
	if err := runJava(t, nil, file, append(all, args...)); err != nil {
		t.Fatalf("kafkatest: ConsoleConsumer: %v", err)
	}
	return path
}

// ConsoleProducer writes the lines of input to a topic with Kafka's own producer, a
// record each, and returns when all are acknowledged. For keys and more give
//
//	"--reader-property", "parse.key=true"
//
// and so on for key.separator (a tab), parse.headers, null.marker.
func ConsoleProducer(t testing.TB, bootstrap, topic string, input io.Reader, args ...string) {
	t.Helper()
	all := []string{"org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", bootstrap, "--topic", topic}
	if err := runJava(t, input, io.Discard, append(all, args...)); err != nil {
		t.Fatalf("kafkatest: ConsoleProducer: %v", err)
	}
}

func hasFlag(args []string, flag string) bool {
	for _, arg := range args {
		if arg == flag || strings.HasPrefix(arg, flag+"=") {
			return true
		}
	}
	return false
}

// runJava runs java with Kafka's jars and args, the first of which is a class or a
// source file.
func runJava(t testing.TB, stdin io.Reader, stdout io.Writer, args []string) error {
	t.Helper()
	tool := realkafka.Tool{Dir: t.TempDir(), Stdin: stdin, Stdout: stdout, Args: args}
	return install(t).Run(t.Context(), tool)
}

// pipeJava starts java and hands its output to read while it runs.
func pipeJava(t testing.TB, args []string, read func(io.Reader) error) error {
	t.Helper()
	from, to := io.Pipe()
	parsed := make(chan error, 1)
	go func() {
		err := read(from)
		from.CloseWithError(err) // the program stops at a reader that gave up
		parsed <- err
	}()
	err := runJava(t, nil, to, args)
	to.Close()
	if parseErr := <-parsed; parseErr != nil {
		return parseErr
	}
	return err
}
