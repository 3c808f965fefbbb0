package properties

import (
	"os"
	"strings"
	"testing"
)

func TestForeignNamesAreForeignAndMeanSomething(t *testing.T) {
	data, err := os.ReadFile("../../testdata/java-configs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"omnibus.halt.on.failure": true}
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(line, "\t")
		known[name] = true
	}
	for _, other := range otherSettings {
		for name := range strings.FieldsSeq(other.names) {
			if known[name] {
				t.Errorf("%s is said to be a setting of %s alone, and Java's producer has it", name, other.owner)
			}
		}
	}
	for name, ours := range otherNames {
		if known[name] {
			t.Errorf("%s needs no translation", name)
		}
		if first, _, _ := strings.Cut(ours, ","); !known[first] {
			t.Errorf("%s is translated to %s, which does not exist", name, first)
		}
	}
}

func TestSlipsCountsEdits(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"a", ""}: 1, {"", "ab"}: 2, {"acks", "akcs"}: 1, {"acks", "ack"}: 1, {"linger", "lnigre"}: 2, {"abc", "xyz"}: 3,
	} {
		if got := slips(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}

func TestOnlyWhatLooksLikeANameIsShown(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"sasl.pasword", "", "sasl.pasword"},
		{"spring.kafka.bootstrap-servers", "a:1", "spring.kafka.bootstrap-servers"},
		{"KafkaClient", "{", "KafkaClient"},
		{"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDgzc0jrpQq3xFa", "", "[hidden]"}, // a line of a private key
		{"oZlwv6JzYI61aKA44tyc0bxjY54ys1HO1dDhVb+G9nT64sF6Adu2Kmy7OdY+6iqf", "", "[hidden]"},
		{"QkWx", "=", "[hidden]"}, // its last
		{"hunter", "", "[hidden]"},
		{"hunter2", "x", "[hidden]"},
		{`"hunter";`, "x", "[hidden]"},
		{strings.Repeat("a.", 50), "x", "[hidden]"},
	} {
		if got := Shown(test.name, test.value); got != test.want {
			t.Errorf("%s=%s: %q, want %q", test.name, test.value, got, test.want)
		}
	}
}
