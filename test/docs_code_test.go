package test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// snippetPackages are what a piece of Go in a document may name without importing it.
var snippetPackages = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "io": "io", "log": "log", "os": "os", "slog": "log/slog", "strings": "strings",
	"strconv": "strconv", "testing": "testing", "time": "time", "tls": "crypto/tls", "json": "encoding/json", "http": "net/http",
	"omnibus":   "github.com/omnibus-kafka/omnibus",
	"serde":     "github.com/omnibus-kafka/omnibus/serde",
	"kafkatest": "github.com/omnibus-kafka/omnibus/kafkatest",
	"embedded":  "github.com/omnibus-kafka/omnibus/embedded",
	"kgo":       "github.com/twmb/franz-go/pkg/kgo",
	"kerr":      "github.com/twmb/franz-go/pkg/kerr",
	"plain":     "github.com/twmb/franz-go/pkg/sasl/plain",
	"scram":     "github.com/twmb/franz-go/pkg/sasl/scram",
	"sarama":    "github.com/IBM/sarama",
}

// snippetHead has the names that pieces of Go in documents do not declare themselves.
const snippetHead = `func _(ctx context.Context, p *omnibus.Producer, config omnibus.Config, r omnibus.Record, records []omnibus.Record,
	key, value []byte, cl *kgo.Client, sync sarama.SyncProducer, async sarama.AsyncProducer, t *testing.T,
) (_ error) {
	{
%s
	}
	return
}
`

// TestDocumentedCodeCompiles compiles every block of Go in the documents, those of other clients included.
func TestDocumentedCodeCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds other clients")
	}
	c := newClone(t, t.TempDir())
	at := make(map[string]string)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.lang != "go" {
				continue
			}
			name := fmt.Sprintf("test/snippets/n%d", len(at))
			at[name] = fmt.Sprintf("%s:%d", d.path, b.line)
			if err := os.MkdirAll(filepath.Join(c.dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(c.dir, name, "snippet.go"), []byte(compilable(b.body)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-e", "./snippets/...")
	cmd.Dir, cmd.Env = filepath.Join(c.dir, "test"), c.env
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "./"), "/snippet.go")
		if unused.MatchString(line) || strings.HasPrefix(line, "# ") {
			continue
		}
		t.Errorf("%s: %s", cmp.Or(at["test/"+name], "go build"), line)
	}
	if err != nil && len(out) == 0 {
		t.Error(err)
	}
	if len(at) < 10 {
		t.Errorf("%d blocks of Go were compiled, which are fewer than the documents have", len(at))
	}
}

// unused is what a compiler says of a piece that is not the whole.
var unused = regexp.MustCompile(`declared and not used`)

// compilable makes a file of a block.
func compilable(body string) string {
	if strings.HasPrefix(body, "package ") {
		return body
	}
	declarations := regexp.MustCompile(`^(//[^\n]*\n)*(func|type|var|const) `).MatchString(body)
	if !declarations {
		body = fmt.Sprintf(snippetHead, body)
	}
	var file strings.Builder
	file.WriteString("package snippet\n\n")
	for _, name := range slices.Sorted(maps.Keys(snippetPackages)) {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(body) {
			fmt.Fprintf(&file, "import %s %q\n", name, snippetPackages[name])
		}
	}
	file.WriteString("\n" + body)
	return file.String()
}
