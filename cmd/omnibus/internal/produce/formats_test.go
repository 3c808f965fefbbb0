package produce_test

import (
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

func TestWhatEnvelopesBecome(t *testing.T) {
	t.Parallel()
	bad := func(name, in, says string) row {
		return row{name: name, line: "--format envelope", in: in + "\n", code: 4, sum: "1 1 0 0 0", stderr: []string{"standard input:1: ", says}}
	}
	good := func(name, in string, want ...string) row {
		return row{name: name, line: "--format envelope", in: in + "\n", want: want}
	}
	runTable(t, []row{
		good("key and value", `{"key":"k","value":"v"}`, `"k"="v"`),
		good("value alone", `{"value":"v"}`, `-="v"`),
		good("nulls", `{"key":null,"value":null}`, `-=-`),
		good("empty ones", `{"key":"","value":""}`, `""=""`),
		good("a tombstone", `{"key":"k","value":null}`, `"k"=-`),
		good("bytes", `{"key64":"/w==","value64":"AP8="}`, `"\xff"="\x00\xff"`),
		good("an object for a value", `{"value":{"b": 1,"a":[]}}`, `-="{\"b\": 1,\"a\":[]}"`),
		good("a number for a value", `{"value":1.50}`, `-="1.50"`),
		good("a truth for a value", `{"value":true}`, `-="true"`),
		good("escapes", `{"value":"a\n\u00e9\ud83d\ude8c"}`, `-="a\né🚌"`),
		good("a timestamp", `{"value":"v","timestamp":1000}`, `-="v" @1000`),
		good("headers in order, twice, null and empty", `{"value":"v","headers":[{"key":"b","value":"1"},{"key":"a","value":null},{"key":"b","value":""}]}`, `-="v" b="1" a=- b=""`),
		good("the command line's topic holds", `{"value":"v","topic":"elsewhere"}`, `-="v"`),
		good("what consume adds", `{"value":"v","partition":0,"offset":7}`, `-="v"`),
		{name: "its partition is not used", line: "--format envelope -o %p", partitions: 3, in: `{"key":"b","value":"v","partition":0}`, want: []string{`2: "b"="v"`}, stdout: "2"},
		{name: "its partition is used on demand", line: "--format envelope --keep-partition -o %p", partitions: 3, in: `{"key":"b","value":"v","partition":0}`, want: []string{`0: "b"="v"`}, stdout: "0"},
		{name: "a partition beyond the last", line: "--format envelope --keep-partition", partitions: 3, in: `{"value":"v","partition":7}`, code: 4, sum: "1 1 0 0 0", stderr: []string{"partition 7"}},
		{name: "headers of the command line come behind", line: "--format envelope -H src=a", in: `{"value":"v","headers":[{"key":"h","value":"1"}]}`, want: []string{`-="v" h="1" src="a"`}},
		{name: "a byte order mark", line: "--format envelope", in: "\ufeff" + `{"value":"v"}`, want: []string{`-="v"`}},
		{name: "a key of the command line", line: "--format envelope -k id", in: "", code: 1, stderr: []string{"exclude each other"}},
		{name: "a timestamp of 1969", line: "--format envelope", in: `{"value":"v","timestamp":-1}`, code: 4, sum: "1 1 0 0 0"},
		bad("no value", `{"key":"k"}`, "value"),
		bad("an unknown field", `{"value":"v","Key":"k"}`, "Key"),
		bad("a field twice", `{"value":"v","value":"w"}`, "value"),
		bad("text for a partition", `{"value":"v","partition":"0"}`, "partition"),
		bad("an object for headers", `{"value":"v","headers":{"a":"b"}}`, "headers"),
		bad("a broken base64", `{"value64":"%%"}`, "value64"),
		bad("no JSON", `value`, ""),
		bad("half of an object", `{"value":"v"`, ""),
		bad("an array", `["v"]`, ""),
		bad("an empty line", ``, ""),
		bad("invalid UTF-8", "{\"value\":\"\xff\"}", ""),
	})
}

func TestWhatRowsBecome(t *testing.T) {
	t.Parallel()
	runTable(t, []row{
		{name: "csv", line: "--format csv", in: "k,v\n", want: []string{`"k"="v"`}},
		{name: "quotes", line: "--format csv", in: "\"a,b\",\"say \"\"hi\"\"\"\n", want: []string{`"a,b"="say \"hi\""`}},
		{name: "a row over lines", line: "--format csv", in: "k,\"a\nb\"\nx,y\n", want: []string{`"k"="a\nb"`, `"x"="y"`}},
		{name: "columns by number", line: "--format csv --key-column 3 --value-column 1", in: "a,b,c\n", want: []string{`"c"="a"`}},
		{name: "columns by name", line: "--format csv --csv-header --key-column id --value-column name", in: "name,x,id\nann,1,7\n", want: []string{`"7"="ann"`}},
		{name: "a value alone", line: "--format csv --value-column 2", in: "a,b\n", want: []string{`-="b"`}},
		{name: "carriage returns", line: "--format csv", in: "k,v\r\nx,y\r\n", want: []string{`"k"="v"`, `"x"="y"`}},
		{name: "nulls", line: "--format csv --null-marker NULL", in: "k,NULL\nNULL,v\n", want: []string{`"k"=-`, `-="v"`}},
		{name: "a column too few", line: "--format csv", in: "k,v\nalone\n", code: 4, want: []string{`"k"="v"`}, stderr: []string{"standard input:2: "}},
		{name: "a quote that is not closed", line: "--format csv", in: "k,\"v\n", code: 4, stderr: []string{"standard input:1: "}},
		{name: "a column that there is not", line: "--format csv --csv-header --key-column id --value-column nope", in: "id,name\n1,a\n", code: 4, stderr: []string{"nope"}},
		{name: "a name without a header", line: "--format csv --key-column id --value-column 1", code: 1, stderr: []string{"--csv-header"}},
		{name: "column 0", line: "--format csv --key-column 0 --value-column 1", code: 1, stderr: []string{"--key-column"}},
		{name: "tsv", line: "--format tsv", in: "k\tv\n", want: []string{`"k"="v"`}},
		{name: "quotes are data in tsv", line: "--format tsv", in: "k\t{\"a\":\"b\"}\n", want: []string{`"k"="{\"a\":\"b\"}"`}},
		{name: "a key separator with csv", line: "--format csv -K :", code: 1, stderr: []string{"--key-separator"}},

		{name: "raw", line: "--format raw", in: "a\nb\n", want: []string{`-="a\nb\n"`}},
		{name: "raw files", line: "--format raw {d}/a {d}/b", file: map[string]string{"a": "x\x00\r\n", "b": ""}, want: []string{`-="x\x00\r\n"`, `-=""`}},
		{name: "raw with a key", line: "--format raw -k id", in: "a", want: []string{`"id"="a"`}},
		{name: "a delimiter with raw", line: "--format raw -D ;", code: 1, stderr: []string{"--delimiter"}},

		{name: "a format that there is not", line: "--format xml", code: 1, stderr: []string{"--format", "envelope"}},
	})
}

func TestPartsOfAValueBecomeKeyHeadersAndTimestamp(t *testing.T) {
	t.Parallel()
	const order = `{"user":{"id":"u1","n":7},"origin":"web","ts":1000,"none":null}` + "\n"
	const quotedOrder = `{\"user\":{\"id\":\"u1\",\"n\":7},\"origin\":\"web\",\"ts\":1000,\"none\":null}`
	runTable(t, []row{
		{name: "a key by its path", line: "--key .user.id", in: order, want: []string{`"u1"="` + quotedOrder + `"`}},
		{name: "a number for a key", line: "--key .user.n", in: order, want: []string{`"7"="` + quotedOrder + `"`}},
		{name: "null for a key", line: "--key .none", in: order, want: []string{`-="` + quotedOrder + `"`}},
		{name: "a header by its path", line: "--header src=.origin", in: order, want: []string{`-="` + quotedOrder + `" src="web"`}},
		{name: "headers by path and as they are", line: "-H a=b --header src=.origin --header src=.user.n", in: order, want: []string{`-="` + quotedOrder + `" a="b" src="web" src="7"`}},
		{name: "a timestamp by its path", line: "--timestamp .ts", in: order, want: []string{`-="` + quotedOrder + `" @1000`}},
		{name: "a timestamp in words", line: "--timestamp .ts", in: `{"ts":"1970-01-01T00:00:02Z"}`, want: []string{`-="{\"ts\":\"1970-01-01T00:00:02Z\"}" @2000`}},
		{name: "a timestamp that is none", line: "--timestamp .origin", in: order, code: 4, sum: "1 1 0 0 0", stderr: []string{"standard input:1: ", "timestamp"}},
		{name: "no JSON", line: "--key .id", in: "plain\n", code: 4, sum: "1 1 0 0 0", stderr: []string{"standard input:1: "}},
		{name: "a path that is none", line: "--key ..[", code: 1, stderr: []string{"--key"}},
		{name: "a header without a path", line: "--header src", code: 1, stderr: []string{"--header"}},
		{name: "two keys", line: "--key .id -k x", code: 1, stderr: []string{"exclude each other"}},
		{name: "a path in an envelope", line: "--format envelope --key .id", code: 1, stderr: []string{"--key"}},
	})
}

func TestCompressedInputIsReadAsWhatItHolds(t *testing.T) {
	t.Parallel()
	zip, zst := gzipped(t, "a\nb\n"), zstandard(t, "a\nb\n")
	all := []string{`-="a"`, `-="b"`}
	runTable(t, []row{
		{name: "gzip", line: "{d}/f.gz", file: map[string]string{"f.gz": zip}, want: all},
		{name: "zstd", line: "{d}/f.zst", file: map[string]string{"f.zst": zst}, want: all},
		{name: "gzip on standard input", in: zip, want: all},
		{name: "several members", line: "{d}/f.gz", file: map[string]string{"f.gz": zip + zip}, want: append(all, all...)},
		{name: "as it is", line: "--format raw --no-decompress {d}/f.gz -z none", file: map[string]string{"f.gz": "\x1f\x8bx"}, want: []string{`-="\x1f\x8bx"`}},
		{name: "cut off", line: "{d}/f.gz", file: map[string]string{"f.gz": zip[:len(zip)-4]}, code: 4, want: all, stderr: []string{"f.gz"}},
		{name: "none although its name says so", line: "{d}/f.gz", file: map[string]string{"f.gz": "a\nb\n"}, code: 4, sum: "0 0 0 0 0", stderr: []string{"f.gz"}},
	})
}
