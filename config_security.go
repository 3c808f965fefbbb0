package omnibus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/omnibus-kafka/omnibus/internal/security"
)

// Security is what every connection to the cluster is made with, of TLS, SASL and the settings of Java's names together:
// for another client that is to reach the same cluster. Either is nil where the cluster does without. It reads the
// files that ssl.* names, and the TLS configuration holds what was in them; a Producer reads them again for each
// connection. The error is the part of Validate's that concerns security.
func (c Config) Security() (*tls.Config, sasl.Mechanism, error) {
	s, _ := resolve(c)
	if _, errs := s.secure(); len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	return s.connection.TLSConfig(s.Logger), s.connection.SASL, nil
}

func (s *settings) securityInput() *security.Input {
	return &security.Input{Settings: s.java, TLS: s.TLS, SASL: s.SASL, Decode: s.KeyStore, Kerberos: s.Kerberos, Cleartext: s.AllowCleartextSecrets}
}

// secure sets what connections are made with, and finds the mistakes in what was said of it.
func (s *settings) secure() (notes []Note, errs []error) {
	made, faults, found := security.Resolve(*s.securityInput())
	s.connection = made
	for _, f := range faults {
		errs = append(errs, &ConfigError{f.Field, f.Name, f.Value, f.Want})
	}
	for _, n := range found {
		notes = append(notes, Note{Name: n.Name, Text: n.Text})
	}
	for _, scheme := range s.schemes {
		if scheme != made.Protocol {
			notes = append(notes, Note{Name: "bootstrap.servers", Text: fmt.Sprintf("%s:// stands before an address, and connections are %s: security.protocol says which, and the address does not", scheme, made.Protocol)})
		}
	}
	return notes, errs
}

// eachTLS gives each connection its TLS configuration; nil without TLS.
func (s *settings) eachTLS(log *slog.Logger) func() *tls.Config {
	if !s.connection.Secured() {
		return nil
	}
	return func() *tls.Config { return s.connection.TLSConfig(log) }
}

// securityKey is a setting of TLS or SASL, which is kept under its Java name.
func securityKey(name, typ, def string) javaKey {
	return javaKey{
		name: name, typ: typ, def: def, set: setSecurity(name, def),
		get: func(s *settings) string {
			shown, set := s.java.Shown(name)
			switch {
			case name == "sasl.mechanism" && s.SASL != nil:
				return s.SASL.Name()
			case !set:
				return def
			case typ == "PASSWORD":
				return hiddenValue
			}
			return shown
		},
	}
}

// setSecurity sets such a setting; its default unsets it.
func setSecurity(name, def string) func(c *Config, value string) (string, error) {
	return func(c *Config, value string) (string, error) {
		if value == def && name != "sasl.mechanism" && name != "security.protocol" {
			c.java = c.java.Without(name)
			return "", nil
		}
		next, err := c.java.With(name, value)
		if err != nil {
			return "", err
		}
		c.java = next
		return "", nil
	}
}

// hiddenValue stands for a secret.
const hiddenValue = "[hidden]"

// withoutScheme takes off the listener's protocol that Java lets stand before an address.
func withoutScheme(address string) (plain, scheme string, err error) {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return address, "", nil
	}
	switch scheme = strings.ToUpper(scheme); scheme {
	case "PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT":
		return rest, scheme, nil
	}
	return "", "", errors.New("the host:port of a broker, not a URL")
}
