package partitionof_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/partitionof"
)

func TestPartitionsAreThoseOfOtherClients(t *testing.T) {
	for _, test := range []struct {
		name  string
		args  []string
		stdin string
		want  string
	}{
		{"java", []string{"--partitions", "6", "a", "abc"}, "", "a\t4\nabc\t3\n"},
		{"keys from standard input", []string{"--partitions", "6"}, "a\nabc\n", "a\t4\nabc\t3\n"},
		{"no newline at the end", []string{"--partitions", "6"}, "a\nabc", "a\t4\nabc\t3\n"},
		{"arguments win over standard input", []string{"--partitions", "6", "a"}, "abc\n", "a\t4\n"},
		{"no key at all", []string{"--partitions", "6"}, "", ""},
		{"an empty line is the empty key", []string{"--partitions", "7"}, "\n", "\t2\n"},
		{"a carriage return belongs to the key", []string{"--partitions", "6"}, "a\r\n", fmt.Sprintf("a\r\t%d\n", omnibus.JavaPartition([]byte("a\r"), 6))},
		{"bytes beyond UTF-8", []string{"--partitions", "1"}, "\xff\x00\n", "\xff\x00\t0\n"},
		// FNV-1a("a") = 0xe40c292c: as a signed number -468965076, of which sarama takes the remainder and then its size.
		{"sarama", []string{"--partitions", "7", "--like", "sarama", "a"}, "", fmt.Sprintf("a\t%d\n", 468965076%7)},
		{"sarama's reference", []string{"--partitions", "7", "--like", "sarama-reference", "a"}, "", fmt.Sprintf("a\t%d\n", 0xe40c292c&0x7fffffff%7)},
		// CRC32("hejsan") = 0xd077037e, from librdkafka's own tests.
		{"librdkafka", []string{"--partitions", "100", "--like", "librdkafka", "hejsan"}, "", fmt.Sprintf("hejsan\t%d\n", uint32(0xd077037e)%100)},
		{"librdkafka spreads the empty key", []string{"--partitions", "100", "--like", "librdkafka", ""}, "", "\t-1\n"},
		{"librdkafka consistent does not", []string{"--partitions", "100", "--like", "librdkafka-consistent", ""}, "", "\t0\n"},
		{"librdkafka's murmur2 is Java's", []string{"--partitions", "6", "--like", "librdkafka-murmur2", "abc"}, "", "abc\t3\n"},
		{"librdkafka's fnv1a is sarama's", []string{"--partitions", "7", "--like", "librdkafka-fnv1a", "a"}, "", fmt.Sprintf("a\t%d\n", 468965076%7)},
		{"a key that looks like a flag", []string{"--partitions", "1", "--", "-x"}, "", "-x\t0\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := clitest.Command{Stdin: test.stdin}.Run(t.Context(), t, append([]string{"partition-of"}, test.args...)...)
			if got.Code != cli.ExitOK || got.Out != test.want || got.Err != "" {
				t.Errorf("code %d, output %q, want %q; standard error %q", got.Code, got.Out, test.want, got.Err)
			}
		})
	}
}

// The file was written by Java's own Utils.murmur2.
func TestEveryKeyOfTheJavaTableLiesWhereJavaPutsIt(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "..", "..", "internal", "partitioner", "testdata", "murmur2.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	count := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		columns := strings.Split(scanner.Text(), "\t")
		key, err := hex.DecodeString(columns[2])
		if err != nil || bytes.ContainsRune(key, '\n') {
			continue // the head of the table, and keys that are no line
		}
		got := clitest.Command{Stdin: string(key) + "\n"}.Run(t.Context(), t, "partition-of", "--partitions", "100")
		if want := string(key) + "\t" + columns[11] + "\n"; got.Out != want {
			t.Errorf("%q, want %q", got.Out, want)
		}
		count++
	}
	if count < 20 {
		t.Errorf("the table had %d keys to check, want more", count)
	}
}

func TestMistakesAreUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"a"}, "--partitions is missing"},
		{[]string{"--partitions", "0", "a"}, "--partitions is 0, want 1"},
		{[]string{"--partitions", "2147483648", "a"}, "want 1 to 2147483647"},
		{[]string{"--partitions", "six", "a"}, "--partitions"},
		{[]string{"--partitions", "6", "--like", "kafka", "a"}, `--like is "kafka", want one of java`},
	} {
		got := clitest.Run(t, append([]string{"partition-of"}, test.args...)...)
		if got.Code != cli.ExitUsage || got.Out != "" || !strings.Contains(got.Err, test.want) {
			t.Errorf("%q: code %d, output %q, standard error %q; want %q", test.args, got.Code, got.Out, got.Err, test.want)
		}
	}
}

func TestAClosedStandardOutputIsAnEnd(t *testing.T) {
	reader, writer := io.Pipe()
	reader.Close()
	err := partitionof.Run(t.Context(), &cli.IO{In: strings.NewReader(strings.Repeat("key\n", 10_000)), Out: writer},
		&partitionof.Options{Partitions: 6, Like: "java"})
	if err != nil {
		t.Errorf("error %v, want none", err)
	}
}
