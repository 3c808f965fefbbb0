package produce_test

import (
	"strings"
	"testing"
)

func TestWhatLinesBecome(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300_000)
	runTable(t, []row{
		{name: "nothing", sum: "0 0 0 0 0"},
		{name: "one line", in: "a\n", want: []string{`-="a"`}, sum: "1 0 1 0 0", stderr: []string{"1 of 1 records acked"}},
		{name: "the last line without its end", in: "a\nb", want: []string{`-="a"`, `-="b"`}},
		{name: "empty lines are records", in: "\n\na\n\n", want: []string{`-=""`, `-=""`, `-="a"`, `-=""`}, sum: "4 0 4 0 0"},
		{name: "nothing but an end", in: "\n", want: []string{`-=""`}},
		{name: "carriage returns are kept", in: "a\r\nb\r\n", want: []string{`-="a\r"`, `-="b\r"`}},
		{name: "carriage returns are kept on demand", line: "--crlf keep", in: "a\r\n", want: []string{`-="a\r"`}},
		{name: "carriage returns are stripped", line: "--crlf strip", in: "a\r\nb\n\r\nc\rd\r\n", want: []string{`-="a"`, `-="b"`, `-=""`, `-="c\rd"`}},
		{name: "only the last carriage return is stripped", line: "--crlf strip", in: "a\r\r\n", want: []string{`-="a\r"`}},
		{name: "carriage return of a last line", line: "--crlf strip", in: "a\r", want: []string{`-="a"`}},
		{name: "blanks are kept", in: "  a \t\n", want: []string{`-="  a \t"`}},
		{name: "NUL", in: "a\x00b\n", want: []string{`-="a\x00b"`}},
		{name: "invalid UTF-8", in: "\xff\xfe\n", want: []string{`-="\xff\xfe"`}},
		{name: "a byte order mark is data", in: "\ufeffa\n", want: []string{`-="\ufeffa"`}},
		{name: "a line over several chunks", in: long + "\nb\n", want: []string{`-="` + long + `"`, `-="b"`}},
		{name: "lines is the default", line: "--format lines", in: `{"value":"x"}` + "\n", want: []string{`-="{\"value\":\"x\"}"`}},

		{name: "another delimiter", line: "-D ;", in: "a;b\n;c", want: []string{`-="a"`, `-="b\n"`, `-="c"`}},
		{name: "a delimiter of several bytes", line: "-D --", in: "a-b--c--", want: []string{`-="a-b"`, `-="c"`}},
		{name: "a delimiter with an escape", line: `--delimiter \0`, in: "a\x00b\nc\x00", want: []string{`-="a"`, `-="b\nc"`}},
		{name: "a delimiter in hexadecimal", line: `-D \x1e`, in: "a\x1eb", want: []string{`-="a"`, `-="b"`}},
		{name: "an empty delimiter", args: []string{"-D", ""}, code: 1, stderr: []string{"--delimiter is empty"}},
		{name: "a bad escape", line: `-D \q`, code: 1, stderr: []string{"backslash"}},

		{name: "key separator", line: "-K :", in: "k:v\n", want: []string{`"k"="v"`}},
		{name: "the first separator counts", line: "-K :", in: "k:v:w\n", want: []string{`"k"="v:w"`}},
		{name: "an empty key is a key", line: "-K :", in: ":v\n", want: []string{`""="v"`}},
		{name: "an empty value is a value", line: "-K :", in: "k:\n", want: []string{`"k"=""`}},
		{name: "nothing but a separator", line: "-K :", in: ":\n", want: []string{`""=""`}},
		{name: "a separator of several bytes", line: "-K =>", in: "a=b=>c\n", want: []string{`"a=b"="c"`}},
		{name: "a separator in the long form", line: "--key-separator |", in: "k|v\n", want: []string{`"k"="v"`}},
		{name: "a tab for a separator", line: `-K \t`, in: "k\tv\n", want: []string{`"k"="v"`}},
		{name: "an empty separator", args: []string{"-K", ""}, in: "a\n", code: 1, stderr: []string{"--key-separator is empty"}},
		{name: "no separator in the line", line: "-K :", in: "a:1\nbad\nb:2\n", code: 4, want: []string{`"a"="1"`}, sum: "2 1 1 0 0", stderr: []string{"standard input:2: ", "separator"}},
		{name: "no separator in an empty line", line: "-K :", in: "\n", code: 4, sum: "1 1 0 0 0"},
		{name: "a separator with crlf", line: "-K : --crlf strip", in: "k:v\r\n", want: []string{`"k"="v"`}},

		{name: "null marker for values", line: "-K : --null-marker NULL", in: "k:NULL\n", want: []string{`"k"=-`}},
		{name: "null marker for keys", line: "-K : --null-marker NULL", in: "NULL:v\n", want: []string{`-="v"`}},
		{name: "null marker without keys", args: []string{"--null-marker", `\N`}, in: "\\N\nN\n", want: []string{`-=-`, `-="N"`}},
		{name: "null marker is the whole of it", line: "--null-marker NULL", in: "NULLS\n NULL\n", want: []string{`-="NULLS"`, `-=" NULL"`}},
		{name: "an empty null marker", args: []string{"--null-marker", ""}, in: "\na\n", want: []string{`-=-`, `-="a"`}},
		{name: "-Z makes empty ones null", line: "-Z -K :", in: ":v\nk:\n", want: []string{`-="v"`, `"k"=-`}},
		{name: "-Z without keys", line: "-Z", in: "\na\n", want: []string{`-=-`, `-="a"`}},

		{name: "-k", line: "-k id", in: "a\nb\n", want: []string{`"id"="a"`, `"id"="b"`}},
		{name: "-k with an empty key", args: []string{"-k", ""}, in: "a\n", want: []string{`""="a"`}},
		{name: "-k and -K", line: "-k id -K :", in: "k:v\n", code: 1, stderr: []string{"exclude each other"}},
		{name: "-H", line: "-H src=a", in: "a\n", want: []string{`-="a" src="a"`}},
		{name: "headers keep order and duplicates", line: "-H b=2 -H a=1 -H b=3", in: "a\n", want: []string{`-="a" b="2" a="1" b="3"`}},
		{name: "an empty header", line: "-H a=", in: "a\n", want: []string{`-="a" a=""`}},
		{name: "a null header", line: "-H a", in: "a\n", want: []string{`-="a" a=-`}},
		{name: "a header with a separator in it", line: "-H a=b=c,d", in: "a\n", want: []string{`-="a" a="b=c,d"`}},
		{name: "a header without a name", line: "-H =x", code: 1, stderr: []string{"name=value"}},
		{name: "-p", line: "-p 2", partitions: 3, in: "a\nb\n", want: []string{`2: -="a"`, `2: -="b"`}},
		{name: "-p over the key", line: "-p 1 -k id", partitions: 3, in: "a\n", want: []string{`1: "id"="a"`}},
		{name: "-p beyond the last partition", line: "-p 3", partitions: 3, in: "a\n", code: 4, sum: "1 1 0 0 0", stderr: []string{"standard input:1: ", "partition 3"}},
		{name: "-p that is no number", line: "-p two", code: 1, stderr: []string{"-p"}},
		{name: "-p that is negative", line: "-p -1", code: 1},
		{name: "keys go where Java sends them", line: "-K :", partitions: 3, in: "a:1\nb:2\nc:3\n42:4\n", want: []string{`1: "a"="1"`, `1: "c"="3"`, `1: "42"="4"`, `2: "b"="2"`}},
		{name: "keys go where kcat sends them", line: "-K : --partitioner consistent_random", partitions: 3, in: "a:1\nb:2\nc:3\n42:4\n", want: []string{`0: "a"="1"`, `0: "c"="3"`, `2: "b"="2"`, `2: "42"="4"`}},
		{name: "a partitioner that there is not", line: "--partitioner best", code: 1, stderr: []string{"--partitioner", "best"}},
	})
}

func TestFilesAreReadInTheirOrderOrNotAtAll(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a": "one\ntwo", "b": "three\n", "empty": "", "dash": "from a file\n"}
	runTable(t, []row{
		{name: "a file", line: "{d}/a", file: files, want: []string{`-="one"`, `-="two"`}},
		{name: "files in their order", line: "{d}/b {d}/a", file: files, want: []string{`-="three"`, `-="one"`, `-="two"`}},
		{name: "a file twice", line: "{d}/b {d}/b", file: files, want: []string{`-="three"`, `-="three"`}},
		{name: "a last line does not run into the next file", line: "{d}/a {d}/b", file: files, want: []string{`-="one"`, `-="two"`, `-="three"`}},
		{name: "an empty file", line: "{d}/empty {d}/b", file: files, want: []string{`-="three"`}},
		{name: "standard input among files", line: "{d}/b - {d}/a", file: files, in: "in\n", want: []string{`-="three"`, `-="in"`, `-="one"`, `-="two"`}},
		{name: "files keep standard input out", line: "{d}/b", file: files, in: "in\n", want: []string{`-="three"`}},
		{name: "a file that there is not", line: "{d}/b {d}/nope", file: files, code: 1, stderr: []string{"nope"}, want: nil},
		{name: "a directory", line: "{d}", code: 1, stderr: []string{"directory"}},
		{name: "two mistakes at once", line: "{d}/nope {d}", file: files, code: 1, stderr: []string{"nope", "directory"}},
		{name: "bad input names file and line", line: "-K : {d}/a {d}/b", file: map[string]string{"a": "k:v\n", "b": "k:v\nbad\n"}, code: 4, want: []string{`"k"="v"`, `"k"="v"`}, stderr: []string{"/b:2: "}},
		{name: "repeat", line: "--repeat 3 {d}/a", file: files, want: []string{`-="one"`, `-="two"`, `-="one"`, `-="two"`, `-="one"`, `-="two"`}, sum: "6 0 6 0 0"},
		{name: "repeat of several files", line: "--repeat 2 {d}/b {d}/dash", file: files, want: []string{`-="three"`, `-="from a file"`, `-="three"`, `-="from a file"`}},
		{name: "repeat once", line: "--repeat 1", in: "a\n", want: []string{`-="a"`}},
		{name: "repeat of standard input", line: "--repeat 2", in: "a\n", code: 1, stderr: []string{"standard input"}},
		{name: "repeat never", line: "--repeat 0 {d}/a", file: files, code: 1, stderr: []string{"--repeat is 0"}},
		{name: "-t names the topic", line: "produce -b {b} -t {t} {d}/a", file: files, want: []string{`-="one"`, `-="two"`}},
		{name: "-t without files", line: "produce -b {b} -t {t}", in: "a\n", want: []string{`-="a"`}},
		{name: "flags behind files", line: "produce {t} {d}/a -b {b}", file: files, want: []string{`-="one"`, `-="two"`}},
		{name: "a file that looks like a flag", line: "produce -b {b} -t {t} --summary json -- {d}/a", file: files, want: []string{`-="one"`, `-="two"`}},
	})
}
