package dialect

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// Dialect is whose names a configuration is in.
type Dialect string

const (
	// Auto is to be recognized.
	Auto Dialect = ""
	// Java is Kafka's own, in a .properties file.
	Java Dialect = "java"
	// Librdkafka is that of librdkafka and all that is built on it, such as kcat: name=value, a line each.
	Librdkafka Dialect = "librdkafka"
	// Rpk is that of Redpanda's rpk: YAML with profiles.
	Rpk Dialect = "rpk"
)

// Names are the dialects that can be asked for.
func Names() []string { return []string{string(Java), string(Librdkafka), string(Rpk)} }

// Named is the dialect of that name, Auto for the empty one.
func Named(name string) (Dialect, error) {
	if name != "" && !slices.Contains(Names(), name) {
		return Auto, fmt.Errorf("--dialect is %q, want one of %s", name, strings.Join(Names(), ", "))
	}
	return Dialect(name), nil
}

// Setting is a setting, and where it was said.
type Setting struct{ Name, Value, Origin string }

// Reading is what a configuration comes to.
type Reading struct {
	// Settings are in Java's names, the weakest first.
	Settings []Setting
	// Notes are what the user should know of them.
	Notes []string
	// Mistakes are what cannot be meant.
	Mistakes []error
}

// rpkKey begins a line of rpk's files and of no other's.
var rpkKey = regexp.MustCompile(`(?m)^(profiles|current_profile|kafka_api|rpk):(\s|$)`)

// Recognize tells a file's dialect from its text. certain is false where the file would do for Java and for librdkafka
// alike.
func Recognize(text string) (d Dialect, certain bool, err error) {
	if rpkKey.MatchString(text) {
		return Rpk, true, nil
	}
	var javas, others string // the first name of each that the other does not have, with its line
	lines, _ := properties.Scan(text)
	java, other := javaNames(), librdkafka()
	for _, line := range lines {
		where := fmt.Sprintf("%s in line %d", line.Name, line.Number)
		_, isOther := other.known(line.Name)
		switch isJava := java.has(line.Name); {
		case isOther && (!isJava || onlyLibrdkafkas(line)) && others == "":
			others = where
		case isJava && !isOther && onlyJavas(line.Name) && javas == "":
			javas = where
		}
	}
	switch {
	case javas != "" && others != "":
		return Java, false, fmt.Errorf("names of two dialects, Java's (%s) and librdkafka's (%s): say which with --dialect java or --dialect librdkafka", javas, others)
	case others != "":
		return Librdkafka, true, nil
	}
	return Java, javas != "", nil
}

// onlyLibrdkafkas reports whether a name that both have stands with a value that only librdkafka takes.
func onlyLibrdkafkas(line properties.Line) bool {
	return line.Name == "ssl.endpoint.identification.algorithm" && strings.EqualFold(line.Value, "none")
}

// onlyJavas reports whether a name of Java's that librdkafka does not have shows that Java's client is meant. Those of consumers
// do not, for both clients have most of them, nor do omnibus' own and those of a schema registry, which stand in files of any.
func onlyJavas(name string) bool {
	return !strings.HasPrefix(name, "omnibus.") && (properties.Owner(name) == "" || strings.HasSuffix(name, ".deserializer"))
}

// names are those of the settings of Java's producer and of omnibus.
type names map[string]bool

func javaNames() names {
	made := make(names)
	for _, p := range (omnibus.Config{}).Properties() {
		made[p.Name] = true
	}
	return made
}

// has reports whether some program of Kafka's own, or omnibus, has the setting.
func (n names) has(name string) bool {
	return n[name] || strings.HasPrefix(name, "config.providers.") || properties.Owner(name) != ""
}

// Translate puts what was said into Java's names: weak is a file's, strong what flags say and so overrules it. What comes of
// the first alone is below, and what is different with the second is above. Within each, the last of two holds.
func (d Dialect) Translate(weak, strong []Setting) (below, above Reading) {
	v := d.vocabulary()
	if v == nil {
		return Reading{Settings: weak}, Reading{Settings: strong}
	}
	below, _ = v.translate(weak, nil)
	_, above = v.translate(weak, strong)
	return below, above
}

// Has reports whether the dialect has a setting of that name.
func (d Dialect) Has(name string) bool {
	v := d.vocabulary()
	if v == nil {
		return javaNames().has(name)
	}
	_, known := v.known(name)
	return known
}

// Secret reports whether the dialect has a secret under a name. Java's are known by their type.
func (d Dialect) Secret(name string) bool {
	v := d.vocabulary()
	if v == nil {
		return false
	}
	own, _ := v.known(name)
	return slices.Contains(v.secrets, own)
}

// Settings are the names that the dialect has, sorted; none for Java, whose are those of omnibus.Config.
func (d Dialect) Settings() []string {
	v := d.vocabulary()
	if v == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.rules))
}

// Defaults says of settings, by their Java names, how the dialect's client differs where nothing is said.
func (d Dialect) Defaults() map[string]string {
	remarks := make(map[string]string)
	if d == Librdkafka {
		for name, value := range librdkafkaDefaults {
			remarks[name] = "librdkafka's default would be " + value
		}
	}
	return remarks
}

// vocabulary is nil for Java, which needs no translation.
func (d Dialect) vocabulary() *vocabulary {
	switch d {
	case Librdkafka:
		return librdkafka()
	case Rpk:
		return rpk()
	default:
		return nil
	}
}

// Read lists what a file says, in the names of its dialect; origin makes of a line's number what its settings have as their
// Origin. Lines that are wrong are mistakes.
func (d Dialect) Read(text string, origin func(line int) string) (said []Setting, mistakes []error) {
	switch d {
	case Librdkafka:
		return readLines(text, origin)
	case Rpk:
		return readProfile(text, origin)
	}
	lines, faults := properties.Scan(text)
	for _, line := range lines {
		said = append(said, Setting{line.Name, line.Value, origin(line.Number)})
	}
	for _, fault := range faults {
		mistakes = append(mistakes, fmt.Errorf("%s: %w", origin(fault.Line), fault.Err))
	}
	return said, mistakes
}
