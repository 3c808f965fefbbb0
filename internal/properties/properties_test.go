package properties_test

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// TestPropertySyntax holds what java.util.Properties does with each line.
func TestPropertySyntax(t *testing.T) {
	for text, want := range map[string][2]string{
		"a=b":            {"a", "b"},
		"a:b":            {"a", "b"},
		"a b":            {"a", "b"},
		"a\t \f=\t b ":   {"a", "b "},
		"a = = b":        {"a", "= b"},
		"a==b":           {"a", "=b"},
		"a":              {"a", ""},
		"a=":             {"a", ""},
		`a\=b\:c\ d=e`:   {"a=b:c d", "e"},
		`a=\ b`:          {"a", " b"},
		`a=\t\n\r\f\q\\`: {"a", "\t\n\r\fq\\"},
		"a=b\\\n  c":     {"a", "bc"},
		"a=b\\\n#c":      {"a", "b#c"},
		"a=b\\\\\n#c":    {"a", `b\`},
		"a=b\\":          {"a", "b"},
		"a\\\n =b":       {"a", "b"},
		"\\\n# a=b":      {"#", "a=b"},
		`a=\u0041\u00E9`: {"a", "Aé"},
		`a=\uD83D\u0041`: {"a", "\uFFFDA"},
		`a=\uD83D`:       {"a", "\uFFFD"},
		"# x\n!y\n a=b":  {"a", "b"},
	} {
		lines, errs := properties.Scan(text)
		if len(errs) > 0 || len(lines) != 1 || lines[0].Name != want[0] || lines[0].Value != want[1] {
			t.Errorf("%q: got %+v, %v; want %q", text, lines, errs, want)
		}
	}
	if lines, errs := properties.Scan("\n \t\n#a=b\n\\\n"); len(lines) > 0 || len(errs) > 0 {
		t.Errorf("blanks and comments: got %v, %v", lines, errs)
	}
	for _, text := range []string{`a=\u12`, `a=\u12x4`, `a=\u+123`, `a=\uD83D\u12`} {
		if _, errs := properties.Scan(text); len(errs) != 1 {
			t.Errorf("%q: %d errors, want 1", text, len(errs))
		}
	}
}
