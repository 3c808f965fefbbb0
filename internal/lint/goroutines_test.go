package lint

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ownershipPath = "docs/OWNERSHIP.md"

// TestGoroutines checks both ways: no goroutine is started in a file without a row in docs/OWNERSHIP.md, and no row names
// a file that starts none.
func TestGoroutines(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(ownershipPath)))
	if err != nil {
		t.Fatalf("%s must hold the table of goroutines, with the columns %q: %v", ownershipPath, ownershipColumns(), err)
	}
	owners, err := goroutineFiles(string(data))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, eachFile(func(s *source) []string { return strayGoroutines(s, owners) }))
	for _, complaint := range staleOwners(sources(t), owners) {
		t.Error(complaint)
	}
}

func ownershipColumns() []string { return []string{"goroutine", "count", "file", "owns"} }

// goroutineFiles reads the file column of the table of goroutines.
func goroutineFiles(markdown string) ([]string, error) {
	var files []string
	inTable := false
	for line := range strings.Lines(markdown) {
		cells := tableCells(line)
		if slices.Equal(cells, ownershipColumns()) {
			inTable = true
			continue
		}
		if inTable = inTable && len(cells) > 0; !inTable || strings.Trim(cells[0], ":-") == "" {
			continue
		}
		if len(cells) != len(ownershipColumns()) {
			return nil, fmt.Errorf("%s: a row of %d cells instead of %d: %s", ownershipPath, len(cells), len(ownershipColumns()), line)
		}
		files = append(files, strings.Trim(cells[2], "`"))
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no rows below a heading of the columns %q", ownershipPath, ownershipColumns())
	}
	return files, nil
}

// tableCells splits a row of a Markdown table; of any other line it returns nothing.
func tableCells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(cell)
	}
	return cells
}

func strayGoroutines(s *source, owners []string) []string {
	if slices.Contains(owners, s.path) {
		return nil
	}
	var complaints []string
	for _, n := range goroutineStarts(s) {
		complaints = append(complaints, s.at(n.Pos(), "a goroutine starts here, in a file that %s does not name", ownershipPath))
	}
	return complaints
}

func staleOwners(all []*source, owners []string) []string {
	var complaints []string
	for _, owner := range owners {
		starts := slices.ContainsFunc(all, func(s *source) bool { return s.path == owner && len(goroutineStarts(s)) > 0 })
		if !starts {
			complaints = append(complaints, fmt.Sprintf("%s: %s starts no goroutine", ownershipPath, owner))
		}
	}
	return complaints
}

// goroutineStarts finds go statements, and calls of a method Go with a function, as sync.WaitGroup and errgroup have it.
func goroutineStarts(s *source) []ast.Node {
	var starts []ast.Node
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			starts = append(starts, n)
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Go" && len(n.Args) == 1 {
				starts = append(starts, n)
			}
		}
		return true
	})
	return starts
}

func TestGoroutineRuleCanFail(t *testing.T) {
	rule := eachFile(func(s *source) []string { return strayGoroutines(s, []string{"internal/x/loop.go"}) })
	shows(t, rule, []example{
		{name: "no goroutine", code: "func f() { defer g(); g() }"},
		{name: "named file", path: "internal/x/loop.go", code: "func f() { go g() }"},
		{name: "stray", code: "func f() {\n\tgo g()\n}", want: "x.go:3: a goroutine starts here"},
		{name: "stray in a group", code: "func f() { var wg sync.WaitGroup; wg.Go(func() {}) }", want: "a goroutine starts here"},
	})
	quiet := parse(t, text{path: "internal/x/loop.go", data: []byte("package x\nfunc f() {}\n")})
	wants(t, staleOwners([]*source{quiet}, []string{"internal/x/loop.go"}), "starts no goroutine")
}

func TestOwnershipTableIsRead(t *testing.T) {
	table := "# Owners\n\n| a | b |\n|---|---|\n| no | row |\n\n" +
		"| goroutine | count | file | owns |\n|:--|---|---|---|\n| loop | 1 | `internal/x/loop.go` | all |\n| other | n | y.go | |\n\n| c | d |\n"
	files, err := goroutineFiles(table)
	if err != nil || !slices.Equal(files, []string{"internal/x/loop.go", "y.go"}) {
		t.Errorf("got %q, %v", files, err)
	}
	for _, bad := range []string{"", "| goroutine | count | file | owns |\n|---|---|---|---|\n", "| goroutine | count | file | owns |\n| a | b |\n"} {
		if files, err := goroutineFiles(bad); err == nil {
			t.Errorf("%q was read as %q", bad, files)
		}
	}
}
