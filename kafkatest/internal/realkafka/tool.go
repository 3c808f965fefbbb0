package realkafka

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/process"
)

// stderrTailLines is how much of a failed tool's complaints an error shows.
const stderrTailLines = 40

// Tool is one run of a Java program against Kafka's jars.
type Tool struct {
	Dir    string // for files that the run needs
	Stdin  io.Reader
	Stdout io.Writer
	Args   []string // the first is a main class or a source file
}

// Run runs the tool to its end, or kills it when ctx ends. Its error ends with the
// last lines of standard error.
func (i Installation) Run(ctx context.Context, tool Tool) error {
	log4j := filepath.Join(tool.Dir, log4jFile)
	if err := os.WriteFile(log4j, []byte(toolLog4jProperties), 0o644); err != nil {
		return err
	}
	cmd := i.command(ctx, append(fastFlags(), "-Dlog4j2.configurationFile="+log4j), tool.Args...)
	var stderr tailWriter
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tool.Stdin, tool.Stdout, &stderr
	cmd.WaitDelay = time.Second // for a stdin that does not end when the program does
	if err := process.Run(cmd); err != nil {
		return fmt.Errorf("%w\n%s", err, lastLines(string(stderr.kept), stderrTailLines))
	}
	return nil
}

// toolLog4jProperties sends a tool's log to standard error, away from its results.
const toolLog4jProperties = `status = error
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.err.ref = err
`

// tailWriter keeps the last tailBytesMax bytes written to it, or up to twice that.
type tailWriter struct{ kept []byte }

const tailBytesMax = 64 << 10

func (w *tailWriter) Write(p []byte) (int, error) {
	w.kept = append(w.kept, p...)
	if len(w.kept) > 2*tailBytesMax {
		w.kept = append([]byte(nil), w.kept[len(w.kept)-tailBytesMax:]...)
	}
	return len(p), nil
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}
