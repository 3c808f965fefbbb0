package completion_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// Directives as cobra's scripts know them.
const (
	anything  = ":0"
	noFiles   = ":4"
	noSpace   = ":6"
	extension = ":8"
	folders   = ":16"
)

// complete returns what the shell would be told for the line, whose last word is being typed.
func complete(t *testing.T, env map[string]string, line ...string) (words []string, directive string) {
	t.Helper()
	result := clitest.Command{Env: env}.Run(t.Context(), t, append([]string{"__complete"}, line...)...)
	lines := strings.Split(strings.TrimSuffix(result.Out, "\n"), "\n")
	if result.Code != cli.ExitOK || len(lines) == 0 {
		t.Fatalf("%q: code %d: %s%s", line, result.Code, result.Out, result.Err)
	}
	return lines[:len(lines)-1], lines[len(lines)-1]
}

func TestTopicsAreThoseOfTheCluster(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 1), kafkatest.Topic("users", 1))
	broker := cluster.Brokers()[0]
	file := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(file, []byte("bootstrap.servers="+broker+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	both := []string{"orders", "users"}
	for _, test := range []struct {
		line      []string
		env       map[string]string
		words     []string
		directive string
	}{
		{[]string{"produce", "-b", broker, ""}, nil, both, noFiles},
		{[]string{"produce", "--config", file, ""}, nil, both, noFiles},
		{[]string{"produce", "-X", "bootstrap.servers=" + broker, ""}, nil, both, noFiles},
		{[]string{"consume", ""}, map[string]string{"OMNIBUS_BROKERS": broker}, both, noFiles},
		{[]string{"explain", "-b", broker, ""}, nil, both, noFiles},
		{[]string{"doctor", "-b", broker, ""}, nil, both, noFiles},
		{[]string{"topic", "describe", "-b", broker, "orders", ""}, nil, []string{"users"}, noFiles},
		{[]string{"topic", "delete", "-b", broker, ""}, nil, both, noFiles},
		{[]string{"topic", "create", "-b", broker, ""}, nil, nil, noFiles},
		{[]string{"doctor", "-b", broker, "orders", ""}, nil, nil, noFiles},
		{[]string{"produce", "-b", broker, "orders", ""}, nil, nil, anything},
		{[]string{"produce", ""}, nil, nil, noFiles},
		{[]string{"produce", "-b", "127.0.0.1:1", ""}, nil, nil, noFiles},
		{[]string{"topic", "list", "-b", broker, ""}, nil, nil, noFiles},
	} {
		words, directive := complete(t, test.env, test.line...)
		if !slices.Equal(words, test.words) || directive != test.directive {
			t.Errorf("%q: %q and directive %s, want %q and %s", test.line, words, directive, test.words, test.directive)
		}
	}
}

func TestAnEmbeddedBrokerIsNotStartedForACompletion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if words, _ := complete(t, nil, "produce", "--embedded", "--data", dir, ""); len(words) > 0 {
		t.Errorf("words %q, want none", words)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the broker's directory came into being: %v", err)
	}
}

func TestFlagsHaveTheirValues(t *testing.T) {
	for _, test := range []struct {
		line      []string
		words     []string
		directive string
	}{
		{[]string{"produce", "--acks", ""}, []string{"all", "1", "0"}, noFiles},
		{[]string{"produce", "--compression", ""}, []string{"none", "gzip", "snappy", "lz4", "zstd"}, noFiles},
		{[]string{"doctor", "-o", ""}, []string{"text", "json"}, noFiles},
		{[]string{"consume", "-X", "linger"}, []string{"linger.ms="}, noSpace},
		{[]string{"consume", "-X", "enable.idempotence="}, []string{"enable.idempotence=true", "enable.idempotence=false"}, noFiles},
		{[]string{"consume", "-X", "sasl.oauthbearer.assertion.claim.i"}, nil, noSpace},
		{[]string{"topic", "list", "--config", ""}, []string{"properties", "conf", "config", "yaml", "yml"}, extension},
		{[]string{"consume", "--dialect", ""}, []string{"java", "librdkafka", "rpk"}, noFiles},
		{[]string{"consume", "--dialect", "librdkafka", "-X", "queue.buffering.max.m"}, []string{"queue.buffering.max.messages=", "queue.buffering.max.ms="}, noSpace},
		{[]string{"consume", "--dialect", "librdkafka", "-X", "max.block"}, []string{"max.block.ms="}, noSpace},
		{[]string{"topic", "list", "--data", ""}, nil, folders},
		{[]string{"topic", "list", "--brokers", ""}, nil, noFiles},
		{[]string{"partition-of", "--like", ""}, []string{"java", "librdkafka", "librdkafka-consistent", "librdkafka-fnv1a", "librdkafka-murmur2", "sarama", "sarama-reference"}, noFiles},
		{[]string{"config", "sh"}, []string{"show\tShow each setting's value, and with --why where it comes from"}, noFiles},
	} {
		words, directive := complete(t, nil, test.line...)
		if !slices.Equal(words, test.words) || directive != test.directive {
			t.Errorf("%q: %q and directive %s, want %q and %s", test.line, words, directive, test.words, test.directive)
		}
	}
}

func TestEachShellHasItsScript(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if result := clitest.Run(t, "completion", shell); result.Code != cli.ExitOK || !strings.Contains(result.Out, "omnibus") {
			t.Errorf("%s: code %d, %d bytes: %s", shell, result.Code, len(result.Out), result.Err)
		}
	}
}
