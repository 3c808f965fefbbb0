package omnibus

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// propertiesBytesMax bounds what ParseProperties reads; a real file has a few kilobytes.
const propertiesBytesMax = 1 << 20

// Support says what becomes of a Java setting.
type Support int8

const (
	// Honoured settings do what they do in Java.
	Honoured Support = iota
	// NoEffect settings are accepted, so that a file written for Java is, and answered by a note that says why they
	// change nothing.
	NoEffect
	// Refused settings are mistakes, unless they say their own default: without them the producer would do something
	// else than was asked for.
	Refused
)

// String is "honoured", "no effect" or "refused".
func (s Support) String() string { return enumName(s, supportNames) }

var supportNames = []string{"honoured", "no effect", "refused"}

// Note says that something other than the plain reading of a configuration is going to happen. It is no mistake.
type Note struct {
	// Line is the line of the file that it concerns, counted from 1; 0 where there is no file or no single line.
	Line int
	// Name is the Java name of the setting that it concerns; empty if it concerns none.
	Name string
	// Text is the note itself, a sentence without its end.
	Text string
}

// String is the note on one line: "line 3: linger.ms: …".
func (n Note) String() string {
	text := n.Text
	if n.Name != "" {
		text = n.Name + ": " + text
	}
	if n.Line > 0 {
		text = fmt.Sprintf("line %d: %s", n.Line, text)
	}
	return text
}

// Property is one row of Config.Properties: a setting under its Java name, with its value as a .properties file has it.
type Property struct {
	// Name is the setting's Java name, or begins with "omnibus." where Java has no such setting.
	Name string
	// Field is the field of Config that holds it; empty if none does.
	Field string
	// Type is Java's: INT, LONG, SHORT, DOUBLE, BOOLEAN, STRING, CLASS, LIST or PASSWORD.
	Type string
	// Value is what holds, after defaults and Java's implicit rules; equal to Default unless Support is Honoured.
	Value string
	// Default is Java's default; "null" and "(required)" where Java has none.
	Default string
	// Support says whether the setting does anything here.
	Support Support
	// Why is the reason where Support is not Honoured.
	Why string
}

// Properties lists every setting of Kafka's Java producer and the few of this one, sorted by name, with the values
// that c results in. It does not validate c: a value that is a mistake is listed as it is. Times are in milliseconds,
// fractions rounded up. The honoured ones, written "name=value", are a file that ParseProperties reads.
func (c Config) Properties() []Property {
	s, _ := resolve(c)
	list := make([]Property, 0, len(javaKeys))
	for i := range javaKeys {
		key := &javaKeys[i]
		value := key.def
		if key.get != nil {
			value = key.get(s)
		}
		list = append(list, Property{key.name, key.field, key.typ, value, key.def, key.support, key.why})
	}
	slices.SortFunc(list, func(a, b Property) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Notes lists where c leads to something else than its fields say, by Java's implicit rules: what Open logs as warnings.
// It does not validate c. The notes have no line.
func (c Config) Notes() []Note {
	_, notes := resolve(c)
	return notes
}

// Set changes one setting by its Java name, with a value as a .properties file has it: times in milliseconds, "true"
// and "false", lists with commas, blanks around it ignored. All 120 settings of the Java producer 4.4 are known: each
// is honoured, or accepted with a note why it changes nothing, or refused with a reason. A setting of Kafka's other
// clients is accepted with a note, as files are often shared; an unknown one is a *ConfigError with a guess at what
// was meant. After an error c is what it was.
//
// Set looks at one setting at a time; Validate sees what several of them do together.
func (c *Config) Set(name, value string) (note string, err error) {
	name, value = javaTrim(name), javaTrim(value)
	key := javaKeyNamed(name)
	if key == nil {
		return unknownKey(name, value)
	}
	switch key.support {
	case NoEffect:
		if want := key.typeFault(value); want != "" {
			return "", key.mistake(value, want)
		}
		return key.why, nil
	case Refused:
		if key.def != "null" && strings.EqualFold(value, key.def) {
			return "", nil
		}
		return "", key.mistake(value, "it left out: "+key.why)
	}
	changed := *c
	note, fault := key.set(&changed, value)
	if fault != nil {
		return "", key.mistake(value, fault.Error())
	}
	*c = changed
	return note, nil
}

func (k *javaKey) mistake(value, want string) error {
	shown := strconv.Quote(withoutCredentials(value))
	if k.typ == "PASSWORD" {
		shown = hiddenValue
	}
	return &ConfigError{Field: k.field, JavaName: k.name, Value: shown, Want: want}
}

// typeFault says what a value that is only accepted should have been; Java refuses a wrong type there too.
func (k *javaKey) typeFault(value string) (want string) {
	var err error
	switch k.typ {
	case "INT":
		_, err = strconv.ParseInt(value, 10, 32)
	case "SHORT":
		_, err = strconv.ParseInt(value, 10, 16)
	case "LONG":
		_, err = strconv.ParseInt(value, 10, 64)
	case "DOUBLE":
		_, err = strconv.ParseFloat(value, 64)
	case "BOOLEAN":
		_, err = javaBool(value)
	}
	if err != nil {
		return "a value of Java's type " + k.typ
	}
	return ""
}

// javaTrim is Java's String.trim: everything up to the space goes.
func javaTrim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

func javaBool(value string) (bool, error) {
	switch {
	case strings.EqualFold(value, "true"):
		return true, nil
	case strings.EqualFold(value, "false"):
		return false, nil
	default:
		return false, errors.New("true or false")
	}
}

// javaList splits at commas and drops the blanks around them; an empty text is an empty list.
func javaList(value string) []string {
	if value == "" {
		return nil
	}
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = javaTrim(list[i])
	}
	return list
}

// ParseProperties reads a Java .properties file, such as one written for Kafka's own tools, into a Config. The syntax
// is that of java.util.Properties, whole: '#' and '!' comments, '=', ':' or blanks between name and value, lines
// continued by a backslash, \uXXXX and the other escapes. Text that is valid UTF-8, with or without a byte order mark,
// is read as such, and any other as ISO-8859-1. Of a setting given twice the last one holds. At most 1 MiB is read.
// ${provider:path:key} is looked up by Kafka's own config.providers (environment, file, directory) if the file sets them.
//
// The notes say what was read otherwise than one might think. The error joins every mistake in the file, each a
// *ConfigError or an error of syntax with its line's number in front; the Config then has all settings that were
// right. It is not validated as a whole, because flags may follow: Validate and Open do that.
func ParseProperties(r io.Reader) (Config, []Note, error) {
	data, err := io.ReadAll(io.LimitReader(r, propertiesBytesMax+1))
	if err != nil {
		return Config{}, nil, fmt.Errorf("read properties: %w", err)
	}
	if len(data) > propertiesBytesMax {
		return Config{}, nil, fmt.Errorf("properties are longer than %d bytes: is this the right file?", propertiesBytesMax)
	}
	text, note, err := properties.Decode(data)
	if err != nil {
		return Config{}, nil, err
	}
	var notes []Note
	if note != "" {
		notes = append(notes, Note{Text: note})
	}
	lines, errs := properties.Scan(text)
	lines, overridden := lastOfEach(lines)
	notes = append(notes, overridden...)
	providers, lines, mistakes := properties.TakeProviders(lines)
	errs = append(errs, mistakes...)

	var c Config
	for _, line := range lines {
		note, err := c.setLine(line, providers)
		if err != nil {
			errs = append(errs, properties.LineError{Line: line.Number, Err: err})
		}
		if note != "" {
			notes = append(notes, Note{line.Number, line.Name, note})
		}
	}
	slices.SortStableFunc(notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	slices.SortStableFunc(errs, func(a, b properties.LineError) int { return cmp.Compare(a.Line, b.Line) })
	return c, notes, joinLines(errs)
}

// setLine is Set for a line of a file, which may name values that stand elsewhere. What security needs of them is looked up
// again whenever it is used, for they may be passwords that are changed there.
func (c *Config) setLine(line properties.Line, providers *properties.Providers) (note string, err error) {
	switch {
	case providers.LooksLike(line.Value):
		note, err = c.Set(line.Name, line.Value)
		return cmp.Or(note, "it has a ${...} and is taken literally, because the file sets no config.providers"), err
	case !providers.Names(line.Value):
		return c.Set(line.Name, line.Value)
	}
	value, err := providers.Expand(line.Value)
	if err != nil {
		return "", &ConfigError{JavaName: line.Name, Value: hiddenValue, Want: "a value that can be looked up: " + err.Error()}
	}
	note, err = c.Set(line.Name, value)
	c.java = c.java.Again(line.Name, func() (string, error) { return providers.Expand(line.Value) })
	return note, err
}

func joinLines(errs []properties.LineError) error {
	joined := make([]error, len(errs))
	for i, e := range errs {
		joined[i] = e
	}
	return errors.Join(joined...)
}

// lastOfEach drops a setting that a later line sets again, as Java does, and says so.
func lastOfEach(lines []properties.Line) (kept []properties.Line, notes []Note) {
	last := make(map[string]int, len(lines))
	for i, line := range lines {
		last[line.Name] = i
	}
	for i, line := range lines {
		if j := last[line.Name]; j != i {
			notes = append(notes, Note{line.Number, line.Name, fmt.Sprintf("line %d sets it again, and the last one holds", lines[j].Number)})
			continue
		}
		kept = append(kept, line)
	}
	return kept, notes
}
