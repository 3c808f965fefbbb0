package lint

import (
	"go/ast"
	"path"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the import graph: for each package the packages of this repository that it may import. "a/..." is a and
// all below it; the longest pattern on the left that matches a package counts. Tests may import what they like.
//
// The arrows follow a record down the pipeline. Nothing below the root imports the root, so nothing below it knows what
// a Record is.
func mayImport() map[string][]string {
	return map[string][]string{
		".": {"serde", "internal/pipeline", "internal/accumulator", "internal/batch", "internal/broker", "internal/bufferpool",
			"internal/compress", "internal/dispatch", "internal/histogram", "internal/logging", "internal/metadata/...",
			"internal/partitioner", "internal/properties", "internal/security", "internal/sender/...", "internal/settling", "internal/wire", "internal/backoff"},
		"serde": {},
		"internal/pipeline": {"internal/accumulator", "internal/batch", "internal/broker", "internal/bufferpool", "internal/dispatch",
			"internal/chance", "internal/idempotence", "internal/metadata/...", "internal/partitioner", "internal/sender/...", "internal/settling",
			"internal/wire", "internal/backoff"},

		"internal/chance":       {},
		"internal/partitioner":  {},
		"internal/bufferpool":   {},
		"internal/wire":         {},
		"internal/compress":     {},
		"internal/histogram":    {},
		"internal/dispatch":     {},
		"internal/lint":         {},
		"internal/logging":      {},
		"internal/jaas":         {"internal/secret"},
		"internal/oidc":         {"internal/secret"},
		"internal/secret":       {},
		"internal/acl":          {},
		"internal/security":     {"internal/acl", "internal/authn", "internal/jaas", "internal/oidc", "internal/secret"},
		"internal/testcert":     {},
		"internal/properties":   {},
		"internal/sim":          {"internal/compress", "internal/sim/model"}, // the other end: it must not read with what it is there to check
		"internal/sim/model":    {},
		"internal/sim/check":    {},
		"internal/sim/fault":    {},
		"internal/sim/socket":   {},
		"internal/sim/mutants":  {},
		"internal/sim/simulate": {"internal/sim/draw", "internal/sim/fault", "internal/sim/play"},
		"internal/sim/ask":      {"internal/sim/model"},
		"internal/sim/draw":     {"internal/compress", "internal/sender/answers", "internal/sim/fault"},
		"internal/sim/timeline": {},
		"internal/sim/play": {"internal/sim/ask", "internal/sim/draw", "internal/sim/timeline", "internal/accumulator", "internal/backoff", "internal/batch", "internal/bufferpool", "internal/compress",
			"internal/dispatch", "internal/idempotence", "internal/partitioner", "internal/sender/answers", "internal/sender/core",
			"internal/settling", "internal/sim/check", "internal/sim/fault", "internal/sim/model", "internal/wire"},
		"internal/sim/whole": {".", "internal/chance", "internal/compress", "internal/sim", "internal/sim/check", "internal/sim/draw", "internal/sim/fault",
			"internal/sim/model", "internal/sim/socket", "internal/sim/timeline"},
		"internal/sim/scenario":     {"internal/sim", "internal/sim/model"},
		"internal/batch":            {"internal/bufferpool", "internal/compress", "internal/wire"},
		"internal/wire/shape":       {"internal/wire"},
		"internal/broker/frames":    {},
		"internal/broker":           {"internal/authn", "internal/broker/frames", "internal/wire", "internal/wire/shape"},
		"internal/backoff":          {},
		"internal/metadata/control": {"internal/authn", "internal/backoff", "internal/broker", "internal/chance"},
		"internal/metadata":         {"internal/acl", "internal/authn", "internal/backoff", "internal/chance", "internal/metadata/control"},
		"internal/authn":            {},
		"internal/idempotence":      {"internal/acl"},
		"internal/settling":         {"internal/broker", "internal/idempotence"},
		"internal/accumulator": {"internal/batch", "internal/bufferpool", "internal/dispatch", "internal/partitioner",
			"internal/wire"},
		"internal/sender/agenda":  nil,
		"internal/sender/answers": {"internal/wire"},
		"internal/sender/core": {"internal/accumulator", "internal/backoff", "internal/batch", "internal/broker", "internal/bufferpool",
			"internal/compress", "internal/idempotence", "internal/sender/agenda", "internal/sender/answers", "internal/settling",
			"internal/wire"},
		"internal/sender": {"internal/accumulator", "internal/batch", "internal/broker", "internal/bufferpool", "internal/compress",
			"internal/histogram", "internal/idempotence", "internal/sender/answers", "internal/sender/core", "internal/settling", "internal/wire"},

		"embedded/...":    {"embedded/..."},
		"kerberos":        {},
		"keystore":        {},
		"kafkatest/...":   {"kafkatest/...", "embedded", "internal/testcert"},
		"cmd/omnibus/...": {"cmd/omnibus/...", ".", "serde", "embedded", "kerberos", "keystore"},
		"bench/...":       {"bench/...", ".", "serde", "internal/wire", "kafkatest"},
		"test/...":        {"test/...", ".", "serde", "kafkatest", "kerberos", "embedded"},
		"examples/...":    {".", "serde"},

		// Commands that tell what the producer would do ask its own code.
		"cmd/omnibus/internal/admin":   {"cmd/omnibus/internal/connect", ".", "internal/acl"},
		"cmd/omnibus/internal/topic":   {"cmd/omnibus/internal/admin", "cmd/omnibus/internal/cli", "cmd/omnibus/internal/connect", "internal/acl"},
		"cmd/omnibus/internal/dialect": {".", "internal/properties"},
		"cmd/omnibus/internal/connect": {"cmd/omnibus/internal/cli", "cmd/omnibus/internal/dialect", ".", "embedded", "internal/properties", "kerberos", "keystore"},
		"cmd/omnibus/internal/doctor": {"cmd/omnibus/internal/admin", "cmd/omnibus/internal/cli", "cmd/omnibus/internal/connect", ".",
			"internal/acl", "internal/authn", "internal/broker"},
		"cmd/omnibus/internal/explain": {"cmd/omnibus/internal/admin", "cmd/omnibus/internal/cli", "cmd/omnibus/internal/connect", "cmd/omnibus/internal/input", ".",
			"internal/accumulator", "internal/acl", "internal/batch", "internal/partitioner", "internal/wire"},
		"cmd/omnibus/internal/partitionof": {"cmd/omnibus/internal/cli", "internal/partitioner"},
	}
}

func TestImports(t *testing.T) { holds(t, eachFile(forbiddenImports)) }

func forbiddenImports(s *source) []string {
	allowed, ok := rowOf(s.dir())
	if !ok {
		return []string{s.at(s.file.Package, "package %s has no row in the table of mayImport", s.dir())}
	}
	var complaints []string
	for _, spec := range s.file.Imports {
		if dir, ours := ourDir(spec); ours && !anyMatches(allowed, dir) {
			complaints = append(complaints, s.at(spec.Pos(), "%s must not import %s (see mayImport)", s.dir(), dir))
		}
	}
	return complaints
}

// rowOf returns what the package in dir may import.
func rowOf(dir string) (allowed []string, ok bool) {
	table := mayImport()
	if allowed, ok = table[dir]; ok {
		return allowed, true
	}
	for parent := dir; parent != "."; parent = path.Dir(parent) {
		if allowed, ok = table[parent+"/..."]; ok {
			return allowed, true
		}
	}
	return nil, false
}

// ourDir returns the folder of an imported package if that is in this repository.
func ourDir(spec *ast.ImportSpec) (dir string, ours bool) {
	imported, _ := strconv.Unquote(spec.Path.Value)
	if imported == modulePath {
		return ".", true
	}
	return strings.CutPrefix(imported, modulePath+"/")
}

func anyMatches(patterns []string, dir string) bool {
	for _, pattern := range patterns {
		below, recursive := strings.CutSuffix(pattern, "/...")
		if dir == below || recursive && strings.HasPrefix(dir, below+"/") {
			return true
		}
	}
	return false
}

func TestImportTableHasNoCycle(t *testing.T) {
	const inProgress, done = 1, 2
	state := make(map[string]int)
	table := mayImport()
	var visit func(row string)
	visit = func(row string) {
		if state[row] == inProgress {
			t.Fatalf("%s can import itself over others", row)
		}
		if state[row] == done {
			return
		}
		state[row] = inProgress
		for other := range table {
			below := strings.TrimSuffix(other, "/...")
			if other != row && anyMatches(table[row], below) {
				visit(other)
			}
		}
		state[row] = done
	}
	for row := range table {
		visit(row)
	}
}

func TestImportRuleCanFail(t *testing.T) {
	imports := func(dir string) string { return "import \"" + strings.TrimSuffix(modulePath+"/"+dir, "/.") + "\"" }
	shows(t, eachFile(forbiddenImports), []example{
		{name: "down the pipeline", path: "internal/accumulator/x.go", code: imports("internal/batch")},
		{name: "up the pipeline", path: "internal/batch/x.go", code: imports("internal/accumulator"), want: "must not import internal/accumulator"},
		{name: "root from below", path: "internal/batch/x.go", code: imports("."), want: "must not import ."},
		{name: "root imports a stage", path: "x.go", code: imports("internal/sender")},
		{name: "root imports a tool", path: "x.go", code: imports("kafkatest"), want: "must not import kafkatest"},
		{name: "folder below a pattern", path: "cmd/omnibus/produce/x.go", code: imports("cmd/omnibus/flags")},
		{name: "command looks inside", path: "cmd/omnibus/x.go", code: imports("internal/wire"), want: "must not import internal/wire"},
		{name: "unknown package", path: "internal/x/x.go", want: "has no row"},
		{name: "others' packages", path: "internal/wire/x.go", code: `import "example.com/x"`},
	})
}
