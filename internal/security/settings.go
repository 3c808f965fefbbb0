package security

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/jaas"
	"github.com/omnibus-kafka/omnibus/internal/secret"
)

// Settings are those of Java's security.protocol, ssl.* and sasl.* that were set, by name. They are not changed: With
// returns others. nil is none.
type Settings struct{ values map[string]value }

// value is a setting's.
type value struct {
	text secret.Text
	// again looks the text up anew where it came from elsewhere; nil if it stood in the configuration.
	again func() (string, error)
}

// With is s with one more setting. The error's text is what was wanted. An empty text unsets what has no meaning for it.
func (s *Settings) With(name, text string) (*Settings, error) {
	if text == "" && name != nameCheck {
		return s.Without(name), nil
	}
	if check := checks[name]; check != nil {
		if err := check(text); err != nil {
			return nil, err
		}
	}
	next := s.copied()
	next.values[name] = value{text: secret.New(text)}
	return next, nil
}

// Without is s with the setting at its default.
func (s *Settings) Without(name string) *Settings {
	next := s.copied()
	delete(next.values, name)
	return next
}

// Again is s with a setting, if it has that, looked up anew by again whenever it is used.
func (s *Settings) Again(name string, again func() (string, error)) *Settings {
	if !s.has(name) {
		return s // another kind of setting, or a mistake
	}
	next := s.copied()
	next.values[name] = value{s.values[name].text, again}
	return next
}

func (s *Settings) copied() *Settings {
	next := &Settings{values: make(map[string]value)}
	if s != nil {
		maps.Copy(next.values, s.values)
	}
	return next
}

// Shown is the text of a setting that is no secret, and whether it was set.
func (s *Settings) Shown(name string) (text string, set bool) {
	if s == nil {
		return "", false
	}
	v, set := s.values[name]
	return v.text.Reveal(), set
}

func (s *Settings) has(name string) bool {
	_, set := s.Shown(name)
	return set
}

// text is the setting's, or "" if it was not set.
func (s *Settings) text(name string) string {
	text, _ := s.Shown(name)
	return text
}

// current is text, looked up again if it came from elsewhere.
func (s *Settings) current(name string) (string, error) {
	if s == nil || s.values[name].again == nil {
		return s.text(name), nil
	}
	text, err := s.values[name].again()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// having lists the settings that were set whose name begins so, sorted.
func (s *Settings) having(prefix string) []string {
	if s == nil {
		return nil
	}
	var names []string
	for name := range s.values {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// The settings that are looked at by name in more than one place.
const (
	protocol      = "security.protocol"
	nameCheck     = "ssl.endpoint.identification.algorithm"
	keyStore      = "ssl.keystore.location"
	keyChain      = "ssl.keystore.certificate.chain"
	keyInline     = "ssl.keystore.key"
	trustStore    = "ssl.truststore.location"
	trustInline   = "ssl.truststore.certificates"
	mechanismName = "sasl.mechanism"
	login         = "sasl.jaas.config"
	tokenEndpoint = "sasl.oauthbearer.token.endpoint.url"
	clientID      = "sasl.oauthbearer.client.credentials.client.id"
	clientSecret  = "sasl.oauthbearer.client.credentials.client.secret"
	serviceName   = "sasl.kerberos.service.name"
)

// checks are what a value must be by itself; a setting without one takes any text.
var checks = map[string]func(text string) error{
	protocol:                            oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
	nameCheck:                           oneOf("https", ""),
	"ssl.keystore.type":                 oneOf("JKS", "PKCS12", "PEM"),
	"ssl.truststore.type":               oneOf("JKS", "PKCS12", "PEM"),
	"ssl.enabled.protocols":             checkVersions,
	"ssl.cipher.suites":                 checkSuites,
	mechanismName:                       oneOf(mechanisms()...),
	login:                               checkLogin,
	"sasl.login.connect.timeout.ms":     checkMillis,
	"sasl.login.read.timeout.ms":        checkMillis,
	"sasl.oauthbearer.header.urlencode": oneOf("true", "false"),
	tokenEndpoint:                       checkEndpoint,
}

// mechanisms are Java's names of those that can be configured by name.
func mechanisms() []string {
	return []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI"}
}

// oneOf takes the words in any case, as Java does.
func oneOf(words ...string) func(string) error {
	return func(text string) error {
		if slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, text) }) {
			return nil
		}
		named := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "" })
		if len(named) < len(words) {
			return errors.New(strings.Join(named, ", ") + ", or nothing behind the '=' to turn it off")
		}
		return errors.New("one of " + strings.Join(named, ", "))
	}
}

func checkLogin(text string) error {
	if _, err := jaas.Parse(text); err != nil {
		return fmt.Errorf("a login module and its options (%w)", err)
	}
	return nil
}

func checkMillis(text string) error {
	if n, err := strconv.ParseInt(text, 10, 32); err != nil || n < 0 {
		return errors.New("a whole number of milliseconds, 0 or more")
	}
	return nil
}

// checkEndpoint lets a secret go to a web address only where nobody else can read it.
func checkEndpoint(text string) error {
	endpoint, err := url.Parse(text)
	switch {
	case err != nil || endpoint.User != nil:
		return errors.New("an address without user and password, such as https://idp.example/oauth2/token")
	case endpoint.Scheme == "https" && endpoint.Host != "", endpoint.Scheme == "file" && endpoint.Path != "",
		endpoint.Scheme == "http" && isLoopback(endpoint.Hostname()):
		return nil
	}
	return errors.New("an https address, because a secret is sent to it (http is for loopback), or file:///… with a token")
}

func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
