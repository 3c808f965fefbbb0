package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// modulePath is the import path of the repository's root.
const modulePath = "github.com/omnibus-kafka/omnibus"

// text is a text file of the repository.
type text struct {
	path string // from the root of the repository, with slashes
	data []byte
}

// source is a Go file that the rules hold for.
type source struct {
	text
	fset *token.FileSet
	file *ast.File
}

// dir is the folder of s, "." for the root: in this repository, the name of its package.
func (s *source) dir() string { return path.Dir(s.path) }

// lines is the length of s.
func (s *source) lines() int { return bytes.Count(s.data, []byte("\n")) }

// line is the line on which pos stands.
func (s *source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// at words a complaint about a place in s.
func (s *source) at(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.path, s.line(pos), fmt.Sprintf(format, args...))
}

// imports maps the local name of each import of s to its path.
func (s *source) imports() map[string]string {
	names := make(map[string]string)
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

// parse returns the source with this text. It fails the test when that is not Go.
func parse(t *testing.T, file text) *source {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file.path, file.data, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return &source{text: file, fset: fset, file: f}
}

// root is the folder of the repository: the one with go.work.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no go.work above %s (%v)", dir, err)
	return ""
}

// texts reads every text file of the repository.
func texts(t *testing.T) []text {
	t.Helper()
	repo := root(t)
	var all []text
	err := filepath.WalkDir(repo, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && name != repo
		if entry.IsDir() {
			if hidden && entry.Name() != ".ci" && entry.Name() != ".github" {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(data, 0) >= 0 {
			return err // or binary, which no rule holds for
		}
		relative, err := filepath.Rel(repo, name)
		all = append(all, text{path: filepath.ToSlash(relative), data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sources parses every Go file that the rules hold for.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	for _, file := range texts(t) {
		if path.Ext(file.path) != ".go" || strings.HasSuffix(file.path, "_test.go") ||
			slices.Contains(strings.Split(file.path, "/"), "testdata") {
			continue
		}
		if s := parse(t, file); !ast.IsGenerated(s.file) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		t.Fatal("no Go files found")
	}
	return all
}

// packages groups sources by folder, sorted.
func packages(all []*source) [][]*source {
	byDir := make(map[string][]*source)
	for _, s := range all {
		byDir[s.dir()] = append(byDir[s.dir()], s)
	}
	return slices.SortedFunc(maps.Values(byDir), func(a, b []*source) int { return cmp.Compare(a[0].path, b[0].path) })
}

// eachFile makes a rule for packages of one for files.
func eachFile(rule func(*source) []string) func([]*source) []string {
	return func(pkg []*source) []string {
		var complaints []string
		for _, s := range pkg {
			complaints = append(complaints, rule(s)...)
		}
		return complaints
	}
}

// holds fails the test for every complaint that rule has about a package of the repository.
func holds(t *testing.T, rule func(pkg []*source) []string) {
	t.Helper()
	for _, pkg := range packages(sources(t)) {
		for _, complaint := range rule(pkg) {
			t.Error(complaint)
		}
	}
}

// example is Go source that shows a rule at work.
type example struct {
	name string
	path string // "internal/x/x.go" if empty
	code string // "package x" is put before it
	want string // part of the only complaint, or empty when there must be none
}

// shows fails the test unless rule says of every example what it should.
func shows(t *testing.T, rule func(pkg []*source) []string, examples []example) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			s := parse(t, text{path: cmp.Or(e.path, "internal/x/x.go"), data: []byte("package x\n" + e.code + "\n")})
			wants(t, rule([]*source{s}), e.want)
		})
	}
}

// wants fails the test unless want is part of the only complaint, or, if want is empty, there is none.
func wants(t *testing.T, complaints []string, want string) {
	t.Helper()
	if want == "" && len(complaints) > 0 {
		t.Errorf("good, but the rule says %q", complaints)
	}
	if want != "" && (len(complaints) != 1 || !strings.Contains(complaints[0], want)) {
		t.Errorf("bad, but the rule says %q instead of %q", complaints, want)
	}
}
