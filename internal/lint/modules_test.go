package lint

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rootRequirements are the modules that the library depends on, all of them: users get these and no other.
func rootRequirements() []string {
	return []string{
		"github.com/klauspost/compress",
		"github.com/pierrec/lz4/v4",
		"github.com/twmb/franz-go",
		"github.com/twmb/franz-go/pkg/kmsg",
	}
}

// rootImports are the packages of others that the root module's code may import: of franz-go its error codes, its SASL
// mechanisms and the primitives of its messages, but not its client.
func rootImports() []string {
	return []string{
		"github.com/klauspost/compress/...",
		"github.com/pierrec/lz4/v4/...",
		"github.com/twmb/franz-go/pkg/kbin",
		"github.com/twmb/franz-go/pkg/kerr",
		"github.com/twmb/franz-go/pkg/kmsg",
		"github.com/twmb/franz-go/pkg/sasl/...",
	}
}

// module is what the rules need of a go.mod file, as `go mod edit -json` prints it.
type module struct {
	dir    string // from the root of the repository
	Module struct {
		Path string
	}
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []struct {
		Old struct{ Path string }
	}
}

func (m module) direct() []string {
	var paths []string
	for _, r := range m.Require {
		if !r.Indirect {
			paths = append(paths, r.Path)
		}
	}
	slices.Sort(paths)
	return paths
}

func TestModules(t *testing.T) {
	all := modules(t)
	for _, m := range all {
		for _, complaint := range moduleComplaints(m) {
			t.Error(complaint)
		}
	}
	holds(t, eachFile(func(s *source) []string { return strangeImports(s, moduleOf(s.dir(), all)) }))
}

// modules reads every go.mod file, and checks that go.work names them all.
func modules(t *testing.T) []module {
	t.Helper()
	var all []module
	var dirs []string
	for _, file := range texts(t) {
		if path.Base(file.path) == "go.mod" {
			m := module{dir: path.Dir(file.path)}
			goEdit(t, &m, "mod", "edit", "-json", filepath.FromSlash(file.path))
			all = append(all, m)
			dirs = append(dirs, m.dir)
		}
	}
	var work struct {
		Use     []struct{ DiskPath string }
		Replace []any
	}
	goEdit(t, &work, "work", "edit", "-json", "go.work")
	var used []string
	for _, use := range work.Use {
		used = append(used, path.Clean(use.DiskPath))
	}
	slices.Sort(used)
	slices.Sort(dirs)
	if !slices.Equal(used, dirs) {
		t.Errorf("go.work uses %q, but there are go.mod files in %q", used, dirs)
	}
	if len(work.Replace) > 0 {
		t.Error("go.work replaces a module")
	}
	return all
}

// goEdit decodes what a go command prints in the root of the repository.
func goEdit(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root(t)
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(printed, into); err != nil {
		t.Fatal(err)
	}
}

// moduleOf returns the module that the folder belongs to.
func moduleOf(dir string, all []module) module {
	var found module
	for _, m := range all {
		if (m.dir == "." || dir == m.dir || strings.HasPrefix(dir, m.dir+"/")) && len(m.dir) >= len(found.dir) {
			found = m
		}
	}
	return found
}

func moduleComplaints(m module) []string {
	file := path.Join(m.dir, "go.mod")
	var complaints []string
	if want := path.Join(modulePath, m.dir); m.Module.Path != want {
		complaints = append(complaints, fmt.Sprintf("%s: the module is %s instead of %s", file, m.Module.Path, want))
	}
	for _, r := range m.Replace {
		complaints = append(complaints, fmt.Sprintf("%s: replaces %s, which users of the module would not", file, r.Old.Path))
	}
	for _, r := range m.Require {
		if r.Path == modulePath || strings.HasPrefix(r.Path, modulePath+"/") {
			complaints = append(complaints, fmt.Sprintf("%s: requires %s, which go.work joins", file, r.Path))
		}
	}
	if m.dir == "." && !slices.Equal(m.direct(), rootRequirements()) {
		complaints = append(complaints, fmt.Sprintf("%s: requires directly %q, and should exactly %q", file, m.direct(), rootRequirements()))
	}
	return complaints
}

// strangeImports complains about imports that the module of s does not require, or, in the library, that it must not use.
// The compiler lets them pass, because go.work joins the requirements of all modules.
func strangeImports(s *source, m module) []string {
	allowed := rootImports()
	if m.dir != "." {
		allowed = nil
		for _, required := range m.direct() {
			allowed = append(allowed, required+"/...")
		}
	}
	var complaints []string
	for _, spec := range s.file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		host, _, _ := strings.Cut(imported, "/")
		_, ours := ourDir(spec)
		if strings.Contains(host, ".") && !ours && !anyMatches(allowed, imported) {
			complaints = append(complaints, s.at(spec.Pos(), "the module in %s must not import %s, or has to require it directly", m.dir, imported))
		}
	}
	return complaints
}

// decodeModule is a module from what `go mod edit -json` would print.
func decodeModule(t *testing.T, dir, printed string) module {
	t.Helper()
	m := module{dir: dir}
	if err := json.Unmarshal([]byte(printed), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModuleRulesCanFail(t *testing.T) {
	const name = `"Module":{"Path":"` + modulePath
	const pinned = `{"Path":"github.com/twmb/franz-go/pkg/kmsg"},{"Path":"github.com/klauspost/compress"},` +
		`{"Path":"github.com/pierrec/lz4/v4"},{"Path":"github.com/twmb/franz-go"}`
	for _, e := range []struct{ name, dir, mod, want string }{
		{"root", ".", `{` + name + `"},"Require":[` + pinned + `,{"Path":"example.com/x","Indirect":true}]}`, ""},
		{"one more", ".", `{` + name + `"},"Require":[` + pinned + `,{"Path":"example.com/x"}]}`, "example.com/x"},
		{"one less", ".", `{` + name + `"},"Require":[{"Path":"github.com/klauspost/compress"}]}`, "should exactly"},
		{"tool", "bench", `{` + name + `/bench"},"Require":[{"Path":"example.com/x"}]}`, ""},
		{"wrong path", "bench", `{` + name + `"}}`, "instead of " + modulePath + "/bench"},
		{"replaced", "bench", `{` + name + `/bench"},"Replace":[{"Old":{"Path":"example.com/x"}}]}`, "replaces example.com/x"},
		{"ours", "bench", `{` + name + `/bench"},"Require":[{"Path":"` + modulePath + `/kafkatest"}]}`, "which go.work joins"},
	} {
		t.Run(e.name, func(t *testing.T) { wants(t, moduleComplaints(decodeModule(t, e.dir, e.mod)), e.want) })
	}

	library := eachFile(func(s *source) []string { return strangeImports(s, module{dir: "."}) })
	shows(t, library, []example{
		{name: "allowed", code: "import (\n\"net/http\"\n\"github.com/twmb/franz-go/pkg/kerr\"\n\"github.com/twmb/franz-go/pkg/sasl/scram\"\n\"" + modulePath + "/serde\"\n)"},
		{name: "client", code: `import "github.com/twmb/franz-go/pkg/kgo"`, want: "must not import github.com/twmb/franz-go/pkg/kgo"},
		{name: "fake broker", code: `import "github.com/twmb/franz-go/pkg/kfake"`, want: "pkg/kfake"},
	})
	tool := decodeModule(t, "bench", `{"Require":[{"Path":"example.com/x"},{"Path":"example.com/y","Indirect":true}]}`)
	shows(t, eachFile(func(s *source) []string { return strangeImports(s, tool) }), []example{
		{name: "required", code: `import "example.com/x/z"`},
		{name: "indirect", code: `import "example.com/y"`, want: "must not import example.com/y"},
	})
}

func TestModuleOfAFolder(t *testing.T) {
	all := []module{{dir: "."}, {dir: "cmd/omnibus"}, {dir: "test"}}
	for dir, want := range map[string]string{".": ".", "internal/wire": ".", "cmd/omnibus/produce": "cmd/omnibus", "test": "test", "testing": "."} {
		if got := moduleOf(dir, all).dir; got != want {
			t.Errorf("%s is in %s, want %s", dir, got, want)
		}
	}
}
