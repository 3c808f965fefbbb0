package security

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/jaas"
	"github.com/omnibus-kafka/omnibus/internal/oidc"
	"github.com/omnibus-kafka/omnibus/internal/secret"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
)

const (
	// idpTimeout is for who sets no sasl.login.connect.timeout.ms or .read.timeout.ms; Java waits for ever then.
	idpTimeout = 10 * time.Second
	// extensionPrefix begins the login's options that are sent beside the token (KIP-342).
	extensionPrefix = "extension_"
)

// bearer makes OAUTHBEARER: with a token from a file, or from an identity provider.
func (s *Settings) bearer(first *jaas.Login, decode Decoder) (sasl.Mechanism, error) {
	for name := range first.Options {
		if strings.HasPrefix(name, "unsecuredLogin") {
			return nil, fmt.Errorf("no %s: a token that nobody signed is for Java's own tests; use a token endpoint", name)
		}
	}
	endpoint := s.text(tokenEndpoint)
	var token func(context.Context) (secret.Text, error)
	switch {
	case endpoint == "":
		return nil, &settingError{Fault{Name: tokenEndpoint, Value: "not set", Want: "the address of the identity provider's token " +
			"endpoint, or file:///… for a token in a file; a program of one's own can set Config.SASL"}}
	case strings.HasPrefix(endpoint, "file:"):
		token = tokenFile(endpoint)
	default:
		source, err := s.provider(endpoint, first, decode)
		if err != nil {
			return nil, err
		}
		token = source.Token
	}
	var last atomic.Pointer[string]
	return &knownLogin{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		l, err := s.login()
		if err != nil {
			return oauth.Auth{}, err
		}
		text, err := token(ctx)
		subject := subjectOf(text)
		last.Store(&subject)
		return oauth.Auth{Token: text.Reveal(), Extensions: extensions(l)}, err
	}), func() string {
		if subject := last.Load(); subject != nil {
			return *subject
		}
		return ""
	}}, nil
}

// subjectOf is whom a token is about, which is what brokers call its bearer (sasl.oauthbearer.sub.claim.name); "" if it is
// not to be read. The signature is the broker's to check.
func subjectOf(token secret.Text) string {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return ""
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(data, &claims) != nil || len(claims.Subject) > 255 {
		return ""
	}
	return claims.Subject
}

// extensions are the login's, without their prefix.
func extensions(l *jaas.Login) map[string]string {
	sent := make(map[string]string)
	for name, value := range l.Options {
		if key, ok := strings.CutPrefix(name, extensionPrefix); ok {
			sent[key] = value.Reveal()
		}
	}
	return sent
}

// tokenFile reads the token anew each time: somebody else renews it.
func tokenFile(address string) func(context.Context) (secret.Text, error) {
	return func(context.Context) (secret.Text, error) {
		parsed, err := url.Parse(address)
		if err != nil {
			return secret.Text{}, err
		}
		data, err := readFile(parsed.Path)
		return secret.New(strings.TrimSpace(string(data))), err
	}
}

// provider makes the source of tokens.
func (s *Settings) provider(endpoint string, first *jaas.Login, decode Decoder) (*oidc.Source, error) {
	credentials := func() (oidc.Credentials, error) {
		l, err := s.login()
		if err != nil {
			return oidc.Credentials{}, err
		}
		return s.clientOf(l)
	}
	if _, err := s.clientOf(first); err != nil {
		return nil, err
	}
	client, err := s.webClient(first, decode)
	if err != nil {
		return nil, err
	}
	scope := first.Option("scope")
	if own := s.text("sasl.oauthbearer.scope"); own != "" {
		scope = own
	}
	return oidc.New(oidc.Config{
		Endpoint: endpoint, Credentials: credentials, Scope: scope, Client: client,
		URLEncode: strings.EqualFold(s.text("sasl.oauthbearer.header.urlencode"), "true"),
	}), nil
}

// clientOf is who asks for tokens: by settings of their own since Kafka 4.1, before by the login's options.
func (s *Settings) clientOf(l *jaas.Login) (oidc.Credentials, error) {
	id, password := s.text(clientID), ""
	if id == "" {
		id, password = l.Option("clientId"), l.Option("clientSecret")
	} else {
		var err error
		if password, err = s.current(clientSecret); err != nil {
			return oidc.Credentials{}, err
		}
	}
	if id == "" || password == "" {
		return oidc.Credentials{}, errors.New(`clientId="…" and clientSecret="…" in the login, or the two sasl.oauthbearer.client.credentials.*`)
	}
	return oidc.Credentials{ID: id, Secret: secret.New(password)}, nil
}

// webClient reaches the identity provider. The login's options may have ssl.* of its own for it, as in Java.
func (s *Settings) webClient(l *jaas.Login, decode Decoder) (*http.Client, error) {
	own := &Settings{}
	for name, value := range l.Options {
		if strings.HasPrefix(name, "ssl.") {
			var err error
			if own, err = own.With(name, value.Reveal()); err != nil {
				return nil, fmt.Errorf("%s that is %w", name, err)
			}
		}
	}
	source, faults := own.tlsSource(decode)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s that is %s", faults[0].Name, faults[0].Want)
	}
	connect, read := s.millis("sasl.login.connect.timeout.ms"), s.millis("sasl.login.read.timeout.ms")
	return &http.Client{
		Timeout: connect + read,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connect}).DialContext,
			TLSHandshakeTimeout:   connect,
			ResponseHeaderTimeout: read,
			TLSClientConfig:       source.config(slog.New(slog.DiscardHandler)),
			DisableKeepAlives:     true, // tokens are asked for once an hour
		},
	}, nil
}

// millis is a time that was checked, or idpTimeout.
func (s *Settings) millis(name string) time.Duration {
	n, err := strconv.Atoi(s.text(name))
	if err != nil || n == 0 {
		return idpTimeout
	}
	return time.Duration(n) * time.Millisecond
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
