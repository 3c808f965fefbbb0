package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/cli"
	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func clients() []drive.Contender { return []drive.Contender{{Maker: client.Maker{Name: "nobody"}}} }

func TestMistakesExitWithTwo(t *testing.T) {
	for _, args := range [][]string{
		nil, {"walk"}, {"run", "--workload", "Z"}, {"run", "--no-such-flag"}, {"run", "--client", "somebody"}, {"run", "extra"},
		{"compare", "--workloads", "A,Z"}, {"nullack"}, {"nullack", "{"},
	} {
		var out, complaints bytes.Buffer
		if code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &complaints}, clients()); code != 2 {
			t.Errorf("%q: exit code %d", args, code)
		}
		if out.Len() > 0 || complaints.Len() == 0 {
			t.Errorf("%q: wrote %q, complained %q", args, &out, &complaints)
		}
	}
}

func TestBrokerAnswersEachLineWithItsCounts(t *testing.T) {
	var out, complaints bytes.Buffer
	args := []string{"nullack", `{"Nodes":2,"Topics":[{"Name":"t","Partitions":6}]}`}
	if code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader("\n\n"), Out: &out, Err: &complaints}, clients()); code != 0 {
		t.Fatalf("exit code %d: %s", code, &complaints)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || strings.Count(lines[0], "127.0.0.1:") != 2 || !strings.Contains(lines[2], `"records":0`) {
		t.Errorf("wrote %q", lines)
	}
}
