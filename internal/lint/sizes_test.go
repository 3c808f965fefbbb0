package lint

import (
	"fmt"
	"go/ast"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The limits. Who reaches one has a second thing in the first, and parts them; numbers do not grow.
const (
	functionLinesMax = 70
	fileLinesMax     = 450
	packageLinesMax  = 2000
	structFieldsMax  = 20 // the root's Config is one setting a field, and exempt
	parametersMax    = 5  // the receiver is not counted
)

func TestSizes(t *testing.T) {
	holds(t, eachFile(longFunctions))
	holds(t, eachFile(longFiles))
	holds(t, longPackages)
	holds(t, eachFile(wideStructs))
	holds(t, eachFile(longParameterLists))
}

func longFunctions(s *source) []string {
	var complaints []string
	for _, decl := range s.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := s.line(f.End()) - s.line(f.Type.Pos()) + 1; n > functionLinesMax {
			complaints = append(complaints, s.at(f.Pos(), "function %s has %d lines, more than %d", f.Name.Name, n, functionLinesMax))
		}
	}
	return complaints
}

func longFiles(s *source) []string {
	if n := s.lines(); n > fileLinesMax {
		return []string{fmt.Sprintf("%s: the file has %d lines, more than %d", s.path, n, fileLinesMax)}
	}
	return nil
}

// longPackages counts the lines of a package. The root package is counted in two halves, which nobody reads together
// (docs/adr/0011): the producer, and the vocabulary of its configuration.
func longPackages(pkg []*source) []string {
	lines := make(map[string]int)
	for _, s := range pkg {
		half := "the package"
		if s.dir() == "." {
			half = "the producer's half of the package"
			if vocabulary.MatchString(filepath.Base(s.path)) {
				half = "the configuration's half of the package"
			}
		}
		lines[half] += s.lines()
	}
	var complaints []string
	for half, n := range lines {
		if n > packageLinesMax {
			complaints = append(complaints, fmt.Sprintf("%s: %s has %d lines, more than %d", pkg[0].dir(), half, n, packageLinesMax))
		}
	}
	return complaints
}

// vocabulary names the root's files that hold the configuration.
var vocabulary = regexp.MustCompile(`^(config|properties|validate)[a-z_]*\.go$`)

func wideStructs(s *source) []string {
	var complaints []string
	exempt := make(map[ast.Node]bool)
	ast.Inspect(s.file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && s.dir() == "." && spec.Name.Name == "Config" {
			exempt[spec.Type] = true
		}
		if st, ok := n.(*ast.StructType); ok && !exempt[st] && st.Fields.NumFields() > structFieldsMax {
			complaints = append(complaints, s.at(st.Pos(), "the struct has %d fields, more than %d", st.Fields.NumFields(), structFieldsMax))
		}
		return true
	})
	return complaints
}

func longParameterLists(s *source) []string {
	var complaints []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncType); ok && f.Params.NumFields() > parametersMax {
			complaints = append(complaints, s.at(f.Pos(), "the function takes %d parameters, more than %d", f.Params.NumFields(), parametersMax))
		}
		return true
	})
	return complaints
}

func TestSizeRulesCanFail(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	shows(t, eachFile(longFunctions), []example{
		{name: "70 lines", code: "// f\n// does\n// nothing.\nfunc f() {" + lines(69) + "}"},
		{name: "71 lines", code: "func f() {" + lines(70) + "}", want: "function f has 71 lines"},
		{name: "method", code: "func (t) f(" + lines(70) + ") {}", want: "function f has 71 lines"},
	})
	shows(t, eachFile(longFiles), []example{
		{name: "450 lines", code: lines(448)},
		{name: "451 lines", code: lines(449), want: "451 lines"},
	})
	shows(t, longPackages, []example{
		{name: "2,000 lines", code: lines(1998)},
		{name: "2,001 lines", code: lines(1999), want: "internal/x: the package has 2001 lines"},
		{name: "root, 2,000 lines of the producer", path: "x.go", code: lines(1998)},
		{name: "root, 2,001 lines of the producer", path: "x.go", code: lines(1999), want: "the producer's half of the package has 2001 lines"},
		{name: "root, 2,001 lines of configuration", path: "config_x.go", code: lines(1999), want: "the configuration's half of the package has 2001 lines"},
	})
	fields := func(n int) string { return "struct{" + strings.Repeat("a, b int\n", n/2) + "}" }
	shows(t, eachFile(wideStructs), []example{
		{name: "20 fields", code: "type s " + fields(20)},
		{name: "22 fields", code: "type s " + fields(22), want: "22 fields"},
		{name: "nested", code: "type s struct{ mu " + fields(22) + "}", want: "22 fields"},
		{name: "root's Config", path: "config.go", code: "type Config " + fields(80)},
		{name: "another Config", code: "type Config " + fields(22), want: "22 fields"},
	})
	shows(t, eachFile(longParameterLists), []example{
		{name: "5 parameters", code: "func (t) f(a, b int, c, d, e string) (x, y, z, u, v, w int)"},
		{name: "6 parameters", code: "func f(a, b int, c, d, e, f string)", want: "6 parameters"},
		{name: "function literal", code: "var f = func(a, b, c, d, e, f int) {}", want: "6 parameters"},
		{name: "interface method", code: "type i interface{ f(_, _, _, _, _, _ int) }", want: "6 parameters"},
	})
}

func TestPackageSizeCountsAllItsFiles(t *testing.T) {
	half := text{path: "internal/x/x.go", data: []byte("package x\n" + strings.Repeat("\n", 1100))}
	s := parse(t, half)
	wants(t, longPackages([]*source{s, s}), "the package has 2202 lines")
}
