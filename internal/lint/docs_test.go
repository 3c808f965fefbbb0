package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

func TestDocs(t *testing.T) {
	holds(t, eachFile(undocumentedNames))
	holds(t, eachFile(undocumentedFields))
	holds(t, undocumentedPackage)
	holds(t, unnumberedStage)
}

// undocumentedNames complains about exported functions, types, constants and variables without a comment. Constants in
// one group may share the comment of the group.
func undocumentedNames(s *source) []string {
	var complaints []string
	complain := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if name.IsExported() && !documented(docs...) {
			complaints = append(complaints, s.at(name.Pos(), "%s is exported and has no comment", name.Name))
		}
	}
	for _, decl := range s.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d)) {
				complain(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			shared := d.Doc
			if d.Lparen.IsValid() && d.Tok != token.CONST {
				shared = nil
			}
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					complain(spec.Name, shared, spec.Doc, spec.Comment)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						complain(name, shared, spec.Doc, spec.Comment)
					}
				}
			}
		}
	}
	return complaints
}

// receiver is the name of the type whose method f is.
func receiver(f *ast.FuncDecl) string {
	expr := f.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// undocumentedFields complains about exported fields of exported structs, and methods of exported interfaces, without a
// comment, in the packages that users see. Fields that follow one another without an empty line may share the first
// one's.
func undocumentedFields(s *source) []string {
	if strings.HasPrefix(s.path, "internal/") || strings.Contains(s.path, "/internal/") || s.file.Name.Name == "main" {
		return nil
	}
	var complaints []string
	for _, decl := range s.file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.IsExported() {
				complaints = append(complaints, undocumentedMembers(s, spec)...)
			}
		}
	}
	return complaints
}

func undocumentedMembers(s *source, spec *ast.TypeSpec) []string {
	var fields *ast.FieldList
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		fields = typ.Fields
	case *ast.InterfaceType:
		fields = typ.Methods
	default:
		return nil
	}
	var complaints []string
	shared, last := false, 0 // whether the field above has a comment, and its last line
	for _, field := range fields.List {
		follows := last > 0 && s.line(field.Pos()) == last+1
		shared = documented(field.Doc, field.Comment) || follows && shared
		last = s.line(field.End())
		for _, name := range field.Names {
			if name.IsExported() && !shared {
				complaints = append(complaints, s.at(name.Pos(), "%s.%s is exported and has no comment", spec.Name.Name, name.Name))
			}
		}
	}
	return complaints
}

func documented(docs ...*ast.CommentGroup) bool {
	for _, doc := range docs {
		if strings.TrimSpace(doc.Text()) != "" { // Text is without directives, and empty for nil
			return true
		}
	}
	return false
}

func undocumentedPackage(pkg []*source) []string {
	if packageDoc(pkg) == "" {
		return []string{fmt.Sprintf("%s: the package has no comment", pkg[0].dir())}
	}
	return nil
}

// packageDoc is the comment of the package, on one line.
func packageDoc(pkg []*source) string {
	var doc string
	for _, s := range pkg {
		doc += s.file.Doc.Text() + " "
	}
	return strings.Join(strings.Fields(doc), " ")
}

// stages are the stages of the pipeline that are packages of their own.
func stages() map[string]int {
	return map[string]int{
		"internal/partitioner": 3,
		"internal/bufferpool":  4,
		"internal/accumulator": 5,
		"internal/batch":       6,
		"internal/sender":      7,
		"internal/broker":      8,
		"internal/dispatch":    9,
	}
}

// unnumberedStage complains about a stage whose package comment does not say where it stands in the pipeline.
func unnumberedStage(pkg []*source) []string {
	n, ok := stages()[pkg[0].dir()]
	if !ok {
		return nil
	}
	opening := fmt.Sprintf(`\b[Ss]tage %d( of the pipeline)?: fed by .+ drained by .+ owned by `, n)
	if !regexp.MustCompile(opening).MatchString(packageDoc(pkg)) {
		return []string{fmt.Sprintf(`%s: the package comment does not say "Stage %d: fed by X, drained by Y, owned by Z."`, pkg[0].dir(), n)}
	}
	return nil
}

func TestDocRulesCanFail(t *testing.T) {
	shows(t, eachFile(undocumentedNames), []example{
		{name: "documented", code: "// F does.\nfunc F() {}\n// T is.\ntype T int\n// M does.\nfunc (*T) M() {}\n// V is.\nvar V int"},
		{name: "unexported", code: "func f() {}\ntype t int\nfunc (t) M() {}\nfunc (*t) N() {}\nvar v, w = 1, 2"},
		{name: "function", code: "func F() {}", want: "F is exported"},
		{name: "only a directive", code: "//go:noinline\nfunc F() {}", want: "F is exported"},
		{name: "method", code: "func (*T[K, V]) M() {}", want: "M is exported"},
		{name: "type in a group", code: "// Types.\ntype (\n\tT int\n)", want: "T is exported"},
		{name: "variable in a group", code: "// Errors.\nvar (\n\tErrA = 1\n)", want: "ErrA is exported"},
		{name: "constants share", code: "// Colours.\nconst (\n\tRed = iota\n\tBlue\n)"},
		{name: "constant", code: "const (\n\tRed = iota // Red is red.\n\tBlue\n)", want: "Blue is exported"},
	})
	shows(t, eachFile(undocumentedFields), []example{
		{name: "internal", code: "type T struct{ F int }"},
		{name: "shared", path: "x.go", code: "type T struct {\n\t// F and G are.\n\tF int\n\tG int\n\n\tf int\n}"},
		{name: "not shared over a gap", path: "x.go", code: "type T struct {\n\tF int // F is.\n\n\tG int\n}", want: "T.G is exported"},
		{name: "field", path: "x.go", code: "type T struct{ F int }", want: "T.F is exported"},
		{name: "interface", path: "serde/x.go", code: "type T interface{ F() }", want: "T.F is exported"},
	})
	shows(t, undocumentedPackage, []example{{name: "package", want: "internal/x: the package has no comment"}})
}

func TestStageRuleCanFail(t *testing.T) {
	for doc, want := range map[string]string{
		"Stage 9: fed by the sender,\n// drained by users, owned by workers.": "",
		"It is stage 9 of the pipeline: fed by x; drained by y; owned by z.":  "",
		"Stage 8: fed by the sender, drained by users, owned by workers.":     "Stage 9",
		"Stage 9: fed by the sender.":                                         "Stage 9",
	} {
		code := "// Package dispatch runs callbacks.\n//\n// " + doc + "\npackage dispatch\n"
		s := parse(t, text{path: "internal/dispatch/doc.go", data: []byte(code)})
		wants(t, unnumberedStage([]*source{s}), want)
		wants(t, undocumentedPackage([]*source{s}), "")
	}
}
