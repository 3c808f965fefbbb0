package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryErrorHasAnEntry checks that docs/ERRORS.md has a heading for each exported error of the library, the
// embedded broker and key stores. The heading is the error's name, so that its anchor stays.
func TestEveryErrorHasAnEntry(t *testing.T) {
	headings := make(map[string]bool)
	for _, heading := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(read(t, "docs/ERRORS.md"), -1) {
		headings[heading[1]] = true
	}
	var names []string
	for _, dir := range []string{".", "embedded", "keystore"} {
		names = append(names, exportedErrors(t, filepath.Join(repository, dir))...)
	}
	if len(names) < 15 {
		t.Errorf("only %q were found", names)
	}
	for _, name := range names {
		if !headings[name] {
			t.Errorf("docs/ERRORS.md has no heading %q", "### "+name)
		}
	}
}

// exportedErrors are the exported variables Err… of the package in a folder, and its exported types with a method Error.
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, file := range parsed(t, dir, func(name string) bool { return filepath.Dir(name) == filepath.Clean(dir) }) {
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.GenDecl:
				names = append(names, errorVariables(d)...)
			case *ast.FuncDecl:
				if d.Name.Name == "Error" && d.Recv != nil {
					names = append(names, exportedReceiver(d)...)
				}
			}
		}
	}
	return names
}

func errorVariables(d *ast.GenDecl) (names []string) {
	for _, spec := range d.Specs {
		values, ok := spec.(*ast.ValueSpec)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, name := range values.Names {
			if strings.HasPrefix(name.Name, "Err") {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) []string {
	receiver := d.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if name, ok := receiver.(*ast.Ident); ok && name.IsExported() {
		return []string{name.Name}
	}
	return nil
}

// parsed reads the Go files below a folder that are wanted, tests excepted.
func parsed(t *testing.T, dir string, want func(name string) bool) []*ast.File {
	t.Helper()
	var all []*ast.File
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || !want(name) {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		all = append(all, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestQuotedErrorsAreInTheSource checks every text that docs/ERRORS.md quotes, which is a line in a block of text: what
// stands between … is a literal of the source.
func TestQuotedErrorsAreInTheSource(t *testing.T) {
	var literals strings.Builder
	for _, file := range parsed(t, repository, func(string) bool { return true }) {
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				literals.WriteString(text + "\n")
			}
			return true
		})
	}
	// What is put together with + is one literal, up to a line's end that nobody quotes.
	all := literals.String()
	joined := strings.ReplaceAll(all, "\n", "")
	quoted := 0
	for _, b := range documentNamed(t, "docs/ERRORS.md").blocks {
		if b.lang != "text" {
			continue
		}
		for text := range strings.Lines(b.body) {
			for piece := range strings.SplitSeq(strings.TrimSpace(text), "…") {
				if piece = strings.TrimSpace(piece); piece == "" {
					continue
				}
				quoted++
				if !strings.Contains(all, piece) && !strings.Contains(joined, piece) {
					t.Errorf("docs/ERRORS.md:%d: no error says %q", b.line, piece)
				}
			}
		}
	}
	if quoted < 40 {
		t.Errorf("only %d texts are quoted", quoted)
	}
}

// TestEverySettingHasARow checks that docs/TUNING.md has a row for each setting that does something, with the right field and
// default, and names each field of the configuration.
func TestEverySettingHasARow(t *testing.T) {
	text := read(t, "docs/TUNING.md")
	rows := make(map[string][]string)
	for _, row := range regexp.MustCompile(`(?m)^\|(.*)\|$`).FindAllStringSubmatch(text, -1) {
		var cells []string
		for cell := range strings.SplitSeq(row[1], "|") {
			cells = append(cells, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		rows[cells[0]] = cells
	}
	known := make(map[string]bool)
	for _, p := range (omnibus.Config{}).Properties() {
		known[p.Name] = true
		row, ok := rows[p.Name]
		switch {
		case p.Support != omnibus.Honoured:
		case !ok:
			t.Errorf("docs/TUNING.md has no row for %s (%s, default %q)", p.Name, p.Field, p.Default)
		case len(row) < 4:
			t.Errorf("docs/TUNING.md: the row of %s has %d cells", p.Name, len(row))
		default:
			if field := strings.Trim(row[1], "`"); field != p.Field && p.Field != "" {
				t.Errorf("docs/TUNING.md: %s is the field %q and not %q", p.Name, p.Field, field)
			}
			if def, _, _ := strings.Cut(row[2], " "); strings.Trim(def, "`") != p.Default {
				t.Errorf("docs/TUNING.md: the default of %s is %q and not %q", p.Name, p.Default, def)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if regexp.MustCompile(`^[a-z]+\.[a-z0-9.]+$`).MatchString(name) && !known[name] {
			t.Errorf("docs/TUNING.md has a row for %s, which is no setting", name)
		}
	}
	for field := range reflect.TypeFor[omnibus.Config]().Fields() {
		if field.IsExported() && !strings.Contains(text, "`"+field.Name+"`") {
			t.Errorf("docs/TUNING.md does not name the field %s", field.Name)
		}
	}
}
