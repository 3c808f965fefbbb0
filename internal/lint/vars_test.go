package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestPackageVariables checks that no package has state: two producers in one process share nothing, and no test sees
// what another left behind. What may stand at package level is made once and never written: an error, a compiled
// expression, an embedded file, an array, slice or map written out, an error of a package of this repository under a name
// that users see (pkg.ErrX), and `var _ I = …`.
func TestPackageVariables(t *testing.T) { holds(t, packageState) }

// constructors are the functions whose result may be kept at package level, because nothing can change it.
func constructors() []string {
	return []string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "hash/crc32.MakeTable"}
}

func packageState(pkg []*source) []string {
	types := typeSpecs(pkg)
	kept := make(map[string]*ast.ValueSpec)
	var complaints []string
	for _, s := range pkg {
		for _, v := range packageVariables(s) {
			kept[v.name.Name] = v.spec
			if !v.embedded && !constant(v.value, s.imports(), types) {
				complaints = append(complaints, s.at(v.name.Pos(), "package-level variable %s", v.name.Name))
			}
		}
	}
	for _, s := range pkg {
		complaints = append(complaints, writes(s, kept)...)
	}
	return complaints
}

// variable is one package-level variable.
type variable struct {
	name     *ast.Ident
	spec     *ast.ValueSpec
	value    ast.Expr // nil if there is none
	embedded bool
}

func packageVariables(s *source) []variable {
	var all []variable
	for _, decl := range s.file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				v := variable{name: name, spec: spec, embedded: embeds(d.Doc) || embeds(spec.Doc)}
				if i < len(spec.Values) {
					v.value = spec.Values[i]
				}
				if name.Name != "_" {
					all = append(all, v)
				}
			}
		}
	}
	return all
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// constant reports whether value is one that may be kept at package level.
func constant(value ast.Expr, imports map[string]string, types map[string]ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CallExpr:
		f, ok := v.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		pkg, ok := f.X.(*ast.Ident)
		return ok && slices.Contains(constructors(), imports[pkg.Name]+"."+f.Sel.Name)
	case *ast.CompositeLit:
		return table(v.Type, imports, types)
	case *ast.SelectorExpr:
		pkg, ok := v.X.(*ast.Ident)
		return ok && strings.HasPrefix(imports[pkg.Name], modulePath+"/") && strings.HasPrefix(v.Sel.Name, "Err")
	}
	return false
}

// table reports whether typ is an array, slice or map, perhaps by name, that holds nothing from package sync.
func table(typ ast.Expr, imports map[string]string, types map[string]ast.Expr) bool {
	if name, ok := typ.(*ast.Ident); ok {
		typ = types[name.Name]
	}
	switch typ.(type) {
	case *ast.ArrayType, *ast.MapType:
	default:
		return false
	}
	synced := false
	ast.Inspect(typ, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			synced = synced || isPackage(sel.X, imports, "sync") || isPackage(sel.X, imports, "sync/atomic")
		}
		return true
	})
	return !synced
}

func typeSpecs(pkg []*source) map[string]ast.Expr {
	types := make(map[string]ast.Expr)
	for _, s := range pkg {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				types[spec.Name.Name] = spec.Type
			}
			return true
		})
	}
	return types
}

// writes complains about statements that change a package-level variable: assignments, ++, range, and the built-in
// functions that write to their first argument; and about &v, which could. A pointer to an element of a table is let
// pass, since that is how large elements are read.
func writes(s *source, kept map[string]*ast.ValueSpec) []string {
	var complaints []string
	check := func(targets ...ast.Expr) {
		for _, target := range targets {
			name := base(target)
			if name == nil || kept[name.Name] == nil || shadowed(name, kept[name.Name]) {
				continue
			}
			complaints = append(complaints, s.at(target.Pos(), "package-level variable %s is written, or its address taken", name.Name))
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				check(n.Lhs...)
			}
		case *ast.IncDecStmt:
			check(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				check(n.Key, n.Value)
			}
		case *ast.UnaryExpr:
			if v, ok := n.X.(*ast.Ident); ok && n.Op == token.AND {
				check(v)
			}
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.Ident)
			if ok && len(n.Args) > 0 && slices.Contains([]string{"clear", "copy", "delete"}, f.Name) {
				check(n.Args[0])
			}
		}
		return true
	})
	return complaints
}

// base is the variable that an expression such as v.f[i] starts from, or nil.
func base(expr ast.Expr) *ast.Ident {
	for {
		switch e := expr.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			expr = e.X
		case *ast.SliceExpr:
			expr = e.X
		case *ast.SelectorExpr:
			expr = e.X
		case *ast.ParenExpr:
			expr = e.X
		case *ast.StarExpr:
			expr = e.X
		default:
			return nil
		}
	}
}

// shadowed reports whether name is another variable than the package-level one. The parser resolves names within their
// file, and leaves those of other files open.
func shadowed(name *ast.Ident, spec *ast.ValueSpec) bool {
	return name.Obj != nil && name.Obj.Decl != spec
}

func TestPackageVariableRuleCanFail(t *testing.T) {
	shows(t, packageState, []example{
		{name: "error", code: "import \"errors\"\nvar ErrA = errors.New(\"a\")"},
		{name: "expression", code: "import \"regexp\"\nvar re = regexp.MustCompile(\"a\")"},
		{name: "CRC table", code: "import \"hash/crc32\"\nvar castagnoli = crc32.MakeTable(crc32.Castagnoli)"},
		{name: "tables", code: "type names []string\nvar (\n\ta = [...]int{1}\n\tb = map[string]int{}\n\tc = names{\"x\"}\n)\nfunc f() int { return a[0] }"},
		{name: "embedded", code: "import _ \"embed\"\n//go:embed x.txt\nvar x string"},
		{name: "interface check", code: "var _ error = (*t)(nil)"},
		{name: "shadow", code: "var a = []int{1}\nfunc f() { a := 1; a++; g(&a) }\nfunc h(a []int) { a[0] = 1 }"},
		{name: "our error", code: "import \"" + modulePath + "/internal/y\"\nvar ErrA = y.ErrA"},
		{name: "our variable", code: "import \"" + modulePath + "/internal/y\"\nvar a = y.B", want: "package-level variable a"},
		{name: "another's error", code: "import \"example.com/y\"\nvar ErrA = y.ErrA", want: "package-level variable ErrA"},
		{name: "number", code: "var a = 1", want: "package-level variable a"},
		{name: "no value", code: "var a [4]int", want: "package-level variable a"},
		{name: "call", code: "var a = f()", want: "package-level variable a"},
		{name: "another package's New", code: "import \"example.com/errors\"\nvar a = errors.New(1)", want: "package-level variable a"},
		{name: "pool", code: "import \"sync\"\nvar p = sync.Pool{}", want: "package-level variable p"},
		{name: "pools", code: "import \"sync\"\nvar p = [4]sync.Pool{}", want: "package-level variable p"},
		{name: "struct", code: "type s struct{}\nvar a = s{}", want: "package-level variable a"},
		{name: "assigned", code: "var a = []int{1}\nfunc f() { a[0] = 2 }", want: "a is written"},
		{name: "error assigned", code: "import \"errors\"\nvar a = errors.New(\"a\")\nfunc f() { a = nil }", want: "a is written"},
		{name: "counted", code: "var a = map[int]int{}\nfunc f() { a[0]++ }", want: "a is written"},
		{name: "deleted", code: "var a = map[int]int{}\nfunc f() { delete(a, 1) }", want: "a is written"},
		{name: "ranged", code: "var a = []int{1}\nfunc f() { for a[0] = range 3 {} }", want: "a is written"},
		{name: "address", code: "var a = []int{1}\nfunc f() { g(&a) }", want: "a is written"},
		{name: "element by address", code: "var a = []int{1}\nfunc f() { g(&a[0]) }"},
	})
}

func TestPackageVariableRuleSeesOtherFiles(t *testing.T) {
	declares := parse(t, text{path: "internal/x/a.go", data: []byte("package x\nvar a = []int{1}\n")})
	writes := parse(t, text{path: "internal/x/b.go", data: []byte("package x\nfunc f() { a[0] = 2 }\n")})
	wants(t, packageState([]*source{declares, writes}), "b.go:2: package-level variable a is written")
}
