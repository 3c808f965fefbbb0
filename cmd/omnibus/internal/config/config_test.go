package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
)

// writeFile writes a .properties file and returns its path.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheGroupAloneIsUsage(t *testing.T) {
	for _, args := range [][]string{{"config"}, {"config", "shwo"}} {
		if got := clitest.Run(t, args...); got.Code != cli.ExitUsage || got.Out != "" {
			t.Errorf("%q: code %d, output %q, standard error %q", args, got.Code, got.Out, got.Err)
		}
	}
}

// columns returns the three columns of the table, by name.
func columns(t *testing.T, out string) map[string][2]string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	second, third := strings.Index(lines[0], "VALUE"), strings.Index(lines[0], "ORIGIN")
	if second < 0 || third < 0 {
		t.Fatalf("no head of a table in %q", out)
	}
	table := make(map[string][2]string)
	for _, line := range lines[1:] {
		table[strings.TrimSpace(line[:second])] = [2]string{strings.TrimSpace(line[second:third]), line[third:]}
	}
	return table
}

func TestWhyNamesEachOrigin(t *testing.T) {
	file := writeFile(t, "# for everybody\nbootstrap.servers=file:1\nlinger.ms=11\nacks=1\nretry.backoff.ms = 5000\nlinger.ms=12\n")
	command := clitest.Command{Env: map[string]string{"OMNIBUS_BROKERS": "env:1"}}
	for _, test := range []struct {
		name string
		args []string
		row  string
		want [2]string
	}{
		{"default", nil, "batch.size", [2]string{"16384", "default"}},
		{"file", []string{"--config", file}, "acks", [2]string{"1", file + ":4"}},
		{"the file's last line", []string{"--config", file}, "linger.ms", [2]string{"12", file + ":6, over " + file + ":3"}},
		{"environment", nil, "bootstrap.servers", [2]string{"env:1", "OMNIBUS_BROKERS"}},
		{"environment over file", []string{"--config", file}, "bootstrap.servers", [2]string{"env:1", "OMNIBUS_BROKERS, over " + file + ":2"}},
		{"-X over file", []string{"--config", file, "-X", "linger.ms=0"}, "linger.ms", [2]string{"0", "-X, over " + file + ":6, " + file + ":3"}},
		{"flag over all", []string{"--config", file, "-b", "flag:1", "-X", "bootstrap.servers=x:1"}, "bootstrap.servers",
			[2]string{"flag:1", "--brokers, over -X, OMNIBUS_BROKERS, " + file + ":2"}},
		{"embedded", []string{"--embedded"}, "bootstrap.servers",
			[2]string{"", "--embedded, over OMNIBUS_BROKERS: its broker chooses a free port when it starts"}},
		{"implied", []string{"--config", file}, "enable.idempotence", [2]string{"false",
			"implied: acks=1 turns idempotence off: a retry may write a record twice or out of order; say enable.idempotence=false if that is meant"}},
		{"implied, without a note of the library", []string{"-X", "reconnect.backoff.ms=70"}, "reconnect.backoff.max.ms", [2]string{"70", "implied"}},
		{"changed by another", []string{"--config", file}, "retry.backoff.ms", [2]string{"1000", file + ":5: it says 5000; 5s is above its maximum: it is 1s every time"}},
		{"an own setting", []string{"-X", "omnibus.halt.on.failure=true"}, "omnibus.halt.on.failure", [2]string{"true", "-X"}},
		{"no effect", []string{"--all"}, "metrics.num.samples", [2]string{"2", "default: it concerns Java's metrics; this producer keeps its own"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := command.Run(t.Context(), t, append([]string{"config", "show", "--why"}, test.args...)...)
			if got.Code != cli.ExitOK {
				t.Fatalf("code %d: %s", got.Code, got.Err)
			}
			if row := columns(t, got.Out)[test.row]; row != test.want {
				t.Errorf("%s is %q, want %q", test.row, row, test.want)
			}
		})
	}
}

func TestTheOutputIsAFileThatSaysTheSame(t *testing.T) {
	settings := []string{"-X", "client.id=back\\slash and ü", "-X", "linger.ms=7", "-X", "partitioner.class=sarama-hash", "-b", "a:1,b:2"}
	first := clitest.Run(t, append([]string{"config", "show"}, settings...)...)
	second := clitest.Run(t, "config", "show", "--config", writeFile(t, first.Out))
	if second.Code != cli.ExitOK || second.Out != first.Out {
		t.Errorf("code %d: %s\nread back it is\n%s\nand was\n%s", second.Code, second.Err, second.Out, first.Out)
	}
	if !strings.Contains(first.Out, "bootstrap.servers=a:1,b:2\n") {
		t.Errorf("no brokers in %s", first.Out)
	}
}

func TestAllOfJavasSettingsAreThere(t *testing.T) {
	got := clitest.Run(t, "config", "show", "--all", "-o", "json")
	seen := make(map[string]bool)
	for line := range strings.Lines(got.Out) {
		var row struct{ Name, Value, Origin, Default, Type, Support string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen[row.Name] = true
	}
	for _, property := range (omnibus.Config{}).Properties() {
		if !seen[property.Name] {
			t.Errorf("%s is missing", property.Name)
		}
	}
}

func TestWhatIsWrongIsToldAndTheRestShown(t *testing.T) {
	file := writeFile(t, "lingerms=1\nacks=7\nbatch.size=1\ngroup.id=g\nmetrics.num.samples=3\nbad=\\uZZ\n")
	for _, test := range []struct {
		name string
		args []string
		code int
		out  string
		err  []string
	}{
		{"a file with mistakes", []string{"--config", file}, cli.ExitUsage, "batch.size=1\n",
			[]string{file + `:1: "lingerms" is unknown`, "did you mean linger.ms?", file + ":2: ", "acks", "client.properties:6", "config show --help"}},
		{"settings of others are notes", []string{"--config", file}, cli.ExitUsage, "",
			[]string{file + ":4: group.id: it is a setting of a consumer", file + ":5: metrics.num.samples: it concerns Java's metrics"}},
		{"no such file", []string{"--config", file + "x"}, cli.ExitUsage, "linger.ms=5\n", []string{"--config", "no such file"}},
		{"no value", []string{"-X", "linger.ms"}, cli.ExitUsage, "linger.ms=5\n", []string{"want name=value"}},
		{"two settings that exclude each other", []string{"-X", "delivery.timeout.ms=5"}, cli.ExitUsage, "delivery.timeout.ms=5\n", []string{"at least linger.ms plus request.timeout.ms"}},
		{"no cluster is no mistake", nil, cli.ExitOK, "#bootstrap.servers=\n", nil},
		{"a note", []string{"-X", "acks=0"}, cli.ExitOK, "enable.idempotence=false\n", []string{"acks=0 turns idempotence off"}},
		{"arguments", []string{"linger.ms"}, cli.ExitUsage, "", []string{"linger.ms"}},
		{"form of the output", []string{"-o", "yaml"}, cli.ExitUsage, "", []string{`--output is "yaml", want text or json`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := clitest.Run(t, append([]string{"config", "show"}, test.args...)...)
			if got.Code != test.code || !strings.Contains(got.Out, test.out) {
				t.Errorf("code %d, want %d and %q in\n%s", got.Code, test.code, test.out, got.Out)
			}
			for _, want := range test.err {
				if !strings.Contains(got.Err, want) {
					t.Errorf("standard error does not say %q:\n%s", want, got.Err)
				}
			}
		})
	}
}

func TestSecretsAreShownNowhere(t *testing.T) {
	const password = "correct-horse"
	file := writeFile(t, "sasl.jaas.config=x required password=\""+password+"\";\nssl.keystore.password="+password+
		"\npasword="+password+"\nsasl.oauthbearer.token.endpoint.url=https://me:"+password+"@h/\nbootstrap.servers=me:"+password+"@h:1\n")
	for _, args := range [][]string{{}, {"--why"}, {"--all", "--why"}, {"-o", "json", "--all"}} {
		got := clitest.Run(t, append([]string{"config", "show", "--config", file}, args...)...)
		if strings.Contains(got.Out+got.Err, password) {
			t.Errorf("%q shows the password:\n%s\n%s", args, got.Out, got.Err)
		}
	}
}

func TestAFileOfAnotherClientIsShownInJavasWordsWithTheLineAndItsOwnName(t *testing.T) {
	file := writeFile(t, "metadata.broker.list=k1\nqueue.buffering.max.ms=0.5\nsasl.mechanisms=PLAIN\nsasl.username=me\nsasl.password=correct-horse\nsecurity.protocol=sasl_ssl\n")
	ambiguous := writeFile(t, "bootstrap.servers=k1:9092\nlinger.ms=20\n")
	for _, test := range []struct {
		name string
		args []string
		row  string
		want [2]string
		says string
	}{
		{"another name", []string{"--config", file}, "bootstrap.servers", [2]string{"k1:9092", file + ":1 (metadata.broker.list)"}, "is read as a file of librdkafka"},
		{"another value", []string{"--config", file}, "linger.ms", [2]string{"1", file + ":2 (queue.buffering.max.ms)"}, ":2: queue.buffering.max.ms: rounded up to 1 ms"},
		{"several in one", []string{"--config", file}, "sasl.jaas.config", [2]string{"[hidden]", file + ":5 (sasl.username, sasl.password, sasl.mechanisms)"}, ""},
		{"a flag among them", []string{"--config", file, "-X", "sasl.username=you"}, "sasl.jaas.config",
			[2]string{"[hidden]", "-X (sasl.username, sasl.password, sasl.mechanisms), over " + file + ":5 (sasl.username, sasl.password, sasl.mechanisms)"}, ""},
		{"a default that was taken over", []string{"--config", file}, "partitioner.class", [2]string{"consistent_random", "librdkafka's default"}, ""},
		{"a default that was not", []string{"--config", file}, "enable.idempotence",
			[2]string{"true", "default: librdkafka's default would be false, which lets retries write twice and out of order"}, ""},
		{"a dialect that was said", []string{"--config", ambiguous, "--dialect", "librdkafka"}, "partitioner.class", [2]string{"consistent_random", "librdkafka's default"}, ""},
		{"a dialect that was guessed", []string{"--config", ambiguous}, "partitioner.class", [2]string{"null", "default"}, "is read as Java's"},
		{"flags alone", []string{"--dialect", "librdkafka", "-X", "topic.acks=1"}, "acks", [2]string{"1", "-X (topic.acks)"}, ""},
		{"rpk's flags", []string{"--dialect", "rpk", "-X", "brokers=k1"}, "bootstrap.servers", [2]string{"k1:9092", "-X (brokers)"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := clitest.Run(t, append([]string{"config", "show", "--why"}, test.args...)...)
			if got.Code != cli.ExitOK || !strings.Contains(got.Err, test.says) || strings.Contains(got.Out+got.Err, "correct-horse") {
				t.Fatalf("code %d, standard error %s, want %q in it", got.Code, got.Err, test.says)
			}
			if row := columns(t, got.Out)[test.row]; row != test.want {
				t.Errorf("%s is %q, want %q", test.row, row, test.want)
			}
		})
	}
}

func TestValuesThatStandElsewhereAreLookedUp(t *testing.T) {
	secrets := writeFile(t, "broker=k1:9092\npassword=correct-horse\n")
	file := writeFile(t, "config.providers=f\nconfig.providers.f.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"+
		"bootstrap.servers=${f:"+secrets+":broker}\nclient.id=${f:"+secrets+":nothing}\nssl.key.password=${f:"+secrets+":password}\n")
	got := clitest.Run(t, "config", "show", "--config", file)
	if !strings.Contains(got.Out, "\nbootstrap.servers=k1:9092\n") || !strings.Contains(got.Err, file+":4: client.id: ") || strings.Contains(got.Out+got.Err, "correct-horse") {
		t.Errorf("code %d\n%s\n%s", got.Code, got.Out, got.Err)
	}
}
