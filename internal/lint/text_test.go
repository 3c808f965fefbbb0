package lint

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestTexts holds for every text file, tests and documents included. The patterns below are put together so that this
// file does not match them itself.
func TestTexts(t *testing.T) {
	for _, file := range texts(t) {
		for _, complaint := range marks(file) {
			t.Error(complaint)
		}
	}
}

// mark is something that must stand in no file.
type mark struct {
	pattern *regexp.Regexp
	problem string
}

// forbiddenMarks are the signs of an open end, and of the machine on which a file was written.
func forbiddenMarks() []mark {
	return []mark{
		{regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX"}, "|") + `)\b`),
			"an open end: do it, or file an issue"},
		{regexp.MustCompile("(^|[\\s\"'`(=:,\\[])/(home|root|work|Users|mnt|opt|srv|usr/local)/"),
			"an absolute path that other machines do not have"},
		{regexp.MustCompile(`\b[A-Z]:\\+Users\b`),
			"an absolute path that other machines do not have"},
		{regexp.MustCompile(`\b(` + strings.Join(registryHosts(), "|") + `)\b`),
			"the host of a package registry: builds take it from the environment"},
	}
}

// registryHosts are patterns of the hosts that packages and images come from.
func registryHosts() []string {
	hosts := []string{"proxy golang org", "sum golang org", "goproxy io", "goproxy cn", "repo maven apache org", "repo1 maven org",
		"registry npmjs org", "pypi org", "files pythonhosted org", "docker io", "ghcr io", "quay io", "gcr io"}
	for i, host := range hosts {
		hosts[i] = strings.ReplaceAll(host, " ", `\.`)
	}
	return hosts
}

func marks(file text) []string {
	var complaints []string
	forbidden := forbiddenMarks()
	number := 0
	for line := range bytes.Lines(file.data) {
		number++
		for _, m := range forbidden {
			if found := m.pattern.Find(line); found != nil {
				complaints = append(complaints, fmt.Sprintf("%s:%d: %q: %s", file.path, number, found, m.problem))
			}
		}
	}
	return complaints
}

func TestTextRuleCanFail(t *testing.T) {
	for line, want := range map[string]string{
		"toDO and XXXL are words":                 "",
		"see https://example.com/ho" + "me/page":  "",
		"/tmp/data and internal/wo" + "rk/x":      "",
		"// TO" + "DO: later":                     "x.txt:2: \"TO" + "DO\": an open end",
		"context.TO" + "DO()":                     "an open end",
		"FIX" + "ME":                              "an open end",
		`open("/ho` + `me/alice/data")`:           "an absolute path",
		"/ro" + "ot/.m2/settings.xml":             "an absolute path",
		"dir = /wo" + "rk/main":                   "an absolute path",
		`C:\` + `Users\alice`:                     "an absolute path",
		"GOPROXY=https://proxy.gol" + "ang.org":   "the host of a package registry",
		"<url>https://repo.maven.apa" + "che.org": "the host of a package registry",
		"FROM gh" + "cr.io/x/y":                   "the host of a package registry",
	} {
		t.Run(line, func(t *testing.T) {
			wants(t, marks(text{path: "x.txt", data: []byte("first line\n" + line + "\n")}), want)
		})
	}
}
