package produce_test

import (
	"strings"
	"testing"
)

func TestFlagsOfDeliveryHoldOrAreRefused(t *testing.T) {
	t.Parallel()
	in, all := "a\nb\n", []string{`-="a"`, `-="b"`}
	runTable(t, []row{
		{name: "acks all", line: "--acks all", in: in, want: all},
		{name: "acks -1", line: "--acks -1", in: in, want: all},
		{name: "acks 1", line: "--acks 1", in: in, want: all},
		{name: "acks 0", line: "--acks 0 -o %o;", in: in, want: all, stdout: "-1;-1;"},
		{name: "acks of nobody", line: "--acks 2", code: 1, stderr: []string{"--acks", "all, 1, 0"}},
		{name: "gzip", line: "-z gzip", in: in, want: all},
		{name: "snappy", line: "-z snappy", in: in, want: all},
		{name: "lz4", line: "-z lz4", in: in, want: all},
		{name: "zstd with a level", line: "--compression zstd:6", in: in, want: all},
		{name: "no compression", line: "-z none", in: in, want: all},
		{name: "a codec that there is not", line: "-z brotli", code: 1, stderr: []string{"--compression", "brotli", "zstd"}},
		{name: "a level where there are none", line: "-z snappy:6", code: 1, stderr: []string{"--compression"}},
		{name: "a level out of range", line: "-z gzip:12", code: 1, stderr: []string{"gzip", "12"}},
		{name: "linger", line: "--linger 1ms", in: in, want: all},
		{name: "linger in milliseconds", line: "--linger 0", in: in, want: all},
		{name: "linger until soon", line: "--linger soon", code: 1, stderr: []string{"--linger"}},
		{name: "batch size", line: "--batch-size 64KiB", in: in, want: all},
		{name: "batches of one", line: "--batch-size 1", in: in, want: all},
		{name: "a batch size without a number", line: "--batch-size big", code: 1, stderr: []string{"--batch-size"}},
		{name: "sync", line: "--sync -o %o,", in: in, want: all, stdout: "0,1,"},
		{name: "rate", line: "--rate 1000/s", in: in, want: all},
		{name: "a rate of nothing", line: "--rate 0", code: 1, stderr: []string{"--rate"}},
		{name: "round robin", line: "--partitioner round-robin", in: in, want: all},

		{name: "-o", line: `-o`, args: []string{`%t %p %o\n`}, in: in, want: all, stdout: "{t} 0 0\n{t} 0 1\n"},
		{name: "-o adds nothing", line: "--output %o", in: in, want: all, stdout: "01"},
		{name: "-o with a key", line: "-K :", args: []string{"-o", `%k=%o|%K\n`}, in: "x:1\n:2\n", want: []string{`"x"="1"`, `""="2"`}, stdout: "x=0|1\n=1|0\n"},
		{name: "-o with a null key", args: []string{"-o", `%k|%K\n`}, in: "1\n", want: []string{`-="1"`}, stdout: "|-1\n"},
		{name: "-o with the place in the input", line: "{d}/f -", file: map[string]string{"f": "1\n2\n"}, args: []string{"-o", `%f:%n\n`}, in: "3\n",
			want: []string{`-="1"`, `-="2"`, `-="3"`}, stdout: "{d}/f:1\n{d}/f:2\nstandard input:1\n"},
		{name: "-o before the summary", args: []string{"-o", `%o\n`}, in: "1\n", want: []string{`-="1"`}, sum: "1 0 1 0 0", stdout: "0\n"},
		{name: "-o with a verb that there is not", line: "-o %s", code: 1, stderr: []string{"--output", `"%s"`}},
		{name: "-o that breaks off", line: `-o %`, code: 1, stderr: []string{"--output"}},

		{name: "no summary on standard output", line: "--summary text", in: in, stderr: []string{"2 of 2 records acked, 0 not written, 0 unknown"}},
		{name: "a summary of another kind", line: "--summary xml", code: 1, stderr: []string{"--summary", "json"}},
		{name: "no progress", line: "--progress-interval 0", in: in, want: all, stderr: []string{"!in flight"}},
		{name: "a progress too fast", line: "--progress-interval 1us", code: 1, stderr: []string{"--progress-interval"}},
		{name: "a progress without a unit", line: "--progress-interval 5", code: 1, stderr: []string{"--progress-interval"}},
	})
}

func TestTheStrongerOfTwoSourcesOfSettingsHolds(t *testing.T) {
	t.Parallel()
	in, all := "a\n", []string{`-="a"`}
	reach := map[string]string{"reach": "bootstrap.servers={b}\n", "wrong": "bootstrap.servers=127.0.0.1:1\nmax.block.ms=200\n"}
	runTable(t, []row{
		{name: "no cluster", line: "produce {t}", in: in, code: 1, stderr: []string{"--brokers", "OMNIBUS_BROKERS", "--config", "--embedded", "-X"}},
		{name: "brokers", line: "produce {t} --brokers {b}", in: in, want: all},
		{name: "brokers in the environment", line: "produce {t}", env: map[string]string{"OMNIBUS_BROKERS": "{b}"}, in: in, want: all},
		{name: "brokers in -X", line: "produce {t} -X bootstrap.servers={b}", in: in, want: all},
		{name: "brokers in a file", line: "produce {t} --config {d}/reach", file: reach, in: in, want: all},
		{name: "brokers in a file that the environment names", line: "produce {t}", env: map[string]string{"OMNIBUS_CONFIG": "{d}/reach"}, file: reach, in: in, want: all},
		{name: "one of several brokers", line: "produce {t} -b 127.0.0.1:1,{b}", in: in, want: all},
		{name: "environment over file", line: "produce {t} --config {d}/wrong", env: map[string]string{"OMNIBUS_BROKERS": "{b}"}, file: reach, in: in, want: all},
		{name: "-X over environment", line: "produce {t} -X bootstrap.servers={b}", env: map[string]string{"OMNIBUS_BROKERS": "127.0.0.1:1"}, in: in, want: all},
		{name: "flag over -X", line: "-X bootstrap.servers=127.0.0.1:1", in: in, want: all},
		{name: "flag over all", line: "-X bootstrap.servers=127.0.0.1:1 --config {d}/wrong", env: map[string]string{"OMNIBUS_BROKERS": "127.0.0.1:1"}, file: reach, in: in, want: all},
		{name: "--acks over -X", line: "--acks all -X acks=0 -o %o", in: in, want: all, stdout: "0"},
		{name: "-X over a file", line: "-X acks=0 --config {d}/c -o %o", file: map[string]string{"c": "acks=all\n"}, in: in, want: all, stdout: "-1"},
		{name: "a setting in the environment", line: "-o %o", env: map[string]string{"OMNIBUS_ACKS": "0"}, in: in, want: all, stdout: "-1"},
		{name: "-X over a setting in the environment", line: "-X acks=1 -o %o", env: map[string]string{"OMNIBUS_ACKS": "0"}, in: in, want: all, stdout: "0"},
		{name: "environment over a file", line: "--config {d}/c -o %o", file: map[string]string{"c": "acks=0\n"}, env: map[string]string{"OMNIBUS_ACKS": "1"}, in: in, want: all, stdout: "0"},
		{name: "a wrong setting in the environment", env: map[string]string{"OMNIBUS_LINGER_MS": "soon"}, code: 1, stderr: []string{"OMNIBUS_LINGER_MS", "linger.ms"}},
		{name: "other variables", env: map[string]string{"OMNIBUS_TOOLS": "x"}, in: in, want: all},
		{name: "-X without a value", line: "-X acks", code: 1, stderr: []string{"name=value"}},
		{name: "-X with a name that there is not", line: "-X linger=5", code: 1, stderr: []string{"-X", "linger.ms"}},
		{name: "-X with a wrong value", line: "-X linger.ms=soon", code: 1, stderr: []string{"linger.ms", "milliseconds"}},
		{name: "-X of a consumer", line: "-X group.id=me", in: in, want: all, stderr: []string{"group.id"}},
		{name: "a setting without effect", line: "-X metric.reporters=x", in: in, want: all, stderr: []string{"metric.reporters"}},
		{name: "a secret is not shown", line: "-X sasl.jaas.config=hunter2", code: 1, stderr: []string{"sasl.jaas.config", "!hunter2"}},
		{name: "settings that contradict each other", line: "-X enable.idempotence=true -X acks=1", code: 1, stderr: []string{"acks"}},
		{name: "a file that there is not", line: "--config {d}/nope", code: 1, stderr: []string{"--config", "nope"}},
		{name: "a file with mistakes", line: "--config {d}/c", file: map[string]string{"c": "acks=7\nlinger.ms=soon\n"}, code: 1, stderr: []string{"line 1", "acks", "line 2", "linger.ms"}},
		{name: "an address without a port", line: "produce {t} -b localhost", code: 1, stderr: []string{"localhost"}},
		{name: "brokers and embedded", line: "--embedded", code: 1, stderr: []string{"exclude each other"}},
		{name: "data without embedded", line: "--data {d}", code: 1, stderr: []string{"--embedded"}},
		{name: "embedded", line: "produce {t} --embedded --data {d}/data --summary text", in: in, stderr: []string{"{d}/data: 1 of 1 records acked"}},
		{name: "embedded over the environment", line: "produce {t} --embedded --data {d}/data --summary text", env: map[string]string{"OMNIBUS_BROKERS": "127.0.0.1:1"}, in: in, stderr: []string{"1 of 1 records acked"}},
	})
}

func TestMistakesAreUsage(t *testing.T) {
	t.Parallel()
	runTable(t, []row{
		{name: "no topic", line: "produce", code: 1, stderr: []string{"no topic", "omnibus produce --help"}},
		{name: "an empty topic", line: "produce -b {b}", args: []string{""}, code: 1, stderr: []string{"topic is empty"}},
		{name: "an empty -t", line: "produce -b {b}", args: []string{"-t", ""}, code: 1, stderr: []string{"topic is empty"}},
		{name: "a topic that cannot be one", line: "produce -b {b}", args: []string{"no topic"}, in: "a\n", code: 1, stderr: []string{"no topic"}},
		{name: "a flag that there is not", line: "--nope", code: 1, stderr: []string{"--nope"}},
		{name: "a command that there is not", line: "nonsense", code: 1, stderr: []string{"nonsense"}},
		{name: "bad input to be panicked at", line: "--on-bad-input panic", code: 1, stderr: []string{"--on-bad-input", "skip"}},
		{name: "bad input into no file", line: "--on-bad-input dlq", code: 1, stderr: []string{"--dlq"}},
		{name: "a dead-letter file that cannot be", line: "--dlq {d}/no/such", in: "a\n", code: 1, stderr: []string{"--dlq", "no/such"}},
		{name: "the input as dead-letter file", line: "--dlq {d}/f {d}/f", file: map[string]string{"f": "a\n"}, code: 1, stderr: []string{"--dlq", "being read"}},
		{name: "replay of nothing", line: "replay", code: 1},
		{name: "replay of two", line: "replay a b", code: 1},
		{name: "replay of a file that there is not", line: "replay {d}/nope -b {b}", code: 1, stderr: []string{"nope"}},
		{name: "replay into itself", line: "replay {d}/f -b {b} --dlq {d}/f", file: map[string]string{"f": ""}, code: 1, stderr: []string{"being read"}},
		{name: "replay to an empty topic", line: "replay {d}/f -b {b}", args: []string{"-t", ""}, file: map[string]string{"f": ""}, code: 1, stderr: []string{"--topic is empty"}},
	})
}

func TestHelpTellsTheInterface(t *testing.T) {
	for command, parts := range map[string][]string{
		"produce": {"130", "%p partition", "--on-bad-input", "-K", "-k", "-H", "-p", "-z", "-Z", "-D", "-X", "-t", "-b", "OMNIBUS_"},
		"replay":  {"--in-doubt", "130", "bad_input"},
	} {
		r := execute(t.Context(), t, nil, strings.NewReader(""), command, "--help")
		if r.code != 0 {
			t.Errorf("%s --help: exit code %d", command, r.code)
		}
		for _, part := range parts {
			if !strings.Contains(r.stdout, part) {
				t.Errorf("%s --help does not say %q", command, part)
			}
		}
	}
}
