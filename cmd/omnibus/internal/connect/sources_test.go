package connect

import (
	"slices"
	"strings"
	"testing"
)

func TestSourcesComeFromTheWeakestToTheStrongest(t *testing.T) {
	file := writeFile(t, "# first\nlinger.ms = 1\n\nnonsense:2\nacks=\\\n  all\n")
	flags := Flags{ConfigFile: file, Brokers: "flag:1", Settings: []string{"linger.ms=3", "broken", "acks=1"}}
	env := map[string]string{"OMNIBUS_BROKERS": "env:1", "OMNIBUS_BATCH_SIZE": "7", "OMNIBUS_CONFIG": "/not/this/file"}
	got, err := flags.Sources(func(name string) string { return env[name] })
	want := []Setting{
		{"linger.ms", "1", file + ":2"},
		{"nonsense", "2", file + ":4"},
		{"acks", "all", file + ":5"},
		{"batch.size", "7", "OMNIBUS_BATCH_SIZE"},
		{"bootstrap.servers", "env:1", "OMNIBUS_BROKERS"},
		{"linger.ms", "3", "-X"},
		{"acks", "1", "-X"},
		{"bootstrap.servers", "flag:1", "--brokers"},
	}
	if !slices.Equal(got.Settings, want) {
		t.Errorf("sources %v, want %v", got, want)
	}
	if err == nil || !strings.Contains(err.Error(), `"broken"`) {
		t.Errorf("error %v, want one about the -X without a value", err)
	}
}

func TestSourcesNameTheLineOfAMistake(t *testing.T) {
	flags := Flags{ConfigFile: writeFile(t, "a=1\nb=\\u00\nc=3\n")}
	got, err := flags.Sources(func(string) string { return "" })
	if len(got.Settings) != 2 || err == nil || !strings.Contains(err.Error(), flags.ConfigFile+":2") {
		t.Errorf("sources %v, error %v; want two, and the second line named", got, err)
	}
}
