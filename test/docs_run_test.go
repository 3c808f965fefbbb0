package test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/embedded"
)

// documentTimeout bounds all commands of one document.
const documentTimeout = 3 * time.Minute

// TestDocumentedCommandsWork types every command of the documents, as a reader would who begins with a new clone.
func TestDocumentedCommandsWork(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command line and runs a few dozen commands")
	}
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	bin := t.TempDir()
	install(t, bin)
	ran := 0
	for _, d := range documents(t) {
		if lines := toRun(t, d); len(lines) > 0 {
			t.Run(strings.ReplaceAll(d.path, "/", "-"), func(t *testing.T) { newClone(t, bin).run(t, shell, d, lines) })
			ran += len(lines)
		}
	}
	if ran < 40 {
		t.Errorf("%d commands were run, which are fewer than the documents have", ran)
	}
}

// clone is a copy of the repository without its history, as somebody has it who has just fetched it.
type clone struct {
	dir string
	env []string // of everything that runs in it
}

// newClone copies the repository. What is in the folder bin can be run by its name.
func newClone(t *testing.T, bin string) *clone {
	t.Helper()
	base := t.TempDir()
	c := &clone{dir: filepath.Join(base, "omnibus"), env: environment(t, base, bin)}
	copyTree(t, c.dir, repository)
	return c
}

// install installs the command line into a folder.
func install(t *testing.T, bin string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "install", "./cmd/omnibus")
	cmd.Dir, cmd.Env = repository, environment(t, t.TempDir(), bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go install ./cmd/omnibus: %v\n%s", err, out)
	}
}

// environment is this process's, with a home that is empty, without settings of ours, and with Go's caches.
func environment(t *testing.T, base, bin string) []string {
	t.Helper()
	var env []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "OMNIBUS_") {
			env = append(env, setting)
		}
	}
	names := []string{"GOENV", "GOPATH", "GOMODCACHE", "GOCACHE", "GOFLAGS"}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(string(out), "\n")
	for i, name := range names {
		if name == "GOFLAGS" {
			values[i] += " -trimpath" // so that the copy's packages are those of the build cache
		}
		env = append(env, name+"="+strings.TrimSpace(values[i]))
	}
	return append(env, "HOME="+filepath.Join(base, "home"), "XDG_DATA_HOME="+filepath.Join(base, "home", "data"),
		"GOBIN="+bin, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1")
}

// copyTree copies a folder, hidden ones in it left out.
func copyTree(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(name, from))
		switch {
		case strings.HasPrefix(entry.Name(), ".") && name != from:
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// toRun are the command lines of a document, without those that it excludes.
func toRun(t *testing.T, d document) (lines []commandLine) {
	t.Helper()
	for _, b := range d.blocks {
		if b.lang == "sh" && b.mark == "" {
			lines = append(lines, commandLines(b)...)
		}
		if strings.HasPrefix(b.mark, "not run") && len(b.mark) < len("not run: why not") {
			t.Errorf("%s:%d: it does not say why it is not run", d.path, b.line)
		}
	}
	return lines
}

// run types a document's commands.
func (c *clone) run(t *testing.T, shell string, d document, lines []commandLine) {
	t.Helper()
	addresses := c.addresses(t)
	codes, outputs := c.typed(t, shell, addresses, lines)
	for _, l := range lines {
		switch code, ended := codes[l.number]; {
		case !ended:
			t.Fatalf("%s:%d: %s\ndid not end; so far:\n%s", d.path, l.number, l.text, outputs[l.number])
		case code != l.exit:
			t.Fatalf("%s:%d: %s\nended with exit code %d, want %d:\n%s", d.path, l.number, l.text, code, l.exit, outputs[l.number])
		}
	}
	c.compare(t, d, addresses, outputs)
}

// addresses are what documents' addresses stand for.
func (c *clone) addresses(t *testing.T) *strings.Replacer {
	t.Helper()
	broker, err := embedded.Open(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return strings.NewReplacer("localhost:9092", broker.Addr(), "127.0.0.1:9092", free.Addr().String())
}

// mark begins the lines by which the shell tells where it is. Nothing that is run prints it.
const mark = "\x01"

// typed runs lines in one shell. It returns the exit code of each that ended, and what each printed, by their numbers.
func (c *clone) typed(
	t *testing.T, shell string, addresses *strings.Replacer, lines []commandLine,
) (codes map[int]int, outputs map[int]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), documentTimeout)
	defer cancel()
	var script strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&script, "printf '\\001begin %d\\n'\n%s\nprintf '\\001end %d %%d\\n' $?\n", l.number, addresses.Replace(l.text), l.number)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, shell, "--norc", "--noprofile", "-c", script.String())
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the document left running
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return transcript(string(text))
}

// transcript reads what typed's shell wrote.
func transcript(text string) (codes map[int]int, outputs map[int]string) {
	codes, outputs = make(map[int]int), make(map[int]string)
	number := 0
	for part := range strings.SplitSeq(text, mark) {
		var ended, code int
		head, rest, _ := strings.Cut(part, "\n")
		if _, err := fmt.Sscanf(head, "begin %d", &number); err == nil {
			outputs[number] += rest
		} else if _, err := fmt.Sscanf(head, "end %d %d", &ended, &code); err == nil {
			codes[ended] = code
			outputs[number] += rest
		}
	}
	return codes, outputs
}

// compare holds what was printed against the outputs that the document shows.
func (c *clone) compare(t *testing.T, d document, addresses *strings.Replacer, outputs map[int]string) {
	t.Helper()
	for i, b := range d.blocks {
		if b.mark != "output" {
			continue
		}
		var printed string
		for _, l := range commandLines(d.blocks[i-1]) {
			printed += outputs[l.number]
		}
		if !matches(addresses.Replace(b.body), printed) {
			t.Errorf("%s:%d: the command above prints\n%s\nand not\n%s", d.path, b.line, printed, addresses.Replace(b.body))
		}
	}
}

var omnibusProgram = regexp.MustCompile(`(?s)^package main\b.*omnibus\.Open`)

// TestTheProgramOfTheReadmeRuns runs what the README shows as a whole program, and counts its lines.
func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	c := newClone(t, t.TempDir())
	programs := 0
	for _, b := range documentNamed(t, "README.md").blocks {
		if b.lang != "go" || !omnibusProgram.MatchString(b.body) {
			continue
		}
		programs++
		dir := filepath.Join(c.dir, "examples", fmt.Sprintf("program%d", programs))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(c.addresses(t).Replace(b.body)), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "run", ".")
		cmd.Dir, cmd.Env = dir, c.env
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "offset 0") {
			t.Errorf("README.md:%d: %v\n%s", b.line, err, out)
		}
	}
	if programs != 1 {
		t.Errorf("the README has %d programs, want 1", programs)
	}
}
