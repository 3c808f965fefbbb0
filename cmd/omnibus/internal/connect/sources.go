package connect

import (
	"errors"
	"fmt"
	"os"

	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// Sources lists what the file, the environment and the flags say, the weakest first: of several settings of one name the
// last one holds. Settings of the file have file:line as their origin. Names and values are as they were written, right
// or wrong; the error joins the mistakes of syntax, and the list has the rest.
func (f *Flags) Sources(getenv func(string) string) ([]Setting, error) {
	said, fileErr := fileSources(f.file(getenv))
	settings, err := f.settings(getenv)
	return append(said, settings...), errors.Join(fileErr, err)
}

// fileSources reads the settings of a file, if there is one.
func fileSources(file string) ([]Setting, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	text, _, err := properties.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	lines, faults := properties.Scan(text)
	said := make([]Setting, len(lines))
	for i, line := range lines {
		said[i] = Setting{line.Name, line.Value, fmt.Sprintf("%s:%d", file, line.Number)}
	}
	errs := make([]error, len(faults))
	for i, fault := range faults {
		errs[i] = fmt.Errorf("%s: %w", file, fault)
	}
	return said, errors.Join(errs...)
}
