package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
)

const testLimit = 1 << 20

// parsed are the options that a command line says.
func parsed(t *testing.T, args ...string) (*Options, error) {
	t.Helper()
	o := &Options{}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.AddTo(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return o, o.Validate()
}

// open begins to read the sources as the command line says.
func open(t *testing.T, s Sources, args ...string) *Reader {
	t.Helper()
	o, err := parsed(t, args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if s.RecordBytesMax == 0 {
		s.RecordBytesMax = testLimit
	}
	reader, err := o.Open(s)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	t.Cleanup(reader.Close)
	return reader
}

// all reads to the end: a record as its envelope, whatever else as its error.
func all(t *testing.T, r *Reader) []string {
	t.Helper()
	var got []string
	for {
		record, err := r.Next(t.Context())
		switch {
		case errors.Is(err, io.EOF):
			return got
		case err != nil:
			got = append(got, err.Error())
		default:
			got = append(got, string(envelope.Append(nil, record)))
		}
	}
}

// v is the envelope of a value without a key.
func v(value string) string { return fmt.Sprintf(`{"key":null,"value":"%s"}`, value) }

// kv is the envelope of a key and a value.
func kv(key, value string) string { return fmt.Sprintf(`{"key":"%s","value":"%s"}`, key, value) }

func TestWhatBecomesOfTheInput(t *testing.T) {
	for _, test := range []struct {
		name  string
		args  string // separated by spaces; ␠ is one
		input string
		want  []string // envelopes, and what errors begin with
	}{
		// Lines.
		{"a record a line", "", "a\nb\n", []string{v("a"), v("b")}},
		{"no final newline", "", "a\nb", []string{v("a"), v("b")}},
		{"empty lines are records", "", "\na\n\n", []string{v(""), v("a"), v("")}},
		{"nothing is no record", "", "", nil},
		{"NUL, invalid UTF-8, a byte order mark are data", "", "a\x00b\n\xff\n\ufeffc\n", []string{v(`a\u0000b`), `{"key":null,"value64":"/w=="}`, v("\ufeffc")}},
		{"carriage returns are data", "", "a\r\nb\r", []string{v(`a\r`), v(`b\r`)}},
		{"--crlf keep", "--crlf keep", "a\r\n", []string{v(`a\r`)}},
		{"--crlf strip", "--crlf strip", "a\r\n\r\nb\rc\nd\r\r\ne\r", []string{v("a"), v(""), v(`b\rc`), v(`d\r`), v("e")}},
		{"-D", "-D ;", "a\n;;b", []string{v(`a\n`), v(""), v("b")}},
		{"-D escapes", `-D \0`, "a\x00b\x00", []string{v("a"), v("b")}},
		{"-D of several bytes", `-D \r\n--\x41\\\t`, "a\r\n--A\\\tb\r\n", []string{v("a"), v(`b\r\n`)}},

		// Keys.
		{"without a separator there is no key", "", "k:v\n", []string{v("k:v")}},
		{"-K", "-K :", "k:v\n:v\nk:\n:\na:b:c\n", []string{kv("k", "v"), kv("", "v"), kv("k", ""), kv("", ""), kv("a", "b:c")}},
		{"-K of several bytes", "-K =>", "k=>v\nk=v=>w\n", []string{kv("k", "v"), kv("k=v", "w")}},
		{"-K escapes", `-K \t`, "k\tv\n", []string{kv("k", "v")}},
		{"a line without the separator is bad input", "-K :", "k:v\nwhole line\n\nk:w\n", []string{kv("k", "v"),
			`standard input:2: the line has no key separator ":": put a key`, `standard input:3: the line has no key separator`, kv("k", "w")}},
		{"-K and --crlf", "-K : --crlf strip", "k:v\r\n", []string{kv("k", "v")}},
		{"-k", "-k user", "v\n\n", []string{kv("user", "v"), kv("user", "")}},
		{"-k of nothing is the empty key", "-k ␀", "v\n", []string{kv("", "v")}},

		// Null.
		{"--null-marker for values", "--null-marker NULL", "NULL\nnull\nNULL \n", []string{`{"key":null,"value":null}`, v("null"), v("NULL ")}},
		{"--null-marker for keys", "-K : --null-marker NULL", "NULL:v\nk:NULL\nNULL:NULL\n", []string{v("v"), `{"key":"k","value":null}`, `{"key":null,"value":null}`}},
		{"--null-marker of nothing", "-K : --null-marker ␀", ":\n", []string{`{"key":null,"value":null}`}},
		{"-Z", "-K : -Z", ":v\nk:\n", []string{v("v"), `{"key":"k","value":null}`}},
		{"-Z without keys", "-Z", "\na\n", []string{`{"key":null,"value":null}`, v("a")}},
		{"-Z beside a marker", "-Z --null-marker -", "\n-\na\n", []string{`{"key":null,"value":null}`, `{"key":null,"value":null}`, v("a")}},
		{"-Z leaves -k alone", "-Z -k ␀", "\n", []string{`{"key":"","value":null}`}},

		// Headers and partition.
		{"-H", "-H a=1 -H b= -H c -H a=2=3", "v\nw\n", []string{
			`{"key":null,"value":"v","headers":[{"key":"a","value":"1"},{"key":"b","value":""},{"key":"c","value":null},{"key":"a","value":"2=3"}]}`,
			`{"key":null,"value":"w","headers":[{"key":"a","value":"1"},{"key":"b","value":""},{"key":"c","value":null},{"key":"a","value":"2=3"}]}`}},
		{"-p", "-p 0", "v\n", []string{`{"key":null,"value":"v","partition":0}`}},

		// jq.
		{"--key", "--key .user.id", `{"user":{"id":"u1"}}` + "\n" + `{"user":{"id":7}}` + "\n" + `{"user":{"id":""}}` + "\n", []string{
			kv("u1", `{\"user\":{\"id\":\"u1\"}}`), kv("7", `{\"user\":{\"id\":7}}`), kv("", `{\"user\":{\"id\":\"\"}}`)}},
		{"a key that is not there is null", "--key .user.id", "{}\n" + `{"user":{"id":null}}` + "\n", []string{v("{}"), v(`{\"user\":{\"id\":null}}`)}},
		{"an expression may insist", "--key .k//error(\"no␠k\")", "{}\n{\"k\":\"a\"}\n", []string{`standard input:1: --key: error: no k: repair`, kv("a", `{\"k\":\"a\"}`)}},
		{"--key of JSON", "--key .", "[1,{\"b\":2.50}]\n12345678901234567890123\ntrue\n", []string{kv(`[1,{\"b\":2.50}]`, `[1,{\"b\":2.50}]`),
			kv("12345678901234567890123", "12345678901234567890123"), kv("true", "true")}},
		{"a key that yields nothing is null", "--key empty", "1\n", []string{v("1")}},
		{"--key with several results", "--key .[]", "[1,2]\n[3]\n", []string{"standard input:1: --key yields more than one result", kv("3", "[3]")}},
		{"--key that fails", "--key .a", "[1]\n", []string{"standard input:1: --key: expected an object but got: array"}},
		{"--key with lines that are no JSON", "--key .a", "{\n\n{} {}\n{\"a\":\"\xff\"}\n{\"a\":\"\\ud800\"}\nnull\n]\n[1,\n{\"a\" 1}\n", []string{
			"standard input:1: the line is no JSON: unexpected EOF", "standard input:2: the line is empty", "standard input:3: something follows",
			"standard input:4: the line is no JSON: invalid UTF-8", "standard input:5: the line is no JSON: invalid", v("null"),
			"standard input:7: the line is no JSON", "standard input:8: the line is no JSON", "standard input:9: the line is no JSON"}},
		{"--header", "-H x=1 --header src=.o --header src=.p --header no=empty", `{"o":"a","p":{"q":1}}` + "\n" + `{"o":null}` + "\n", []string{
			`{"key":null,"value":"{\"o\":\"a\",\"p\":{\"q\":1}}","headers":[{"key":"x","value":"1"},{"key":"src","value":"a"},{"key":"src","value":"{\"q\":1}"}]}`,
			`{"key":null,"value":"{\"o\":null}","headers":[{"key":"x","value":"1"},{"key":"src","value":null},{"key":"src","value":null}]}`}},
		{"--timestamp", "--timestamp .ts", `{"ts":1700000000123}` + "\n" + `{"ts":0}` + "\n" + `{"ts":1.7e12}` + "\n" + `{"ts":"2023-11-14T23:13:20.1239+01:00"}` + "\n" + `{}` + "\n", []string{
			`{"key":null,"value":"{\"ts\":1700000000123}","timestamp":1700000000123}`, `{"key":null,"value":"{\"ts\":0}","timestamp":0}`,
			`{"key":null,"value":"{\"ts\":1.7e12}","timestamp":1700000000000}`,
			`{"key":null,"value":"{\"ts\":\"2023-11-14T23:13:20.1239+01:00\"}","timestamp":1700000000123}`, v("{}")}},
		{"--timestamp that is computed", "--timestamp .s*1000", `{"s":1700000000}` + "\n" + `{"s":1.5}` + "\n" + `{"s":0.0001}` + "\n", []string{
			`{"key":null,"value":"{\"s\":1700000000}","timestamp":1700000000000}`, `{"key":null,"value":"{\"s\":1.5}","timestamp":1500}`,
			"standard input:3: --timestamp yields 0.1: want whole milliseconds"}},
		{"--timestamp that is none", "--timestamp .", "\"yesterday\"\n-1\n1.5\n[]\n\"1969-01-01T00:00:00Z\"\n", []string{
			`standard input:1: --timestamp yields "yesterday": want`, "standard input:2: --timestamp yields -1", "standard input:3: --timestamp yields 1.5",
			"standard input:4: --timestamp yields []", `standard input:5: --timestamp yields "1969`}},
		{"jq on the value behind a key", "-K : --timestamp .ts", `k:{"ts":5}` + "\n", []string{`{"key":"k","value":"{\"ts\":5}","timestamp":5}`}},

		// Envelopes.
		{"envelopes", "--format envelope", `{"key":"k","value":"v","timestamp":5,"headers":[{"key":"h","value":null}],"topic":"t","offset":9}` + "\r\n" + `{"value":null}`, []string{
			`{"key":"k","value":"v","timestamp":5,"headers":[{"key":"h","value":null}],"topic":"t"}`, `{"key":null,"value":null}`}},
		{"the partition of an envelope is left alone", "--format envelope", `{"value":"v","partition":3}`, []string{v("v")}},
		{"--keep-partition", "--format envelope --keep-partition", `{"value":"v","partition":3}` + "\n" + v("w"), []string{`{"key":null,"value":"v","partition":3}`, v("w")}},
		{"-p and -H with envelopes", "--format envelope -p 1 -H a=1", `{"value":"v","partition":3,"headers":[{"key":"h","value":"x"}]}` + "\n" + v("w"), []string{
			`{"key":null,"value":"v","partition":1,"headers":[{"key":"h","value":"x"},{"key":"a","value":"1"}]}`,
			`{"key":null,"value":"w","partition":1,"headers":[{"key":"a","value":"1"}]}`}},
		{"bad envelopes", "--format envelope", "\ufeff" + v("a") + "\n\n{\n" + `{"key":"k"}` + "\n" + `{"value":1,"ts":2}` + "\n" + v("b"), []string{v("a"),
			"standard input:2: the line is empty", "standard input:3: the line is no JSON", `standard input:4: the envelope has no "value"`,
			`standard input:5: the envelope has the unknown field "ts"`, v("b")}},

		// csv.
		{"csv: key and value", "--format csv", "k,v\n\"a,\"\"b\",\"x\ny\"\r\n,\n", []string{kv("k", "v"), kv(`a,\"b`, `x\ny`), kv("", "")}},
		{"csv: CRLF inside of quotes is data", "--format csv", "k,\"x\r\ny\r\n\"\r\n", []string{kv("k", `x\r\ny\r\n`)}},
		{"csv: invalid UTF-8 and NUL are data", "--format csv", "\x00,\xff\n", []string{`{"key":"\u0000","value64":"/w=="}`}},
		{"csv: other numbers of fields are bad input", "--format csv", "k,v\nk\n\na,b,c\nk,w\n", []string{kv("k", "v"), "standard input:2: the row has 1 fields, the first one 2",
			"standard input:3: the row has 1 fields", "standard input:4: the row has 3 fields", kv("k", "w")}},
		{"csv: the first row may be bad", "--format csv", "a,b,c\nk,v\n", []string{"standard input:1: the row has 3 fields, want 2, key and value", kv("k", "v")}},
		{"csv: only values", "--format csv --value-column 1", "a\n\"b\"\n\n", []string{v("a"), v("b"), v("")}},
		{"csv: only values with -k", "--format csv -k x", "a\nb,c\n", []string{kv("x", "a"), "standard input:2: the row has 2 fields, the first one 1"}},
		{"csv: columns by number", "--format csv --key-column 3 --value-column 1", "a,b,c\n", []string{kv("c", "a")}},
		{"csv: a column that is not there", "--format csv --value-column 3", "a,b\na,b,c\n", []string{"standard input:1: the row has 2 fields and no column 3", v("c")}},
		{"csv: null", "--format csv --null-marker \\N -Z", "\\N,\\N\n,\"\"\n", []string{`{"key":null,"value":null}`, `{"key":null,"value":null}`}},
		{"csv: quotes", "--format csv", "\"a\"b,c\na\"b,c\nab\",c\n\"k\",\"\"\"v\"\"\"\n\"k\",\"\"\n", []string{"standard input:1: something stands between a closing quote and the comma",
			"standard input:2: a quote stands in a field that does not begin", "standard input:3: a quote stands", kv("k", `\"v\"`), kv("k", "")}},
		{"csv: a quote that is never closed", "--format csv", "k,v\nk,\"v\nk,w\n", []string{kv("k", "v"), "standard input:2: a quote is opened and never closed"}},
		{"csv: a line number behind a row of several lines", "--format csv", "k,\"v\nw\"\nbad\n", []string{kv("k", `v\nw`), "standard input:3: the row has 1 fields"}},

		// csv with names.
		{"csv: named columns", "--format csv --csv-header", "\ufeffvalue,key\nv,k\n", []string{kv("k", "v")}},
		{"csv: a value alone", "--format csv --csv-header", "value\nv\n", []string{v("v")}},
		{"csv: a value alone with -k", "--format csv --csv-header -k x", "value\nv\n", []string{kv("x", "v")}},
		{"csv: chosen names", "--format csv --csv-header --key-column id --value-column body", "id,\"body\",when\n1,b,today\n", []string{kv("1", "b")}},
		{"csv: a chosen name without a key", "--format csv --csv-header --value-column body", "id,body\n1,b\n", []string{v("b")}},
		{"csv: numbers in spite of names", "--format csv --csv-header --key-column 1 --value-column 2", "id,body\n1,b\n", []string{kv("1", "b")}},
		{"csv: columns that nobody asked for", "--format csv --csv-header", "key,value,when\nk,v,w\n", []string{
			`standard input:1: there are columns that would not be sent: "key", "value", "when": choose`, "standard input:2: there are columns"}},
		{"csv: no such name", "--format csv --csv-header --value-column body", "id,text\n1,b\n", []string{
			`standard input:1: no column is named "body", but "id", "text"`, "standard input:2: no column is named"}},
		{"csv: a name that stands twice", "--format csv --csv-header --value-column a", "a,a\n1,2\n", []string{`standard input:1: two columns are named "a"`, "standard input:2: two"}},
		{"csv: a number beyond the names", "--format csv --csv-header --value-column 3", "a,b\n1,2\n", []string{"standard input:1: the first row names 2 columns, and there is no column 3", "standard input:2:"}},
		{"csv: a broken first row", "--format csv --csv-header", "\"key\"x,value\nk,v\n", []string{"standard input:1: something stands", "standard input:2: the file's first row"}},
		{"csv: names alone", "--format csv --csv-header", "key,value\n", nil},

		// tsv.
		{"tsv: no quotes", "--format tsv", "k\t{\"a\": \"b\"}\n\"k\"\t\"\n", []string{kv("k", `{\"a\": \"b\"}`), kv(`\"k\"`, `\"`)}},
		{"tsv: carriage returns", "--format tsv", "k\tv\r\n", []string{kv("k", `v\r`)}},
		{"tsv: --crlf strip and -D", `--format tsv --crlf strip -D ;`, "k\tv\r;\tw\r", []string{kv("k", "v"), kv("", "w")}},
		{"tsv: names and null", "--format tsv --csv-header --null-marker NULL", "key\tvalue\nk\tNULL\nk\tv\tw\n", []string{`{"key":"k","value":null}`, "standard input:3: the row has 3 fields"}},

		// Whole files.
		{"raw", "--format raw -k k -H a=1 -p 2", "a\r\n\n", []string{`{"key":"k","value":"a\r\n\n","partition":2,"headers":[{"key":"a","value":"1"}]}`}},
		{"raw: an empty file", "--format raw", "", []string{v("")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := strings.Fields(test.args)
			for i := range args {
				args[i] = strings.NewReplacer("␠", " ", "␀", "").Replace(args[i])
			}
			for name, stdin := range map[string]io.Reader{
				"at once":             strings.NewReader(test.input),
				"one byte at a time":  iotest.OneByteReader(strings.NewReader(test.input)),
				"with the end beside": iotest.DataErrReader(strings.NewReader(test.input)),
			} {
				compare(t, name, all(t, open(t, Sources{Stdin: stdin}, args...)), test.want)
			}
		})
	}
}

// compare checks what was read. Wanted text that is no envelope is the beginning of an error.
func compare(t *testing.T, name string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%s: %d: nothing, want %s", name, i, want[i])
		case i >= len(want):
			t.Errorf("%s: %d: %s, want nothing", name, i, got[i])
		case got[i] != want[i] && (strings.HasPrefix(want[i], "{") || !strings.HasPrefix(got[i], want[i])):
			t.Errorf("%s: %d:\ngot  %s\nwant %s", name, i, got[i], want[i])
		}
	}
}

func TestWrongOptionsSayWhatIsWanted(t *testing.T) {
	for args, want := range map[string]string{
		"--format xml":           `--format is "xml", want lines, envelope, csv, tsv or raw`,
		"--crlf drop":            `--crlf is "drop", want keep or strip`,
		"-D ␀":                   "--delimiter is empty",
		"-K ␀":                   "--key-separator is empty",
		`-K \q`:                  "want after a backslash one of",
		`-K a\`:                  "want after a backslash one of",
		`-D \x1`:                 "want after a backslash one of",
		`-D \xgg`:                "want after a backslash one of",
		"-k a -K :":              "--fixed-key and --key-separator exclude each other",
		"-k a --key .a":          "--fixed-key and --key exclude",
		"-K : --key .a":          "--key-separator and --key exclude",
		"-k ␀ --format envelope": "--fixed-key and --format envelope exclude",
		"-k a --format csv --key-column 1 --value-column 2": "--fixed-key and --key-column exclude",
		"-p 1 --format envelope --keep-partition":           "--partition and --keep-partition exclude",
		"--keep-partition":                             "--keep-partition means nothing with --format lines, only with envelope",
		"-K : --format csv":                            "--key-separator means nothing with --format csv, only with lines",
		"--key .a --format envelope":                   "--key means nothing",
		"--header a=.a --format raw":                   "--header means nothing",
		"--timestamp .a --format tsv":                  "--timestamp means nothing",
		"-D ; --format csv":                            "--delimiter means nothing with --format csv, only with lines, tsv",
		"--crlf strip --format raw":                    "--crlf strip means nothing",
		"-Z --format raw":                              "--empty-null means nothing",
		"--null-marker x --format envelope":            "--null-marker means nothing",
		"--csv-header":                                 "--csv-header means nothing with --format lines, only with csv, tsv",
		"--value-column 1":                             "--value-column means nothing",
		"--format csv --key-column 1":                  `--key-column is "1" without --value-column`,
		"--format csv --value-column body":             `--value-column is "body", want a number from 1: names need --csv-header`,
		"--format csv --value-column 0":                "--value-column is 0, want a number from 1",
		"--format csv --value-column 1 --key-column 1": "are both 1, want two columns",
		"-p -1":         "want a whole number from 0",
		"-p 2147483648": "want a whole number from 0",
		"-p one":        "want a whole number from 0",
		"-H =v":         "want name=value",
		"-H ␀":          "want name=value",
		"--key .a[":     `--key is ".a[", want a jq expression`,
		"--key nope(1)": `--key is "nope(1)", want a jq expression`,
		"--timestamp )": "--timestamp is",
		"--header src":  `--header is "src", want name=expression`,
		"--header =.a":  "want name=expression",
		"--header a=":   "want name=expression",
		"--header a=)":  "--header a is",
	} {
		fields := strings.Fields(args)
		for i := range fields {
			fields[i] = strings.ReplaceAll(fields[i], "␀", "")
		}
		if _, err := parsed(t, fields...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", args, err, want)
		}
	}
}

func TestAllThatIsWrongWithOptionsIsToldAtOnce(t *testing.T) {
	_, err := parsed(t, "--crlf", "drop", "--csv-header", "--key", ")")
	for _, want := range []string{"--crlf", "--csv-header", "--key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not speak of %s", err, want)
		}
	}
}

func TestTheZeroOptionsArePlainLines(t *testing.T) {
	var o Options
	reader, err := o.Open(Sources{Stdin: strings.NewReader("a\r\nb"), RecordBytesMax: 10})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "lines", all(t, reader), []string{v(`a\r`), v("b")})
}

func TestBadInputKeepsTheBytesAsTheyWereRead(t *testing.T) {
	for _, test := range []struct{ args, input, want string }{
		{"-K :", "no key\xff\r\n", "no key\xff\r"},
		{"--format envelope", "{broken\n", "{broken"},
		{"--format csv", "a,\"b\nc\",d\n", "a,\"b\nc\",d"},
		{"--format csv", "a,\"b\nc", "a,\"b\nc"},
		{"--format tsv", "a\r\n", "a\r"},
		{"--key .", "no JSON\n", "no JSON"},
	} {
		reader := open(t, Sources{Stdin: strings.NewReader(test.input)}, strings.Fields(test.args)...)
		_, err := reader.Next(t.Context())
		bad, ok := errors.AsType[*BadInputError](err)
		if !ok || string(bad.Raw) != test.want || bad.Tag != 1 {
			t.Errorf("%s: %q: %+v, want the bytes %q", test.args, test.input, err, test.want)
		}
	}
}

func TestWhatIsTooLongIsBadInputAndNotHeld(t *testing.T) {
	long := strings.Repeat("x", 3*testLimit)
	for args, input := range map[string]string{
		"":                  long + "\n" + "next",
		"-K :":              long + "\n" + "ne:xt",
		"--format envelope": `{"value":"` + strings.Repeat(long, 3) + `"}` + "\n" + v("next"),
		"--format csv":      "k," + long + "\nne,xt",
		"--format tsv":      "k\t" + long + "\nne\txt",
	} {
		reader := open(t, Sources{Stdin: strings.NewReader(input)}, strings.Fields(args)...)
		_, err := reader.Next(t.Context())
		bad, ok := errors.AsType[*BadInputError](err)
		if !ok || bad.Raw != nil || bad.Origin.Line != 1 || !strings.Contains(bad.Fix, "max.request.size") {
			t.Errorf("%s: %v, want bad input without its bytes", args, err)
		}
		if record, err := reader.Next(t.Context()); err != nil || reader.Count() != 2 {
			t.Errorf("%s: the next record: %+v, %v", args, record, err)
		}
	}
}

// A quote that is opened in a row and closed nowhere must not gather a gigabyte.
func TestARowWithoutEndIsReadInBoundedMemory(t *testing.T) {
	row := io.MultiReader(strings.NewReader("k,\""), io.LimitReader(&endless{line: "a line of the field\n"}, 1<<28))
	reader := open(t, Sources{Stdin: row}, "--format", "csv")
	_, err := reader.Next(t.Context())
	if bad, ok := errors.AsType[*BadInputError](err); !ok || bad.Raw != nil {
		t.Fatalf("error %v, want bad input", err)
	}
	if kept := cap(reader.cutter.(*rows).row); kept > 8*testLimit {
		t.Errorf("%d bytes were kept", kept)
	}
}

// endless is a reader that repeats a line.
type endless struct {
	line string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = e.line[e.at]
		e.at = (e.at + 1) % len(e.line)
	}
	return len(p), nil
}

func TestCSVOfSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := strings.Repeat("x", 3*testLimit)
	files := []string{
		file("1", "key,value\na,1\nb,\"2\n"), file("2", "value,key\n3,c\n"), file("3", "\"key,value\nd,4\n"), file("4", ""),
		file("5", "x,\"y\n"), file("6", long+"\ne,5\n"), file("7", "key,value\nf,\"6\n"+long+"\"\n"), file("8", "value\n7\n"),
	}
	reader := open(t, Sources{Files: files}, "--format", "csv", "--csv-header")
	compare(t, "files", all(t, reader), []string{
		kv("a", "1"), files[0] + ":3: a quote is opened and never closed",
		kv("c", "3"),
		files[2] + ":1: a quote is opened and never closed",
		files[4] + ":1: a quote is opened and never closed",
		files[5] + ":1: it is longer than", files[5] + ":2: the file's first row",
		files[6] + ":2: it is longer than",
		v("7"),
	})
	if reader.Count() != 9 {
		t.Errorf("count %d, want 9: rows of names do not count", reader.Count())
	}
}

func TestOriginTellsFileAndLineOfATag(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, content := range []string{"a\nb\n", "", "c"} {
		files = append(files, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(files[i], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader := open(t, Sources{Files: append(files, "-"), Stdin: strings.NewReader("d\n")})
	var got []string
	for {
		record, err := reader.Next(t.Context())
		if err != nil {
			break
		}
		got = append(got, string(record.Value)+" "+reader.Origin(record.Tag).String())
	}
	want := []string{"a " + files[0] + ":1", "b " + files[0] + ":2", "c " + files[2] + ":1", "d standard input:1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	whole := open(t, Sources{Files: files}, "--format", "raw")
	compare(t, "raw", all(t, whole), []string{v(`a\nb\n`), v(""), v("c")})
	if got := whole.Origin(3).String(); got != files[2] {
		t.Errorf("a whole file's origin is %s, want %s", got, files[2])
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	idle, writer := io.Pipe()
	defer writer.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := open(t, Sources{Stdin: idle}).Next(ctx); !errors.Is(err, cause) {
		t.Errorf("idle: %v, want the context's cause", err)
	}
	reader := open(t, Sources{Stdin: strings.NewReader("1\n")}, "--key", "[range(0;infinite)]")
	for {
		_, err := reader.Next(ctx)
		if errors.Is(err, cause) {
			return
		}
		t.Fatalf("an endless expression: %v, want the context's cause", err)
	}
}

func TestAReadErrorIsToldAndTheNextFileRead(t *testing.T) {
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone")
	if err := os.WriteFile(gone, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &Options{}
	// A pipe keeps the reader from the file until it is gone.
	wait, proceed := io.Pipe()
	reader, err := o.Open(Sources{Files: []string{"-", gone, "-"}, Stdin: wait, RecordBytesMax: testLimit})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	go func() {
		io.WriteString(proceed, "first\n")
		proceed.Close()
	}()
	got := all(t, reader)
	compare(t, "lines", got, []string{v("first"), "read " + gone})
	if reader.Count() != 1 {
		t.Errorf("count %d, want 1", reader.Count())
	}
}

func TestOpenRefusesWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		sources Sources
		want    []string
	}{
		"files that are not there":  {Sources{Files: []string{file, "no-such-file", "nor-this"}}, []string{"no-such-file", "nor-this"}},
		"a directory":               {Sources{Files: []string{dir}}, []string{"is a directory: name its files"}},
		"standard input repeated":   {Sources{Files: []string{file, "-"}, Repeat: 2}, []string{"standard input cannot be read 2 times"}},
		"standard input by default": {Sources{Repeat: 3}, []string{"standard input cannot be read 3 times"}},
	} {
		_, err := new(Options).Open(test.sources)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
	if _, err := (&Options{Format: "xml"}).Open(Sources{}); err == nil {
		t.Error("wrong options were opened")
	}
}

func TestRepeatReadsFilesAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("key,value\na,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader := open(t, Sources{Files: []string{file, file}, Repeat: 2}, "--format", "csv", "--csv-header")
	compare(t, "rows", all(t, reader), []string{kv("a", "1"), kv("a", "1"), kv("a", "1"), kv("a", "1")})
	if got := reader.Origin(8).String(); got != file+":2" {
		t.Errorf("the last row's origin is %s", got)
	}
	if done, total := reader.Progress(); done != 56 || total != 56 {
		t.Errorf("progress %d of %d, want 56 of 56", done, total)
	}
}

func TestProgressOfStandardInputHasNoTotal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][]string{nil, {file, "-", file}} {
		reader := open(t, Sources{Files: files, Stdin: strings.NewReader("x\n")})
		if _, total := reader.Progress(); total != -1 {
			t.Errorf("total %d, want -1", total)
		}
	}
}

// The known tools give a record without a key the empty one, which sends all of them to one partition.
func TestARecordWithoutAKeyHasNullAndNotTheEmptyKey(t *testing.T) {
	for _, args := range [][]string{nil, {"--format", "raw"}, {"--key", ".none"}, {"--format", "csv", "--value-column", "1"}} {
		record, err := open(t, Sources{Stdin: strings.NewReader("{}")}, args...).Next(t.Context())
		if err != nil || record.Key != nil {
			t.Errorf("%q: key %q, %v; want null", args, record.Key, err)
		}
	}
}

// The known tools end, with exit code 0, at a malformed record, or pass over it.
func TestABadLineIsAnErrorAndDoesNotHideTheRest(t *testing.T) {
	reader := open(t, Sources{Stdin: strings.NewReader(v("a") + "\nbroken\n" + v("b"))}, "--format", "envelope")
	compare(t, "lines", all(t, reader), []string{v("a"), "standard input:2: the line is no JSON", v("b")})
}

// The known tools keep headers in a map, which loses duplicates and the order.
func TestHeadersKeepOrderAndDuplicates(t *testing.T) {
	const headers = `{"key":null,"value":"v","headers":[{"key":"b","value":"1"},{"key":"a","value":"2"},{"key":"b","value":"1"}]}`
	compare(t, "-H", all(t, open(t, Sources{Stdin: strings.NewReader("v")}, "-H", "b=1", "-H", "a=2", "-H", "b=1")), []string{headers})
	compare(t, "envelope", all(t, open(t, Sources{Stdin: strings.NewReader(headers)}, "--format", "envelope")), []string{headers})
}

// The known tools pass over a header or timestamp that they cannot read, and over the partition in their own JSON.
func TestWhatAnEnvelopeSaysIsUsedOrRefused(t *testing.T) {
	const line = `{"key":null,"value":"v","partition":7,"timestamp":5}`
	compare(t, "kept", all(t, open(t, Sources{Stdin: strings.NewReader(line)}, "--format", "envelope", "--keep-partition")), []string{line})
	for _, broken := range []string{`{"value":"v","timestamp":"noon"}`, `{"value":"v","partition":"a"}`, `{"value":"v","headers":["a"]}`, `{"value64":"%%"}`} {
		got := all(t, open(t, Sources{Stdin: strings.NewReader(broken)}, "--format", "envelope"))
		if len(got) != 1 || !strings.HasPrefix(got[0], "standard input:1: ") {
			t.Errorf("%s: %q, want bad input", broken, got)
		}
	}
}

func TestAPlainLineCostsNoAllocation(t *testing.T) {
	for _, args := range [][]string{nil, {"-K", ":"}, {"--format", "tsv"}, {"--format", "csv"}, {"--format", "csv", "-Z"}, {"--format", "envelope"}, {"-H", "a=b", "--crlf", "strip"}} {
		line := "key:value\n"
		switch {
		case len(args) > 1 && args[1] == "tsv":
			line = "key\tvalue\n"
		case len(args) > 1 && args[1] == "csv":
			line = "key,value\n"
			if len(args) > 2 {
				line = "\"key\",\"va\"\"l\nue\"\n"
			}
		case len(args) > 1 && args[1] == "envelope":
			line = kv("k", "v") + "\n"
		}
		reader := open(t, Sources{Stdin: &endless{line: line}}, args...)
		next := func() {
			if _, err := reader.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 1000 {
			next()
		}
		if n := testing.AllocsPerRun(10_000, next); n > 0 {
			t.Errorf("%q: %v allocations a record", args, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for name, o := range map[string]*Options{
		"plain":         {},
		"key-separator": {KeySeparator: []byte("xx")},
		"csv":           {Format: "csv", ValueColumn: "1"},
		"jq":            {KeyPath: ".a"},
	} {
		line := strings.Repeat("x", 99) + "\n"
		if name == "jq" {
			line = `{"a":"` + strings.Repeat("x", 91) + "\"}\n"
		}
		o.NoDecompress = true // block must not be asked for a few bytes
		b.Run(name, func(b *testing.B) {
			reader, err := o.Open(Sources{Stdin: &block{strings.Repeat(line, 1000)}, RecordBytesMax: testLimit})
			if err != nil {
				b.Fatal(err)
			}
			defer reader.Close()
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				if _, err := reader.Next(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// block is a reader that repeats a text, one in each Read, which must have room for it.
type block struct{ text string }

func (b *block) Read(p []byte) (int, error) { return copy(p[:len(b.text)], b.text), nil }
