package connect

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dialect"
	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// fileBytesMax bounds a file of settings; a real one has a few kilobytes.
const fileBytesMax = 1 << 20

// kcatNames are those of files that are hardly Java's.
var kcatNames = regexp.MustCompile(`(?i)kcat|kafkacat|rdkafka`)

// configFile is what --config names.
type configFile struct {
	path    string
	data    []byte
	text    string
	dialect dialect.Dialect
	certain bool // nobody but that dialect's client would take it, or the user said so
}

// readFile reads a file and tells its dialect, unless that is said.
func readFile(path string, said dialect.Dialect) (*configFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer file.Close()
	c := &configFile{path: path, dialect: said, certain: true}
	if c.data, err = io.ReadAll(io.LimitReader(file, fileBytesMax+1)); err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	if len(c.data) > fileBytesMax {
		return nil, fmt.Errorf("--config: %s is longer than %d bytes: is this the right file?", path, fileBytesMax)
	}
	if c.text, _, err = properties.Decode(c.data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if said == dialect.Auto {
		if c.dialect, c.certain, err = dialect.Recognize(c.text); err != nil {
			return nil, fmt.Errorf("%s has %w", path, err)
		}
	}
	return c, nil
}

// origin is that of a line's settings.
func (c *configFile) origin(line int) string { return fmt.Sprintf("%s:%d", c.path, line) }

// guessed says that the file would do for another client as well, which would put records elsewhere; empty if it would not.
func (c *configFile) guessed() string {
	if c.certain {
		return ""
	}
	return c.path + " is read as Java's, whose partitions records with keys go to, because it has no name that only another client knows: " +
		"add --dialect librdkafka if it is for librdkafka or kcat"
}

// surprising is guessed where the file's own name speaks against it.
func (c *configFile) surprising() string {
	if kcatNames.MatchString(filepath.Base(c.path)) {
		return c.guessed()
	}
	return ""
}

// exposed names the files with secrets that all may read: this one, if config has a secret from it, and those that it takes
// secrets from.
func (c *configFile) exposed(config omnibus.Config) []string {
	if !holdsSecret(config) || runtime.GOOS == "windows" {
		return nil
	}
	exposed := []string{c.path}
	if c.dialect == dialect.Java {
		exposed = c.secretFiles()
	}
	var notes []string
	for _, path := range exposed {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
			notes = append(notes, fmt.Sprintf("%s holds a secret and everybody on this machine can read it (mode %04o): chmod o= %[1]s", path, info.Mode().Perm()))
		}
	}
	return notes
}

// secretFiles are those in which the secrets of a Java file stand: itself, or where its providers find them.
func (c *configFile) secretFiles() []string {
	lines, _ := properties.Scan(c.text)
	providers, lines, _ := properties.TakeProviders(lines)
	var files []string
	for _, line := range lines {
		if !secret(line.Name) {
			continue
		}
		named := providers.Files(line.Value)
		if len(named) == 0 && !providers.Names(line.Value) {
			named = []string{c.path}
		}
		files = append(files, named...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}
