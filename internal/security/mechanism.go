package security

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/jaas"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// authenticate makes the connection's mechanism.
func (r *resolving) authenticate() {
	name := strings.ToUpper(r.Settings.text(mechanismName))
	if r.SASL != nil {
		if name != "" && name != r.SASL.Name() {
			r.fault("SASL", "", r.SASL.Name(), fmt.Sprintf("the mechanism that %s says, which is %s: change one of them", mechanismName, name))
		}
		r.made.SASL = r.SASL
		return
	}
	if name == "" && r.kerberosLogin() {
		name = "GSSAPI" // Java's default
	}
	if name == "" {
		r.fault("SASL", mechanismName, "not set", "a mechanism, because security.protocol is "+r.made.Protocol+r.guess()+
			"; Java's default, GSSAPI, has to be said here")
		return
	}
	if name == "GSSAPI" {
		r.kerberos()
		return
	}
	if !r.Settings.has(login) && !selfSufficient(r.Settings, name) {
		r.fault("", login, "not set", fmt.Sprintf("a login for %s, such as %s", name, exampleOf(name)))
		return
	}
	mechanism, err := r.Settings.mechanism(name, r.Decode)
	if err != nil {
		f := Fault{Name: login, Value: "[hidden]", Want: err.Error()}
		if elsewhere, ok := errors.AsType[*settingError](err); ok {
			f = elsewhere.Fault
		}
		r.faults = append(r.faults, f)
		return
	}
	r.made.SASL = mechanism
}

// selfSufficient reports whether a mechanism has all it needs in other settings, as Kafka 4.1 allows for OAuth.
func selfSufficient(s *Settings, name string) bool {
	return name == "OAUTHBEARER" && (s.has(clientID) || strings.HasPrefix(s.text(tokenEndpoint), "file:"))
}

// guess names the mechanism that the login is for.
func (r *resolving) guess() string {
	parsed, err := jaas.Parse(r.Settings.text(login))
	if err != nil {
		return ""
	}
	for _, m := range modules {
		if m.class == parsed.Module {
			return fmt.Sprintf(" (the login is for %s)", strings.Join(m.mechanisms, " or "))
		}
	}
	return ""
}

// module is a Java login module.
type module struct {
	class      string
	mechanisms []string
}

var modules = []module{
	{"org.apache.kafka.common.security.plain.PlainLoginModule", []string{"PLAIN"}},
	{"org.apache.kafka.common.security.scram.ScramLoginModule", []string{"SCRAM-SHA-256", "SCRAM-SHA-512"}},
	{"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule", []string{"OAUTHBEARER"}},
	{"software.amazon.msk.auth.iam.IAMLoginModule", []string{"AWS_MSK_IAM"}},
	{"com.sun.security.auth.module.Krb5LoginModule", []string{"GSSAPI"}},
}

// exampleOf is a login for the mechanism.
func exampleOf(name string) string {
	for _, m := range modules {
		for _, mechanism := range m.mechanisms {
			if mechanism != name {
				continue
			}
			switch name {
			case "OAUTHBEARER":
				return m.class + ` required clientId="…" clientSecret="…";`
			case "AWS_MSK_IAM":
				return m.class + " required;"
			case "GSSAPI":
				return m.class + ` required useKeyTab=true keyTab="…" principal="…";`
			}
			return m.class + ` required username="…" password="…";`
		}
	}
	return ""
}

// settingError is a fault of another setting than the login.
type settingError struct{ Fault }

// Error is the fault's wish; it is read as a Fault.
func (e *settingError) Error() string { return e.Want }

// login reads sasl.jaas.config, as it is now if it has parts from elsewhere.
func (s *Settings) login() (*jaas.Login, error) {
	text, err := s.current(login)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return &jaas.Login{}, nil
	}
	return jaas.Parse(text)
}

// mechanism makes the mechanism that the settings describe. The error's text is what was wanted instead of the login,
// unless it is a *settingError.
func (s *Settings) mechanism(name string, decode Decoder) (sasl.Mechanism, error) {
	first, err := s.login()
	if err != nil {
		return nil, err
	}
	if err := fits(first, name); err != nil {
		return nil, err
	}
	switch name {
	case "PLAIN":
		known, err := userOf(first)
		if err != nil {
			return nil, err
		}
		return &knownLogin{plain.Plain(func(context.Context) (plain.Auth, error) {
			u, err := s.user()
			return plain.Auth{User: u.name, Pass: u.password}, err
		}), known.principal}, nil
	case "SCRAM-SHA-256", "SCRAM-SHA-512":
		known, err := userOf(first)
		if err != nil {
			return nil, err
		}
		ask := func(context.Context) (scram.Auth, error) {
			u, err := s.user()
			return scram.Auth{User: u.name, Pass: u.password, IsToken: u.token}, err
		}
		if name == "SCRAM-SHA-256" {
			return &knownLogin{scram.Sha256(ask), known.principal}, nil
		}
		return &knownLogin{scram.Sha512(ask), known.principal}, nil
	case "OAUTHBEARER":
		return s.bearer(first, decode)
	}
	credentials, err := awsCredentials(first)
	if err != nil {
		return nil, err
	}
	return aws.ManagedStreamingIAM(credentials), nil
}

// knownLogin is a mechanism that knows as whom it logs in, for the texts of package acl.
type knownLogin struct {
	sasl.Mechanism
	principal func() string
}

// Principal is the user's name, or "" if only the broker knows it.
func (k *knownLogin) Principal() string { return k.principal() }

// fits checks that the login's module is the mechanism's.
func fits(l *jaas.Login, name string) error {
	if l.Module == "" {
		return nil
	}
	for _, m := range modules {
		for _, mechanism := range m.mechanisms {
			if mechanism != name {
				continue
			}
			if l.Module != m.class {
				return fmt.Errorf("the login module of %s (%s), or another %s: %.100q does not fit", name, m.class, mechanismName, l.Module)
			}
		}
	}
	return nil
}

// user is who logs in with a password.
type user struct {
	name, password string
	token          bool
}

// principal is what brokers call the user. Who comes with a delegation token is called by its owner's name.
func (u user) principal() string {
	if u.token {
		return ""
	}
	return u.name
}

// user reads the login as that of a user.
func (s *Settings) user() (user, error) {
	l, err := s.login()
	if err != nil {
		return user{}, fmt.Errorf("%s: %w", login, err)
	}
	return userOf(l)
}

func userOf(l *jaas.Login) (user, error) {
	u := user{name: l.Option("username"), password: l.Option("password"), token: strings.EqualFold(l.Option("tokenauth"), "true")}
	switch {
	case u.name == "":
		return u, errors.New(`a login with username="…"`)
	case u.password == "":
		return u, errors.New(`a login with password="…"`)
	}
	return u, nil
}
