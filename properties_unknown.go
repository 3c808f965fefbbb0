package omnibus

import (
	"fmt"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// unknownKey is the answer to a name that is no producer setting. The value is never shown: under a misspelled name it
// may be a password, and the name only if it looks like one.
func unknownKey(name, value string) (note string, err error) {
	if strings.HasPrefix(name, "config.providers.") {
		return whyProviders, nil
	}
	if owner := properties.Owner(name); owner != "" {
		return "it is a setting of " + owner + ", and changes nothing here", nil
	}
	want, shown := "the name of a producer setting", properties.Shown(name, value)
	if guess := guessKey(name); guess != "" {
		shown = name
		want += "; did you mean " + guess + "?"
	}
	return "", &ConfigError{JavaName: fmt.Sprintf("%q", shown), Value: "unknown", Want: want}
}

// guessKey is the setting that was probably meant: the name of Config's field, or what properties.Guess finds.
func guessKey(name string) string {
	names := make([]string, len(javaKeys))
	for i := range javaKeys {
		if names[i] = javaKeys[i].name; strings.EqualFold(name, javaKeys[i].field) {
			return names[i]
		}
	}
	return properties.Guess(name, names)
}
