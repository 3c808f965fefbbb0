package cli_test

import (
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
)

func TestAFlagThatIsEmptyIsNotTakenForOneThatWasNotGiven(t *testing.T) {
	for _, line := range []string{
		"produce t -b localhost:1 --dlq", "produce t -b localhost:1 --key", "produce t -b localhost:1 --acks", "produce t --brokers",
		"produce t -b localhost:1 --config", "replay f -b localhost:1 --topic", "consume t -b localhost:1 --offset", "serve --data",
	} {
		args := append(strings.Fields(line), "")
		if r := clitest.Run(t, args...); r.Code != cli.ExitUsage || !strings.Contains(r.Err, args[len(args)-2]+" is empty") {
			t.Errorf("%s \"\": exit code %d, %s", line, r.Code, r.Err)
		}
	}
	for _, line := range []string{"explain t --line", "explain t --fixed-key", "explain t --null-marker"} {
		if r := clitest.Run(t, append(strings.Fields(line), "")...); strings.Contains(r.Err, "is empty: say") {
			t.Errorf("%s \"\" means something and is refused: %s", line, r.Err)
		}
	}
}
