package connect

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

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
	mode    os.FileMode
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
	if info, err := file.Stat(); err == nil {
		c.mode = info.Mode()
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

// exposed says that the file holds a secret, which config has from it, and that all may read it.
func (c *configFile) exposed(config omnibus.Config) []string {
	if !holdsSecret(config) || runtime.GOOS == "windows" || c.mode.Perm()&0o007 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s holds a secret and everybody on this machine can read it (mode %04o): chmod o= %[1]s", c.path, c.mode.Perm())}
}
