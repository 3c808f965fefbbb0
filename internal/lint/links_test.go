package lint

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameWhatIsThere checks that every file and folder that a document names exists: documents that name files
// are read for the sake of those names, and go stale at each move.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	all := texts(t)
	there := places(all)
	for _, file := range all {
		if path.Ext(file.path) == ".md" {
			for _, complaint := range append(missing(file, there), misplaced(file, all)...) {
				t.Error(complaint)
			}
		}
	}
}

// anywhere stands for the folder in the names of files that a document gives without one.
const anywhere = "*/"

// places are the paths of all files and of the folders above them.
func places(all []text) map[string]bool {
	there := map[string]bool{".": true}
	for _, file := range all {
		for at := file.path; at != "."; at = path.Dir(at) {
			there[at] = true
		}
		there[anywhere+path.Base(file.path)] = true
	}
	return there
}

// missing complains about the names in a document that are of nothing: targets of links, as seen from the document; and
// paths as seen from the root of the repository or from the document's folder, which are words with a slash that begin
// with one of the root's folders, or with an extension of ours. A file's name alone may be that of any file.
func missing(doc text, there map[string]bool) []string {
	var complaints []string
	folder := path.Dir(doc.path)
	number := 0
	for line := range strings.Lines(string(doc.data)) {
		number++
		for _, name := range named(line, there) {
			if !there[path.Clean(name)] && !there[path.Join(folder, name)] && !there[anywhere+name] {
				complaints = append(complaints, fmt.Sprintf("%s:%d: there is no %s", doc.path, number, name))
			}
		}
	}
	return complaints
}

// named finds the paths that a line of a document names.
func named(line string, there map[string]bool) []string {
	var names []string
	for _, link := range regexp.MustCompile(`\]\(([^)#: ]+)[^): ]*\)`).FindAllStringSubmatch(line, -1) {
		names = append(names, link[1])
	}
	for _, word := range regexp.MustCompile(`[\w./-]+`).FindAllString(line, -1) {
		word = strings.TrimRight(strings.TrimPrefix(word, "./"), "./-")
		first, _, nested := strings.Cut(word, "/")
		ours := regexp.MustCompile(`\w\.(go|md)$`).MatchString(word)
		if ours || nested && there[first] && !strings.Contains(first, ".") {
			names = append(names, word)
		}
	}
	return names
}

// misplaced complains about a document's "`a.B` in path/file.go" where that file does not have the word B.
func misplaced(doc text, all []text) []string {
	var complaints []string
	for _, pair := range regexp.MustCompile("`(?:\\w+\\.)*(\\w+)`(?:[,;] `[^`]*`)* in ([\\w./-]+\\.go)").FindAllStringSubmatch(string(doc.data), -1) {
		word := regexp.MustCompile(`\b` + pair[1] + `\b`)
		for _, file := range all {
			if file.path == pair[2] && !word.Match(file.data) {
				complaints = append(complaints, fmt.Sprintf("%s: there is no %s in %s", doc.path, pair[1], pair[2]))
			}
		}
	}
	return complaints
}

func TestDocumentRuleCanFail(t *testing.T) {
	there := places([]text{{path: "docs/adr/0001-x.md"}, {path: "internal/wire/crc.go"}, {path: "producer.go"}})
	for line, want := range map[string]string{
		"see `internal/wire/crc.go` and producer.go.": "",
		"internal/wire: crc.go":                       "",
		"the package internal/wire, and docs/":        "",
		"[one](adr/0001-x.md), [two](https://x.y/z)":  "",
		"bytes/s, and/or, example.com/x.html":         "",
		"go run ./internal/wire -x":                   "",
		"see internal/wire/crc32.go":                  "there is no internal/wire/crc32.go",
		"see consumer.go":                             "there is no consumer.go",
		"the package internal/crc":                    "there is no internal/crc",
		"[one](adr/0002-x.txt)":                       "there is no adr/0002-x.txt",
	} {
		t.Run(line, func(t *testing.T) {
			wants(t, missing(text{path: "docs/MAP.md", data: []byte(line + "\n")}, there), want)
		})
	}
}

func TestMisplacedNamesAreFound(t *testing.T) {
	all := []text{{path: "internal/wire/crc.go", data: []byte("package wire\n\nfunc SealCRC() {}\n")}}
	for line, want := range map[string]string{
		"`wire.SealCRC` in internal/wire/crc.go": "",
		"`SealCRC` in internal/wire/none.go":     "", // missing has said so
		"`Seal` in internal/wire/crc.go":         "there is no Seal in internal/wire/crc.go",
		"`a.b.CRC` in internal/wire/crc.go":      "there is no CRC in",
	} {
		t.Run(line, func(t *testing.T) {
			wants(t, misplaced(text{path: "docs/MAP.md", data: []byte(line)}, all), want)
		})
	}
}

// TestMapNamesEveryPackage checks that docs/MAP.md leads to each package; of the benchmarks, its folder is enough.
func TestMapNamesEveryPackage(t *testing.T) {
	const mapPath = "docs/MAP.md"
	for _, file := range texts(t) {
		if file.path != mapPath {
			continue
		}
		for _, pkg := range packages(sources(t)) {
			dir := pkg[0].dir()
			if dir != "." && !strings.HasPrefix(dir, "bench/") && !strings.Contains(string(file.data), dir) {
				t.Errorf("%s does not name the package in %s", mapPath, dir)
			}
		}
		return
	}
	t.Errorf("there is no %s", mapPath)
}
