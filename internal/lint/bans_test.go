package lint

import (
	"go/ast"
	"strings"
	"testing"
)

func TestBans(t *testing.T) {
	holds(t, eachFile(sleeps))
	holds(t, eachFile(initFunctions))
	holds(t, eachFile(undocumentedPanics))
	holds(t, eachFile(dotImports))
}

// sleeps complains about time.Sleep: nothing can wake it when the producer is closed.
func sleeps(s *source) []string {
	var complaints []string
	imports := s.imports()
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" && isPackage(sel.X, imports, "time") {
			complaints = append(complaints, s.at(n.Pos(), "time.Sleep cannot be cut short: select on a timer and on what ends the wait"))
		}
		return true
	})
	return complaints
}

// isPackage reports whether expr names the package that is imported from importPath.
func isPackage(expr ast.Expr, imports map[string]string, importPath string) bool {
	ident, ok := expr.(*ast.Ident)
	return ok && imports[ident.Name] == importPath
}

// initFunctions complains about init, which runs whether or not anybody uses the package.
func initFunctions(s *source) []string {
	var complaints []string
	for _, decl := range s.file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
			complaints = append(complaints, s.at(f.Pos(), "init hides work: do it where it is needed"))
		}
	}
	return complaints
}

// undocumentedPanics complains about a panic that is not an invariant: one whose line, or the comment right above it,
// does not say "invariant:" and why it cannot happen.
func undocumentedPanics(s *source) []string {
	invariants := make(map[int]bool) // last lines of the comments that state one
	for _, comment := range s.file.Comments {
		if strings.Contains(comment.Text(), "invariant:") {
			invariants[s.line(comment.End())] = true
		}
	}
	var complaints []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		line := s.line(call.Pos())
		if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "panic" && !invariants[line] && !invariants[line-1] {
			complaints = append(complaints, s.at(call.Pos(), `panic without an "invariant:" comment that says why it cannot happen: return an error`))
		}
		return true
	})
	return complaints
}

// dotImports complains about imports that hide where a name comes from, from readers and from these rules.
func dotImports(s *source) []string {
	var complaints []string
	for _, spec := range s.file.Imports {
		if spec.Name != nil && spec.Name.Name == "." {
			complaints = append(complaints, s.at(spec.Pos(), "dot import of %s", spec.Path.Value))
		}
	}
	return complaints
}

func TestBansCanFail(t *testing.T) {
	shows(t, eachFile(sleeps), []example{
		{name: "timer", code: "import \"time\"\nfunc f() { <-time.After(1) }"},
		{name: "another's Sleep", code: "import \"example.com/rand\"\nfunc f() { rand.Sleep() }"},
		{name: "call", code: "import \"time\"\nfunc f() { time.Sleep(1) }", want: "x.go:3: time.Sleep"},
		{name: "value", code: "import \"time\"\nfunc f() { s := time.Sleep; s(1) }", want: "time.Sleep"},
		{name: "renamed", code: "import clock \"time\"\nfunc f() { clock.Sleep(1) }", want: "time.Sleep"},
	})
	shows(t, eachFile(initFunctions), []example{
		{name: "method", code: "func (t) init() {}"},
		{name: "init", code: "func init() {}", want: "init hides work"},
	})
	shows(t, eachFile(undocumentedPanics), []example{
		{name: "above", code: "func f() {\n\t// invariant: g has checked it,\n\t// always.\n\tpanic(1)\n}"},
		{name: "beside", code: "func f() {\n\tpanic(1) // invariant: g has checked it\n}"},
		{name: "bare", code: "func f() { panic(1) }", want: "panic without"},
		{name: "too far", code: "func f() {\n\t// invariant: n > 0\n\tg()\n\tpanic(1)\n}", want: "panic without"},
		{name: "other comment", code: "func f() {\n\t// never happens\n\tpanic(1)\n}", want: "panic without"},
	})
	shows(t, eachFile(dotImports), []example{
		{name: "named", code: `import f "fmt"`},
		{name: "dot", code: `import . "fmt"`, want: `dot import of "fmt"`},
	})
}
