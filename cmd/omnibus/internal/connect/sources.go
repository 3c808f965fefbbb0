package connect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dialect"
	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// Sources is what a configuration is made of.
type Sources struct {
	// Settings is what the file, the environment and the flags come to, the weakest first: of several settings of one name
	// the last one holds. Those of the file have file:line as their origin, and what another client calls them behind it.
	// A Java file's are as they were written, right or wrong.
	Settings []Setting
	// Defaults says, by Java's names, how the client whose file it is differs where nothing is said.
	Defaults map[string]string
	// Notes are what the user should know, beyond single settings too.
	Notes []string
}

// Sources lists what there is to make a configuration of. The error joins the mistakes in it, and the list has the rest.
func (f *Flags) Sources(getenv func(string) string) (*Sources, error) {
	g, errs := f.gather(getenv)
	made := &Sources{Notes: g.notes, Defaults: g.dialect.Defaults()}
	if g.file != nil {
		switch {
		case g.file.dialect != dialect.Java:
			made.Notes = append(made.Notes, fmt.Sprintf("%s is read as a file of %s", g.file.path, g.file.dialect))
		case g.file.surprising() == "" && g.file.guessed() != "":
			made.Notes = append(made.Notes, g.file.guessed())
		}
		if g.file.dialect == dialect.Java {
			said, mistakes := g.file.java()
			g.below, errs = said, append(errs, mistakes...)
		}
	}
	made.Settings = slices.Concat(g.below, g.environment, g.flags)
	return made, errors.Join(errs...)
}

// java lists the settings of a Java file, with what its providers have.
func (c *configFile) java() (said []Setting, mistakes []error) {
	read, mistakes := dialect.Java.Read(c.text, c.origin)
	lines, _ := properties.Scan(c.text)
	providers, _, faults := properties.TakeProviders(lines)
	for _, fault := range faults {
		mistakes = append(mistakes, fmt.Errorf("%s: %w", c.origin(fault.Line), fault.Err))
	}
	for _, s := range read {
		if providers.Names(s.Value) {
			value, err := providers.Expand(s.Value)
			if err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s: %s: %w", s.Origin, s.Name, err))
				continue
			}
			s.Value = value
		}
		said = append(said, Setting(s))
	}
	return said, mistakes
}

// gathered is what was said, in Java's names but for a Java file, which is read where it is needed.
type gathered struct {
	file                      *configFile // nil for none
	dialect                   dialect.Dialect
	below, environment, flags []Setting
	notes                     []string
}

// gather collects what file, environment and flags say, and the mistakes in how they say it.
func (f *Flags) gather(getenv func(string) string) (*gathered, []error) {
	g := &gathered{environment: environment(getenv)}
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	said, err := dialect.Named(cmp.Or(f.Dialect, getenv(dialectVariable)))
	note(err)
	if path := cmp.Or(f.ConfigFile, getenv(configVariable)); path != "" {
		g.file, err = readFile(path, said)
		note(err)
	}
	g.dialect = cmp.Or(said, dialect.Java)
	var weak []dialect.Setting
	if g.file != nil {
		g.dialect = g.file.dialect
		if text := g.file.surprising(); text != "" {
			g.notes = append(g.notes, text)
		}
		if g.dialect != dialect.Java {
			var mistakes []error
			weak, mistakes = g.dialect.Read(g.file.text, g.file.origin)
			errs = append(errs, mistakes...)
		}
	}
	strong, mistakes := f.assignments(g.dialect)
	below, above := g.dialect.Translate(weak, strong)
	g.below, g.flags = settings(below), settings(above)
	g.notes = append(append(g.notes, below.Notes...), above.Notes...)
	if f.Brokers != "" {
		g.flags = append(g.flags, Setting{bootstrapServers, f.Brokers, "--brokers"})
	}
	return g, slices.Concat(errs, mistakes, below.Mistakes, above.Mistakes)
}

// settings are a reading's.
func settings(of dialect.Reading) []Setting {
	list := make([]Setting, len(of.Settings))
	for i, s := range of.Settings {
		list[i] = Setting(s)
	}
	return list
}

// assignments are what -X says, in the dialect's names. Secrets are refused there, whatever else is right about them.
func (f *Flags) assignments(of dialect.Dialect) (said []dialect.Setting, mistakes []error) {
	for _, text := range f.Settings {
		name, value, ok := strings.Cut(text, "=")
		switch name = strings.TrimSpace(name); {
		case !ok || name == "":
			mistakes = append(mistakes, fmt.Errorf("-X is %q, want name=value with a setting's name, such as -X linger.ms=20", leading(text)))
			continue
		case of == dialect.Java && !dialect.Java.Has(name) && dialect.Librdkafka.Has(name):
			mistakes = append(mistakes, fmt.Errorf("-X: %s is librdkafka's name for a setting: want Java's%s, or --dialect librdkafka",
				name, javaNameOf(name)))
		default:
			said = append(said, dialect.Setting{Name: name, Value: value, Origin: settingFlag})
		}
		if secret(name) || of.Secret(name) || dialect.Librdkafka.Secret(name) {
			mistakes = append(mistakes, exposure(name))
		}
	}
	return said, mistakes
}

// exposure refuses a secret on the command line.
func exposure(name string) error {
	elsewhere := "put it into the file of --config"
	if secret(name) {
		elsewhere += ", or into the variable " + variable(name)
	}
	return errors.New(settingFlag + ": " + name + " is a secret, and everybody on this machine can read a command line: " + elsewhere)
}

// javaNameOf is what Java calls a setting of another client; empty if it has no name for it.
func javaNameOf(name string) string {
	if java := properties.Guess(name, nil); java != "" {
		return ", " + java
	}
	return ""
}

// leading is the beginning of a text that may be a setting's name. What is behind it may be a secret.
func leading(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		return text
	}
	return text[:end] + "…"
}
