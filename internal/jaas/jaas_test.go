package jaas_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/jaas"
)

func TestLogins(t *testing.T) {
	const module = "org.apache.kafka.common.security.plain.PlainLoginModule"
	for text, want := range map[string]map[string]string{
		module + ` required;`: {},
		module + ` required username="alice" password="secret";`:                   {"username": "alice", "password": "secret"},
		module + " REQUIRED\n  username=\"alice\"\n  password='it\"s' ;\n":         {"username": "alice", "password": `it"s`},
		module + ` optional username=alice password=12345;`:                        {"username": "alice", "password": "12345"},
		module + ` required password="a\"b\\c\n\t\101\7z\ä";`:                      {"password": "a\"b\\c\n\tA\azä"},
		module + ` required password="ä=;// /*";`:                                  {"password": "ä=;// /*"},
		module + ` required a="" unsecuredLoginStringClaim_sub = "x" ; // the end`: {"a": "", "unsecuredLoginStringClaim_sub": "x"},
		"/* who */ " + module + " // which\n required a=\"1\" a=\"2\";":            {"a": "2"},
	} {
		login, err := jaas.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := make(map[string]string)
		for _, name := range slices.Collect(maps.Keys(login.Options)) {
			got[name] = login.Option(name)
		}
		if login.Module != module || !maps.Equal(got, want) {
			t.Errorf("%q: got %s %q, want %q", text, login.Module, got, want)
		}
	}
}

func TestMistakesAreNamedAndValuesAreNot(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "login module",
		";":                                    "login module",
		`M username="canary";`:                 "required",
		`M required username="canary"`:         "without a ';'",
		`M required username "canary";`:        "want '='",
		`M required username=;`:                "want a value",
		`M required "canary"="x";`:             "name of an option",
		`M required password="canary;`:         "does not end",
		"M required password=\"canary\n\";":    "does not end on its line",
		`M required a="canary"; M required;`:   "one login module",
		`M required a="canary"; /* `:           "one login module",
		`M required a="canary" /* `:            "comment",
		`KafkaClient { M required a="can"; };`: "required",
	} {
		_, err := jaas.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "can") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`M required a="b" c=d;`)
	f.Add(`M required a="\101\`)
	f.Fuzz(func(t *testing.T, text string) {
		if login, err := jaas.Parse(text); err == nil && login.Module == "" {
			t.Error("a login without a module")
		}
	})
}
