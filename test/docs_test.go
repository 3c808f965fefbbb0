package test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A document's fenced blocks are a program: what stands in a block of sh is typed by somebody who reads, in this order.
//
//	```sh                                  run, line by line, in one shell; each line must succeed,
//	omnibus produce t no-such-file # exit 1    or end with the exit code that a comment behind it names
//	```
//	<!-- output -->                        directly above a block of text: what the block of sh above it prints, where
//	```text                                … stands for anything, and alone on a line for any number of lines
//	…
//	```
//	<!-- not run: why -->                  directly above a block of sh: it is left out, for this reason
//
// By hand, run these tests with -count=1: the cache of test results knows nothing of files outside of the module.
//
// localhost:9092 stands for the reader's own cluster, and is an embedded broker here; 127.0.0.1:9092 for an address that
// the document itself listens on, and is a free port.
type document struct {
	path   string // from the root of the repository
	blocks []block
}

// block is a fenced block.
type block struct {
	line int    // of its first line of text
	lang string // what stands behind the fence
	mark string // the comment above it, without its delimiters
	body string
}

// repository is the root of the repository, seen from this package.
const repository = ".."

// documents reads those that users are led to by a README.
func documents(t *testing.T) []document {
	t.Helper()
	names := []string{"README.md", "README.zh-CN.md", "CONTRIBUTING.md"}
	found, err := filepath.Glob(filepath.Join(repository, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		names = append(names, "docs/"+filepath.Base(name))
	}
	var all []document
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := fenced(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, document{name, blocks})
	}
	return all
}

// documentNamed is one of documents.
func documentNamed(t *testing.T, name string) document {
	t.Helper()
	all := documents(t)
	at := slices.IndexFunc(all, func(d document) bool { return d.path == name })
	if at < 0 {
		t.Fatalf("there is no %s", name)
	}
	return all[at]
}

var commentLine = regexp.MustCompile(`^<!--\s*(.*?)\s*-->$`)

// fenced finds the fenced blocks of a text.
func fenced(text string) ([]block, error) {
	var all []block
	mark, open := "", false
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open:
			open, mark = false, ""
		case isFence:
			open = true
			all = append(all, block{line: i + 2, lang: strings.TrimSpace(fence), mark: mark})
		case open:
			all[len(all)-1].body += line + "\n"
		default:
			if comment := commentLine.FindStringSubmatch(line); comment != nil {
				mark = comment[1]
			} else {
				mark = ""
			}
		}
	}
	if open {
		return nil, fmt.Errorf("the block at line %d is not closed", all[len(all)-1].line)
	}
	return all, nil
}

// commandLine is a command line of a document, which may go over several lines of text.
type commandLine struct {
	number int
	text   string
	exit   int // the code that it must end with
}

var (
	exitComment = regexp.MustCompile(`\s#.*\bexit (\d+)`)
	heredoc     = regexp.MustCompile(`<<'?([A-Z]+)'?`)
)

// commandLines reads a block of sh.
func commandLines(b block) []commandLine {
	var all []commandLine
	texts := strings.Split(strings.TrimRight(b.body, "\n"), "\n")
	for i := 0; i < len(texts); i++ {
		if trimmed := strings.TrimSpace(texts[i]); trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		l := commandLine{number: b.line + i, text: texts[i]}
		if found := exitComment.FindStringSubmatch(l.text); found != nil {
			fmt.Sscan(found[1], &l.exit)
		}
		more := func() { i++; l.text += "\n" + texts[i] }
		for strings.HasSuffix(texts[i], `\`) && i+1 < len(texts) {
			more()
		}
		if here := heredoc.FindStringSubmatch(l.text); here != nil {
			for i+1 < len(texts) && texts[i] != here[1] {
				more()
			}
		}
		all = append(all, l)
	}
	return all
}

func TestCommandLinesAreReadAsTheShellWould(t *testing.T) {
	blocks, err := fenced("text\n```sh\n# a comment\none \\\n  two\n\ncat <<'EOF' > f\n# no comment\nEOF\nfalse # bad: exit 4\n```\n<!-- not run: x -->\n```sh\nlast\n```\n")
	if err != nil || len(blocks) != 2 {
		t.Fatal(blocks, err)
	}
	want := []commandLine{{4, "one \\\n  two", 0}, {7, "cat <<'EOF' > f\n# no comment\nEOF", 0}, {10, "false # bad: exit 4", 4}}
	if got := commandLines(blocks[0]); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if blocks[0].mark != "" || blocks[1].mark != "not run: x" {
		t.Errorf("marks %q and %q", blocks[0].mark, blocks[1].mark)
	}
}

// matches says whether a command printed what a document shows, in which … stands for anything.
func matches(shown, printed string) bool {
	var pattern strings.Builder
	for line := range strings.Lines(strings.TrimRight(shown, "\n") + "\n") {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(?:.*\n)*`)
			continue
		}
		pieces := strings.Split(strings.TrimRight(line, " \n"), "…")
		for i := range pieces {
			pieces[i] = regexp.QuoteMeta(pieces[i])
		}
		pattern.WriteString(strings.Join(pieces, `.*`) + ` *\n`)
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(strings.TrimRight(printed, "\n") + "\n")
}

func TestShownOutputIsCompared(t *testing.T) {
	for _, test := range []struct {
		shown, printed string
		want           bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a\n…\nd", "a\nb\nc\nd\n", true},
		{"a … c", "a 17 c\n", true},
		{"a", "a\nb\n", false},
		{"a\nb", "a\n", false},
		{"a.c", "abc\n", false},
	} {
		if got := matches(test.shown, test.printed); got != test.want {
			t.Errorf("matches(%q, %q) is %v", test.shown, test.printed, got)
		}
	}
}

// TestBothLanguagesSayTheSame compares what a machine can of the two READMEs: their code, commands, outputs, tables and links.
func TestBothLanguagesSayTheSame(t *testing.T) {
	english, chinese := documentNamed(t, "README.md"), documentNamed(t, "README.zh-CN.md")
	if len(english.blocks) != len(chinese.blocks) {
		t.Fatalf("%s has %d blocks of code, %s %d", english.path, len(english.blocks), chinese.path, len(chinese.blocks))
	}
	for i, e := range english.blocks {
		c := chinese.blocks[i]
		if e.lang != c.lang || uncommented(e) != uncommented(c) {
			t.Errorf("%s:%d and %s:%d differ:\n%s\n%s", english.path, e.line, chinese.path, c.line, uncommented(e), uncommented(c))
		}
	}
	for _, kind := range []struct {
		name    string
		pattern *regexp.Regexp
	}{
		{"headings", regexp.MustCompile(`(?m)^(#+) `)},
		{"rows of tables", regexp.MustCompile(`(?m)^(\|)`)},
		{"links", regexp.MustCompile(`\]\(([^)]+)\)`)},
	} {
		e, c := found(t, english.path, kind.pattern), found(t, chinese.path, kind.pattern)
		if !slices.Equal(e, c) {
			t.Errorf("%s: %s has %q, %s %q", kind.name, english.path, e, chinese.path, c)
		}
	}
}

// uncommented is a block's text without comments, which are in the language of their document.
func uncommented(b block) string {
	marks := map[string]string{"sh": `#`, "go": `//`}
	if marks[b.lang] == "" {
		return b.body
	}
	comment := regexp.MustCompile(`(?m)(^|\s+)` + marks[b.lang] + `.*$`)
	return comment.ReplaceAllString(b.body, "")
}

// found is what the pattern's group matches in a file outside of fenced blocks; the link from one language to the other
// is made the same.
func found(t *testing.T, name string, pattern *regexp.Regexp) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	prose := regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(string(text), "")
	var all []string
	for _, match := range pattern.FindAllStringSubmatch(prose, -1) {
		all = append(all, strings.Replace(match[1], "README.zh-CN.md", "README.md", 1))
	}
	return all
}

var (
	headingLine = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchorLink  = regexp.MustCompile(`\]\(([^)#: ]*)#([^)]+)\)`)
)

// TestAnchorsAreThere checks the links into documents, whose files another test checks.
func TestAnchorsAreThere(t *testing.T) {
	anchors := make(map[string][]string)
	for _, d := range documents(t) {
		for _, heading := range headingLine.FindAllStringSubmatch(read(t, d.path), -1) {
			anchors[d.path] = append(anchors[d.path], anchor(heading[1]))
		}
	}
	links := 0
	for _, d := range documents(t) {
		for _, link := range anchorLink.FindAllStringSubmatch(read(t, d.path), -1) {
			links++
			target := d.path
			if link[1] != "" {
				target = path.Join(path.Dir(d.path), link[1])
			}
			if !slices.Contains(anchors[target], link[2]) {
				t.Errorf("%s: %s has no heading for #%s", d.path, target, link[2])
			}
		}
	}
	if links < 40 {
		t.Errorf("only %d links were found", links)
	}
}

// anchor is what a heading is linked by.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}
