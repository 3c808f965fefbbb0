package security

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/acl"
	"github.com/twmb/franz-go/pkg/sasl"
)

// Input is all that a configuration says of security.
type Input struct {
	// Settings are Java's.
	Settings *Settings
	// TLS and SASL are the program's own; they take the place of ssl.* and sasl.*.
	TLS  *tls.Config
	SASL sasl.Mechanism
	// Decode reads key stores that are not PEM; nil if there is nobody who could.
	Decode Decoder
	// Kerberos makes GSSAPI of a Krb5LoginModule's options; nil if there is nobody who could.
	Kerberos func(options map[string]string) (sasl.Mechanism, error)
	// Cleartext allows mechanisms that send the secret itself without TLS.
	Cleartext bool
}

// Fault is a mistake. Value is never a secret.
type Fault struct {
	// Field is the field of the configuration, Name the Java setting; one of them may be empty.
	Field, Name string
	// Value is what was found, Want what would have been right.
	Value, Want string
}

// Note is what an operator should know at each start.
type Note struct{ Name, Text string }

// Connection is what every connection is made with.
type Connection struct {
	// Protocol is Java's word for it, such as SASL_SSL.
	Protocol string
	// SASL is nil without authentication.
	SASL sasl.Mechanism
	// Client is whom brokers judge.
	Client acl.Client

	tls *tlsSource // nil without TLS
}

// Secured reports whether connections have TLS.
func (c *Connection) Secured() bool { return c.tls != nil }

// TLSConfig is the configuration for one connection, with what files hold now. log hears of files that cannot be read
// any more and of certificates that end soon. It is nil without TLS.
func (c *Connection) TLSConfig(log *slog.Logger) *tls.Config {
	if c.tls == nil {
		return nil
	}
	return c.tls.config(log)
}

// certificates are this client's, as they were read last.
func (c *Connection) certificates() []tls.Certificate {
	switch {
	case c.tls == nil:
		return nil
	case c.tls.keys != nil:
		return c.tls.keys.last()
	case c.tls.base.GetClientCertificate != nil:
		return []tls.Certificate{{}} // one that only a handshake shows
	}
	return c.tls.base.Certificates
}

// resolving is a Resolve under way.
type resolving struct {
	Input
	faults []Fault
	notes  []Note
	made   Connection
}

// Resolve makes a Connection, and finds every mistake on the way. It reads the files that the settings name.
func Resolve(in Input) (*Connection, []Fault, []Note) {
	r := &resolving{Input: in}
	r.made.Protocol = in.Protocol()
	r.contradictions()
	if wantsTLS(r.made.Protocol) {
		r.secure()
	}
	if wantsSASL(r.made.Protocol) {
		r.authenticate()
	}
	r.careless()
	r.made.Client = acl.Of(r.made.SASL, r.made.certificates())
	return &r.made, r.faults, r.notes
}

func wantsTLS(protocol string) bool { return strings.HasSuffix(protocol, "SSL") }

func wantsSASL(protocol string) bool { return strings.HasPrefix(protocol, "SASL") }

// Protocol is Java's security.protocol: as it was said, or else what TLS and SASL amount to.
func (in *Input) Protocol() string {
	switch said := in.Settings.text(protocol); {
	case said != "":
		return strings.ToUpper(said)
	case in.TLS != nil && in.SASL != nil:
		return "SASL_SSL"
	case in.TLS != nil:
		return "SSL"
	case in.SASL != nil:
		return "SASL_PLAINTEXT"
	}
	return "PLAINTEXT"
}

func (r *resolving) fault(field, name, value, want string) {
	r.faults = append(r.faults, Fault{field, name, value, want})
}

func (r *resolving) note(name, format string, args ...any) {
	r.notes = append(r.notes, Note{name, fmt.Sprintf(format, args...)})
}

// contradictions finds what is said twice, and what is said for nothing.
func (r *resolving) contradictions() {
	ssl, own := r.Settings.having("ssl."), r.Settings.having("sasl.")
	switch {
	case r.TLS != nil && len(ssl) > 0:
		r.fault("TLS", "", "set beside "+ssl[0], "one of both: leave Config.TLS nil, or the ssl.* out")
	case r.TLS != nil && !wantsTLS(r.made.Protocol):
		r.fault("TLS", "", "set", fmt.Sprintf("nil, because %s is %s; or that SSL or SASL_SSL", protocol, r.made.Protocol))
	case len(ssl) > 0 && !wantsTLS(r.made.Protocol):
		r.note(ssl[0], "it changes nothing while %s is %s: set that to SSL or SASL_SSL", protocol, r.made.Protocol)
	}
	switch {
	case wantsSASL(r.made.Protocol):
	case r.SASL != nil:
		r.fault("SASL", "", "set", fmt.Sprintf("nil, because %s is %s; or that SASL_SSL", protocol, r.made.Protocol))
	case len(own) > 0:
		r.note(own[0], "it changes nothing while %s is %s: set that to SASL_SSL (or SASL_PLAINTEXT)", protocol, r.made.Protocol)
	}
}

// careless refuses, or tells, what lets others read a secret.
func (r *resolving) careless() {
	mechanism := ""
	if r.made.SASL != nil {
		mechanism = r.made.SASL.Name()
	}
	bare := mechanism == "PLAIN" || mechanism == "OAUTHBEARER"
	switch {
	case !bare || wantsTLS(r.made.Protocol):
	case r.Cleartext || r.Settings.has(protocol):
		r.note(protocol, "%s sends the password or token itself, and without TLS everybody on the way can read it", mechanism)
	default:
		r.fault("SASL", "", mechanism, "TLS as well, because "+mechanism+" sends the password or token itself: set Config.TLS, "+
			"or Config.AllowCleartextSecrets if everybody on the way may read it")
	}
	if r.made.tls == nil || !r.made.tls.anyName {
		return
	}
	field, name := "", nameCheck
	if r.TLS != nil {
		field, name = "TLS", ""
	}
	if bare {
		r.fault(field, name, "the host name check turned off", "it on, because "+mechanism+" would send the password or token to whoever answers")
		return
	}
	r.note(name, "the brokers' host names are not checked: anybody on the way can pretend to be a broker")
}

// secure makes the connection's TLS.
func (r *resolving) secure() {
	if r.TLS != nil {
		r.made.tls = r.ownTLS()
		return
	}
	source, faults := r.Settings.tlsSource(r.Decode)
	r.faults = append(r.faults, faults...)
	if source == nil || len(faults) > 0 {
		return
	}
	r.made.tls = source
	r.notes = append(r.notes, source.notes(time.Now())...)
}

// ownTLS looks at the program's own configuration.
func (r *resolving) ownTLS() *tlsSource {
	for _, version := range []uint16{r.TLS.MinVersion, r.TLS.MaxVersion} {
		if version != 0 && version < tls.VersionTLS12 {
			r.fault("TLS", "", "a configuration with "+tls.VersionName(version), "TLS 1.2 at least; leave MinVersion and MaxVersion 0")
			break
		}
	}
	source := &tlsSource{base: r.TLS.Clone()}
	source.base.MinVersion = max(source.base.MinVersion, tls.VersionTLS12)
	source.anyName = r.TLS.InsecureSkipVerify && r.TLS.VerifyConnection == nil && r.TLS.VerifyPeerCertificate == nil
	r.notes = append(r.notes, ending("", r.TLS.Certificates, time.Now())...)
	return source
}
