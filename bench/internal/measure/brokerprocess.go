package measure

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
)

// BrokerCommand is the argument with which this program is a broker: a second one is its nullack.Config as JSON.
const BrokerCommand = "nullack"

// hello is the first line of a broker process. For each line that it then reads it writes a line of nullack.Counts; the
// end of its input is its own, so that no broker outlives a run that was killed.
type hello struct {
	Addresses   []string `json:"addresses"`
	Certificate []byte   `json:"certificate,omitempty"`
}

// ServeBroker is the broker process.
func ServeBroker(config nullack.Config, in io.Reader, out io.Writer) error {
	broker, err := nullack.Listen(config)
	if err != nil {
		return err
	}
	defer broker.Close()
	answers := json.NewEncoder(out)
	if err := answers.Encode(hello{broker.Addresses(), broker.Certificate()}); err != nil {
		return err
	}
	for questions := bufio.NewScanner(in); questions.Scan(); {
		if err := answers.Encode(broker.Counts()); err != nil {
			return err
		}
	}
	return nil
}

// brokerProcess is a broker as seen from the process that started it.
type brokerProcess struct {
	hello
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// startBroker runs this program once more, as a broker.
func startBroker(ctx context.Context, config nullack.Config) (*brokerProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	wanted, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	b := &brokerProcess{cmd: exec.CommandContext(ctx, self, BrokerCommand, string(wanted))}
	b.cmd.Stderr = os.Stderr
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	b.out = json.NewDecoder(out)
	if err := b.out.Decode(&b.hello); err != nil {
		return nil, errors.Join(fmt.Errorf("the null-ack broker did not start: %w", err), b.stop())
	}
	return b, nil
}

// counts asks the broker what arrived so far.
func (b *brokerProcess) counts() (c nullack.Counts, err error) {
	if _, err := io.WriteString(b.in, "\n"); err != nil {
		return c, err
	}
	err = b.out.Decode(&c)
	return c, err
}

// stop ends the broker and waits for its process.
func (b *brokerProcess) stop() error {
	return errors.Join(b.in.Close(), b.cmd.Wait())
}
