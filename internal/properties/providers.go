package properties

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	providersName   = "config.providers"
	providersPrefix = "config.providers."
	providerPackage = "org.apache.kafka.common.config.provider."
	// providedBytesMax bounds a file that a provider reads.
	providedBytesMax = 1 << 20
)

// reference is ${provider:key} or ${provider:path:key}, as Kafka's ConfigTransformer reads it.
var reference = regexp.MustCompile(`\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}`)

// Providers look up values that stand elsewhere (KIP-297): in the environment, in .properties files, in files of a
// directory.
type Providers struct{ byName map[string]provider }

// provider is one of them, by the name that the file gives it.
type provider struct {
	class string
	// allowed are the directories that files may lie in (allowed.paths), none for all; pattern is what names of variables
	// must be (allowlist.pattern), nil for any.
	allowed []string
	pattern *regexp.Regexp
}

// TakeProviders takes config.providers and all that belongs to it out of a file's lines.
func TakeProviders(lines []Line) (*Providers, []Line, []LineError) {
	settings := make(map[string]Line)
	var rest []Line
	for _, line := range lines {
		if line.Name == providersName || strings.HasPrefix(line.Name, providersPrefix) {
			settings[line.Name] = line
		} else {
			rest = append(rest, line)
		}
	}
	p := &Providers{byName: make(map[string]provider)}
	var errs []LineError
	for name := range strings.SplitSeq(settings[providersName].Value, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		made, err := newProvider(name, settings)
		if err != nil {
			errs = append(errs, LineError{settings[providersName].Number, err})
		}
		p.byName[name] = made
	}
	return p, rest, errs
}

func newProvider(name string, settings map[string]Line) (p provider, err error) {
	prefix := providersPrefix + name
	class, given := settings[prefix+".class"]
	if !given {
		return p, fmt.Errorf("%s names %q, and %s.class is missing", providersName, name, prefix)
	}
	p.class = strings.TrimPrefix(strings.TrimSpace(class.Value), providerPackage)
	if !slices.Contains([]string{"EnvVarConfigProvider", "FileConfigProvider", "DirectoryConfigProvider"}, p.class) {
		return p, fmt.Errorf("%s.class is %q: want %sEnvVarConfigProvider, FileConfigProvider or DirectoryConfigProvider; "+
			"other Java classes cannot run here", prefix, class.Value, providerPackage)
	}
	for path := range strings.SplitSeq(settings[prefix+".param.allowed.paths"].Value, ",") {
		if path = strings.TrimSpace(path); path != "" {
			p.allowed = append(p.allowed, filepath.Clean(path))
		}
	}
	if pattern := settings[prefix+".param.allowlist.pattern"].Value; pattern != "" {
		if p.pattern, err = regexp.Compile("^(?:" + pattern + ")$"); err != nil {
			return p, fmt.Errorf("%s.param.allowlist.pattern: %w", prefix, err)
		}
	}
	return p, nil
}

// Names reports whether text names values that a provider has. Where no provider is configured it does not: then Kafka takes
// ${…} literally.
func (p *Providers) Names(text string) bool { return len(p.byName) > 0 && reference.MatchString(text) }

// LooksLike reports whether text has the form of a reference, but there is no provider.
func (p *Providers) LooksLike(text string) bool {
	return len(p.byName) == 0 && reference.MatchString(text)
}

// Expand replaces what text names by the values that are there now. No error holds a value.
func (p *Providers) Expand(text string) (string, error) {
	var errs []error
	expanded := reference.ReplaceAllStringFunc(text, func(found string) string {
		parts := reference.FindStringSubmatch(found)
		value, err := p.look(parts[1], parts[2], parts[3])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", found, err))
		}
		return value
	})
	return expanded, errors.Join(errs...)
}

// Files lists the files in which the values stand that text names.
func (p *Providers) Files(text string) []string {
	var files []string
	for _, parts := range reference.FindAllStringSubmatch(text, -1) {
		switch from, path := p.byName[parts[1]], parts[2]; {
		case path == "" || from.class == "EnvVarConfigProvider" || from.class == "":
		case from.class == "DirectoryConfigProvider":
			files = append(files, filepath.Join(path, filepath.Base(parts[3])))
		default:
			files = append(files, path)
		}
	}
	return files
}

// look finds one value.
func (p *Providers) look(name, path, key string) (string, error) {
	from, ok := p.byName[name]
	switch {
	case !ok:
		return "", fmt.Errorf("%s does not name %q", providersName, name)
	case from.class == "EnvVarConfigProvider":
		return from.variable(key)
	case path == "":
		return "", fmt.Errorf("no path: write ${%s:/path:key}", name)
	case !from.mayRead(path):
		return "", fmt.Errorf("%s is in none of allowed.paths", path)
	case from.class == "DirectoryConfigProvider":
		text, err := readText(filepath.Join(path, filepath.Base(key)))
		return strings.TrimRight(text, "\r\n"), err
	}
	return property(path, key)
}

func (p *provider) variable(name string) (string, error) {
	if p.pattern != nil && !p.pattern.MatchString(name) {
		return "", fmt.Errorf("the variable %s does not match allowlist.pattern", name)
	}
	value, set := os.LookupEnv(name)
	if !set {
		return "", fmt.Errorf("the environment has no variable %s", name)
	}
	return value, nil
}

func (p *provider) mayRead(path string) bool {
	path = filepath.Clean(path)
	return len(p.allowed) == 0 || slices.ContainsFunc(p.allowed, func(dir string) bool {
		return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
	})
}

// property reads one setting of another .properties file.
func property(path, key string) (string, error) {
	data, err := readText(path)
	if err != nil {
		return "", err
	}
	text, _, err := Decode([]byte(data))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	lines, _ := Scan(text)
	for _, line := range slices.Backward(lines) { // the last one holds
		if line.Name == key {
			return line.Value, nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, key)
}

func readText(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, providedBytesMax+1))
	if err == nil && len(data) > providedBytesMax {
		err = fmt.Errorf("%s has more than %d bytes", path, providedBytesMax)
	}
	return string(data), err
}
