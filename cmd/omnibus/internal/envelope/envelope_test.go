package envelope

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

func TestAppendWritesWhatTheRecordHas(t *testing.T) {
	for name, test := range map[string]struct {
		record omnibus.Record
		want   string
	}{
		"a value alone":     {omnibus.Record{Value: []byte("v")}, `{"key":null,"value":"v"}`},
		"key and value":     {omnibus.Record{Key: []byte("k"), Value: []byte("v")}, `{"key":"k","value":"v"}`},
		"empty is not null": {omnibus.Record{Key: []byte{}, Value: []byte{}}, `{"key":"","value":""}`},
		"a tombstone":       {omnibus.Record{Key: []byte("k")}, `{"key":"k","value":null}`},
		"bytes":             {omnibus.Record{Key: []byte{0xff}, Value: []byte{0, 0xfe}}, `{"key64":"/w==","value64":"AP4="}`},
		"what JSON escapes": {omnibus.Record{Value: []byte("\"\\\n\x00é\u2028")}, `{"key":null,"value":"\"\\\n\u0000é` + "\u2028" + `"}`},
		"partition 0":       {omnibus.Record{Partition: omnibus.At(0), Value: []byte("v")}, `{"key":null,"value":"v","partition":0}`},
		"the epoch":         {omnibus.Record{Timestamp: time.UnixMilli(0), Value: []byte("v")}, `{"key":null,"value":"v","timestamp":0}`},
		"headers": {omnibus.Record{Value: []byte("v"), Headers: []omnibus.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "", Value: []byte{}}, {Key: "\xff", Value: []byte{0xfe}}}},
			`{"key":null,"value":"v","headers":[{"key":"a","value":"1"},{"key":"a","value":null},{"key":"","value":""},{"key64":"/w==","value64":"/g=="}]}`},
		"everything": {omnibus.Record{Topic: "orders", Partition: omnibus.At(3), Key: []byte("k"), Value: []byte("v"), Timestamp: time.UnixMilli(1700000000123), Tag: 9},
			`{"key":"k","value":"v","partition":3,"timestamp":1700000000123,"topic":"orders"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(Append([]byte("before "), &test.record)); got != "before "+test.want {
				t.Errorf("got  %s\nwant before %s", got, test.want)
			}
		})
	}
}

func TestAppendConsumedTellsTheOffset(t *testing.T) {
	record := omnibus.Record{Value: []byte("v"), Topic: "t"}
	line := AppendConsumed(nil, &record, 7)
	if want := `{"key":null,"value":"v","topic":"t","offset":7}`; string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if _, err := new(Decoder).Decode(line); err != nil {
		t.Error(err)
	}
}

// failed is a line of a dead-letter file with everything in it.
func failed() Failure {
	return Failure{
		Record: omnibus.Record{Topic: "orders", Key: []byte("k"), Headers: []omnibus.Header{{Key: "h"}}, Timestamp: time.UnixMilli(5)},
		File:   "in.ndjson", Line: 3, Error: "no \"luck\"", Class: "timeout", Attempts: 2, InDoubt: true,
	}
}

func TestADeadLetterIsReadBack(t *testing.T) {
	f := failed()
	line := AppendFailure(nil, &f)
	const want = `{"key":"k","value":null,"timestamp":5,"headers":[{"key":"h","value":null}],"topic":"orders",` +
		`"file":"in.ndjson","line":3,"error":"no \"luck\"","class":"timeout","attempts":2,"in_doubt":true}`
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	got, err := new(Decoder).DecodeFailure(line)
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v, %v; want %+v", got, err, f)
	}
}

func TestInputThatBecameNoRecordIsNoValueInADeadLetter(t *testing.T) {
	for _, raw := range [][]byte{[]byte("no separator"), {0xff}, {}, nil} {
		f := Failure{Record: omnibus.Record{Topic: "orders", Value: raw}, Raw: true, File: "f", Line: 1, Class: "bad_input"}
		line := AppendFailure(nil, &f)
		if bytes.Contains(line, []byte("value")) {
			t.Errorf("%s has a value that could be sent", line)
		}
		got, err := new(Decoder).DecodeFailure(line)
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v, %v; want %+v", got, err, f)
		}
	}
}

func TestAPlainEnvelopeIsADeadLetterThatWasNeverTried(t *testing.T) {
	got, err := new(Decoder).DecodeFailure([]byte(`{"value":"v","topic":"t"}`))
	want := Failure{Record: omnibus.Record{Topic: "t", Value: []byte("v")}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestDecodeReadsTheRecord(t *testing.T) {
	value := func(v string) omnibus.Record { return omnibus.Record{Value: []byte(v)} }
	for line, want := range map[string]omnibus.Record{
		`{"value":"v"}`:                         value("v"),
		` { "value" : "v" } ` + "\r":            value("v"),
		`{"value":""}`:                          value(""),
		`{"value":null}`:                        {},
		`{"key":null,"value":"v"}`:              value("v"),
		`{"key":"","value":"v"}`:                {Key: []byte{}, Value: []byte("v")},
		`{"key":"k","value":null}`:              {Key: []byte("k")},
		`{"v\u0061lue":"\u00e9\n\ud83d\ude00"}`: value("é\n😀"),
		`{"value":42}`:                          value("42"),
		`{"value":-1.50e+3}`:                    value("-1.50e+3"),
		`{"value":12345678901234567890123}`:     value("12345678901234567890123"),
		`{"value":true}`:                        value("true"),
		`{"value":{"a": [1,  2]}}`:              value(`{"a": [1,  2]}`),
		`{"value":{"a":1,"a":2}}`:               value(`{"a":1,"a":2}`),
		`{"value":"null"}`:                      value("null"),
		`{"key":7,"value":[]}`:                  {Key: []byte("7"), Value: []byte("[]")},
		`{"key64":"AP8=","value64":""}`:         {Key: []byte{0, 255}, Value: []byte{}},
		`{"key64":null,"value64":null}`:         {},
		`{"value":"v","partition":0}`:           {Value: []byte("v"), Partition: omnibus.At(0)},
		`{"value":"v","partition":null,"timestamp":null,"headers":null,"topic":null,"offset":null}`: value("v"),
		`{"value":"v","timestamp":0}`:                                         {Value: []byte("v"), Timestamp: time.UnixMilli(0)},
		`{"value":"v","timestamp":1700000000123,"topic":"orders","offset":9}`: {Value: []byte("v"), Timestamp: time.UnixMilli(1700000000123), Topic: "orders"},
		`{"value":"v","headers":[]}`:                                          {Value: []byte("v"), Headers: []omnibus.Header{}},
		`{"value":"v","headers":[{"key":"a","value":"1"},{"value":null,"key":"a"},{"key64":"/w==","value64":"AA=="},{"key":"","value":{"x":1}}]}`: {Value: []byte("v"),
			Headers: []omnibus.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "\xff", Value: []byte{0}}, {Key: "", Value: []byte(`{"x":1}`)}}},
	} {
		d := &Decoder{headers: []omnibus.Header{}}
		got, err := d.Decode([]byte(line))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", line, got, err, want)
		}
	}
}

func TestWhatIsNoEnvelopeIsAnErrorThatSaysWhatWasWanted(t *testing.T) {
	for line, want := range map[string]string{
		``:                            "the line is empty",
		`  `:                          "the line is empty",
		`plain text`:                  "no JSON",
		`"text"`:                      "the envelope is a string: want a JSON object",
		`[{"value":"v"}]`:             "the envelope is an array",
		`null`:                        "the envelope is null",
		`{}`:                          `no "value"`,
		`{"key":"k"}`:                 `no "value"`,
		`{"value":"v"`:                "unexpected EOF at byte 13",
		`{"value":`:                   "unexpected EOF",
		`{"value":}`:                  "no JSON",
		`{"value" "v"}`:               "no JSON",
		`{"value":"v",}`:              "no JSON",
		`{"value":"v"}}`:              "no JSON",
		`{"value":"v"} {"value":"w"}`: "something follows",
		`{"value":"v"} x`:             "no JSON",
		`{"Value":"v"}`:               `unknown field "Value": want key, key64, value`,
		`{"value":"v","ts":1}`:        `unknown field "ts"`,
		`{"value":"v","` + strings.Repeat("x", 100) + `":1}`:          "xxx…",
		`{"value":"v","value":"w"}`:                                   `"value" stands twice`,
		`{"value":"v","value64":"dg=="}`:                              `"value64" stands twice`,
		`{"key":"v","value":"v","key64":""}`:                          `"key64" stands twice`,
		"{\"value\":\"\xff\"}":                                        "UTF-8",
		`{"value":"\ud800"}`:                                          "surrogate",
		`{"value":"\x"}`:                                              "escape",
		"{\"value\":\"a\nb\"}":                                        "no JSON",
		`{"value64":"/w="}`:                                           "no base64",
		`{"value64":"/w"}`:                                            "no base64",
		`{"value64":"_w=="}`:                                          "no base64",
		`{"value64":"/x=="}`:                                          "no base64",
		`{"value64":"/w\n=="}`:                                        "no base64",
		`{"value64":"/w==x"}`:                                         "no base64",
		`{"value64":5}`:                                               `"value64" is a number: want a string of base64`,
		`{"value":"v","partition":-1}`:                                `"partition" is -1: want a whole number from 0 to 2147483647`,
		`{"value":"v","partition":2147483648}`:                        `"partition" is 2147483648`,
		`{"value":"v","partition":"1"}`:                               `"partition" is a string`,
		`{"value":"v","timestamp":1.5}`:                               `"timestamp" is 1.5`,
		`{"value":"v","timestamp":1e3}`:                               `"timestamp" is 1e3`,
		`{"value":"v","timestamp":-1}`:                                `"timestamp" is -1`,
		`{"value":"v","timestamp":9223372036854775808}`:               `"timestamp" is 9223372036854775808`,
		`{"value":"v","timestamp":"2026-11-22"}`:                      `"timestamp" is a string`,
		`{"value":"v","timestamp":}`:                                  "no JSON",
		`{"value":"v","topic":5}`:                                     `"topic" is a number: want a string`,
		`{"value":"v","offset":"5"}`:                                  `"offset" is a string`,
		`{"value":"v","headers":{"a":"b"}}`:                           `"headers" is an object: want an array`,
		`{"value":"v","headers":["a"]}`:                               "a header is a string",
		`{"value":"v","headers":[{"key":"a"}]}`:                       "a header needs a key and a value",
		`{"value":"v","headers":[{"value":"a"}]}`:                     "a header needs a key and a value",
		`{"value":"v","headers":[{"key":null,"value":"a"}]}`:          "a header needs a key and a value",
		`{"value":"v","headers":[{"key":"a","value":"b","x":1}]}`:     `a header has the unknown field "x"`,
		`{"value":"v","headers":[{"key":"a","raw":"b"}]}`:             `a header has the unknown field "raw"`,
		`{"value":"v","headers":[{"key":"a","key":"b","value":"c"}]}`: `"key" stands twice`,
		`{"value":"v","headers":[`:                                    "unexpected EOF",
		`{"value":"v","headers":[{"key":"a","value":"b"}`:             "unexpected EOF",
		`{"value":"v","file":"f"}`:                                    "omnibus replay",
		`{"raw":"v"}`:                                                 "omnibus replay",
	} {
		_, err := new(Decoder).Decode([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", line, err, want)
		}
		if _, ok := err.(*Error); !ok {
			t.Errorf("%s: %T is no *Error", line, err)
		}
	}
}

func TestMistakesInADeadLetterAreErrors(t *testing.T) {
	for line, want := range map[string]string{
		`{"value":"v","raw":"r"}`:                        `"raw" stands twice`,
		`{"value":"v","line":-1}`:                        `"line" is -1`,
		`{"value":"v","attempts":"two"}`:                 `"attempts" is a string`,
		`{"value":"v","in_doubt":1}`:                     `"in_doubt" is a number: want true or false`,
		`{"value":"v","file":1}`:                         `"file" is a number`,
		`{"value":"v","error":1}`:                        `"error" is a number`,
		`{"value":"v","class":1}`:                        `"class" is a number`,
		`{"value":"v","in_doubt":true,"in_doubt":false}`: `"in_doubt" stands twice`,
	} {
		if _, err := new(Decoder).DecodeFailure([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func TestADecoderForgetsTheEnvelopeBefore(t *testing.T) {
	var d Decoder
	if _, err := d.DecodeFailure([]byte(`{"key":"k","raw":"r","headers":[{"key":"a","value":"b"}],"in_doubt":true}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode([]byte(`{"broken`)); err == nil {
		t.Fatal("no error")
	}
	got, err := d.Decode([]byte(`{"value":"v"}`))
	if want := (omnibus.Record{Value: []byte("v")}); err != nil || !reflect.DeepEqual(got, want) || d.result.Raw || d.result.InDoubt {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestTheLineIsNotChanged(t *testing.T) {
	line := []byte(`{"value64":"AP8=","key":"\u0041"}{"value":"the next"}`)
	before := bytes.Clone(line)
	if _, err := new(Decoder).Decode(line[:33]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(line, before) {
		t.Errorf("the line is now %s", line)
	}
}

func TestNamesOfHeadersAreNotRememberedWithoutBound(t *testing.T) {
	var d Decoder
	for i := range 3 * namesMax {
		if _, err := d.Decode(fmt.Appendf(nil, `{"value":null,"headers":[{"key":"%d","value":null},{"key":"%0999d","value":null}]}`, i, i)); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for name := range d.names {
		total += len(name)
	}
	if len(d.names) > namesMax || total > namesMax*nameBytesMax {
		t.Errorf("%d names of %d bytes are kept, want at most %d", len(d.names), total, namesMax)
	}
}

// A decoder that forgets what it read of a line, or an encoder that says it otherwise, would show here.
func TestRoundTripOf100000GeneratedRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	var d Decoder
	var line []byte
	for i := range 100_000 {
		want := generated(random)
		line = Append(line[:0], &want)
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Fatalf("record %d: the envelope %q is not one line", i, line)
		}
		got, err := d.Decode(line)
		if err != nil {
			t.Fatalf("record %d: %v\n%s", i, err, line)
		}
		if !same(got, want) {
			t.Fatalf("record %d\ngot  %+v\nwant %+v\n%s", i, got, want, line)
		}
	}
}

// generated is a record with a little of everything.
func generated(random *rand.Rand) omnibus.Record {
	r := omnibus.Record{Key: generatedBytes(random), Value: generatedBytes(random)}
	if random.IntN(2) == 0 {
		r.Topic = fmt.Sprintf("topic-%d", random.IntN(5))
	}
	if random.IntN(2) == 0 {
		r.Partition = omnibus.At(random.Int32() >> random.IntN(31))
	}
	if random.IntN(2) == 0 {
		r.Timestamp = time.UnixMilli(random.Int64() >> random.IntN(63))
	}
	for range random.IntN(4) {
		r.Headers = append(r.Headers, omnibus.Header{Key: string(generatedBytes(random)), Value: generatedBytes(random)})
	}
	return r
}

// generatedBytes is null, empty, text, or bytes of which most are no text.
func generatedBytes(random *rand.Rand) []byte {
	switch random.IntN(8) {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2, 3:
		b := make([]byte, random.IntN(40))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	var b []byte
	for range random.IntN(20) {
		const alphabet = "ab \"\\/\x00\x1f\x7f\r\n\té€😀\u2028\ufffd"
		runes := []rune(alphabet)
		b = append(b, string(runes[random.IntN(len(runes))])...)
	}
	return append([]byte{}, b...)
}

// same reports whether two records are the same to a broker, null and empty apart.
func same(a, b omnibus.Record) bool {
	equal := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	if !equal(a.Key, b.Key) || !equal(a.Value, b.Value) || a.Topic != b.Topic || a.Partition != b.Partition ||
		!a.Timestamp.Equal(b.Timestamp) || a.Timestamp.IsZero() != b.Timestamp.IsZero() || len(a.Headers) != len(b.Headers) {
		return false
	}
	for i := range a.Headers {
		if a.Headers[i].Key != b.Headers[i].Key || !equal(a.Headers[i].Value, b.Headers[i].Value) {
			return false
		}
	}
	return true
}

func FuzzDecode(f *testing.F) {
	dead := failed()
	f.Add(AppendFailure(nil, &dead))
	f.Add([]byte(`{"key64":"AA==","value":{"a":[1,"\ud83d\ude00"]},"partition":1,"timestamp":2,"headers":[{"key":"a","value":null}],"topic":"t","offset":3}`))
	f.Add([]byte(`{"v\u0061lue":null} `))
	f.Fuzz(func(t *testing.T, line []byte) {
		var first, second, third Decoder
		got, err := first.DecodeFailure(line)
		if err != nil {
			return
		}
		written := AppendFailure(nil, &got)
		again, err := second.DecodeFailure(written)
		if err != nil || !same(got.Record, again.Record) || got.InDoubt != again.InDoubt || got.Raw != again.Raw || got.Error != again.Error {
			t.Errorf("%q\nwas read as  %+v\nwritten as   %q\nread back as %+v, %v", line, got, written, again, err)
		}
		if got.Raw {
			return
		}
		plain, err := third.Decode(Append(nil, &got.Record))
		if err != nil || !same(plain, got.Record) {
			t.Errorf("%q\nwas read as  %+v\nread back as %+v, %v", line, got.Record, plain, err)
		}
	})
}

const benchLine = `{"key":"user-12345","value":"{\"user\":{\"id\":12345,\"name\":\"Ada\"},\"amount\":12.5,\"items\":[1,2,3]}","partition":3,"timestamp":1700000000000,"headers":[{"key":"trace","value":"abc"}],"topic":"orders","offset":17}`

func TestDecodeAllocatesNothingForAnEnvelopeLikeTheLast(t *testing.T) {
	var d Decoder
	line := []byte(benchLine)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Decode(line); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	record := omnibus.Record{Topic: "t", Key: []byte{0xff}, Value: []byte("v"), Headers: []omnibus.Header{{Key: "trace", Value: []byte("abc")}}}
	line := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { line = AppendConsumed(line[:0], &record, 5) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	var d Decoder
	line := []byte(benchLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	var d Decoder
	record, err := d.Decode([]byte(benchLine))
	if err != nil {
		b.Fatal(err)
	}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = Append(line[:0], &record)
	}
	b.SetBytes(int64(len(line)))
}
