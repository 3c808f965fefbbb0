package security

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/testcert"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	canary     = "canary-password"
	plainLogin = `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="` + canary + `";`
	scramLogin = `org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="` + canary + `";`
	oauthLogin = `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="c" clientSecret="` + canary + `";`
	iamLogin   = `software.amazon.msk.auth.iam.IAMLoginModule required;`
)

// settings are those of pairs of name and value.
func settings(t *testing.T, pairs ...string) *Settings {
	t.Helper()
	var s *Settings
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if s, err = s.With(pairs[i], pairs[i+1]); err != nil {
			t.Fatalf("%s=%s: %v", pairs[i], pairs[i+1], err)
		}
	}
	return s
}

// resolve is Resolve, whose texts must not hold the password.
func resolve(t *testing.T, in Input) (*Connection, []Fault, []Note) {
	t.Helper()
	c, faults, notes := Resolve(in)
	if all := fmt.Sprintf("%+v %#v %+v %+v", faults, faults, notes, in.Settings); strings.Contains(all, canary) {
		t.Errorf("the password is in %s", all)
	}
	return c, faults, notes
}

func write(t *testing.T, path string, parts ...[]byte) string {
	t.Helper()
	var data []byte
	for _, part := range parts {
		data = append(data, part...)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProtocols(t *testing.T) {
	user := scram.Auth{User: "alice", Pass: canary}.AsSha256Mechanism()
	for name, test := range map[string]struct {
		in       Input
		protocol string
		sasl     string
	}{
		"nothing":          {Input{}, "PLAINTEXT", ""},
		"own TLS":          {Input{TLS: &tls.Config{}}, "SSL", ""},
		"own SASL":         {Input{SASL: user}, "SASL_PLAINTEXT", "SCRAM-SHA-256"},
		"both":             {Input{TLS: &tls.Config{}, SASL: user}, "SASL_SSL", "SCRAM-SHA-256"},
		"Java's TLS":       {Input{Settings: settings(t, protocol, "ssl")}, "SSL", ""},
		"Java's PLAIN":     {Input{Settings: settings(t, protocol, "SASL_SSL", mechanismName, "PLAIN", login, plainLogin)}, "SASL_SSL", "PLAIN"},
		"Java's SCRAM-256": {Input{Settings: settings(t, protocol, "sasl_plaintext", mechanismName, "scram-sha-256", login, scramLogin)}, "SASL_PLAINTEXT", "SCRAM-SHA-256"},
		"Java's SCRAM-512": {Input{Settings: settings(t, protocol, "SASL_SSL", mechanismName, "SCRAM-SHA-512", login, scramLogin)}, "SASL_SSL", "SCRAM-SHA-512"},
		"Java's OAuth": {Input{Settings: settings(t, protocol, "SASL_SSL", mechanismName, "OAUTHBEARER", login, oauthLogin,
			tokenEndpoint, "https://idp.example/token")}, "SASL_SSL", "OAUTHBEARER"},
		"OAuth without a login": {Input{Settings: settings(t, protocol, "SASL_SSL", mechanismName, "OAUTHBEARER", clientID, "c",
			clientSecret, canary, tokenEndpoint, "https://idp.example/token")}, "SASL_SSL", "OAUTHBEARER"},
		"a token in a file": {Input{Settings: settings(t, protocol, "SASL_SSL", mechanismName, "OAUTHBEARER", tokenEndpoint, "file:///token")}, "SASL_SSL", "OAUTHBEARER"},
		"AWS":               {Input{Settings: settings(t, protocol, "SASL_SSL", mechanismName, "AWS_MSK_IAM", login, iamLogin)}, "SASL_SSL", "AWS_MSK_IAM"},
		"Kerberos of one's own": {Input{SASL: named("GSSAPI"), Settings: settings(t, protocol, "SASL_SSL", mechanismName, "GSSAPI", login,
			`com.sun.security.auth.module.Krb5LoginModule required;`)}, "SASL_SSL", "GSSAPI"},
	} {
		t.Run(name, func(t *testing.T) {
			c, faults, _ := resolve(t, test.in)
			got := ""
			if c.SASL != nil {
				got = c.SASL.Name()
			}
			if len(faults) > 0 || c.Protocol != test.protocol || got != test.sasl || c.Secured() != strings.HasSuffix(test.protocol, "SSL") {
				t.Errorf("%s with %q, faults %+v; want %s with %q", c.Protocol, got, faults, test.protocol, test.sasl)
			}
		})
	}
}

// named is a mechanism with a name and nothing else.
type named string

func (n named) Name() string { return string(n) }

func (named) Authenticate(context.Context, string) (sasl.Session, []byte, error) {
	return nil, nil, nil
}

// krb5Login is a login with Kerberos.
const krb5Login = krb5Module + ` required useKeyTab=true storeKey=true renewTGT=true keyTab="/k" principal="alice@R";`

// keytabbed makes GSSAPI of a login with a keytab.
func keytabbed(options map[string]string) (sasl.Mechanism, error) {
	if options["keyTab"] == "" || options["serviceName"] != "kafka" {
		return nil, errors.New("a keytab")
	}
	return named("GSSAPI"), nil
}

func TestKerberosTakesJavasLoginAndTellsWhatMeansNothing(t *testing.T) {
	for name, pairs := range map[string][]string{
		"by name":                     {mechanismName, "GSSAPI", login, krb5Login, serviceName, "kafka"},
		"by Java's default mechanism": {login, krb5Login, serviceName, "kafka"},
		"with the service in JAAS":    {login, strings.Replace(krb5Login, ";", ` serviceName="kafka";`, 1)},
	} {
		c, faults, notes := resolve(t, Input{Settings: settings(t, append([]string{protocol, "SASL_SSL"}, pairs...)...), Kerberos: keytabbed})
		if len(faults) > 0 || c.SASL == nil || c.SASL.Name() != "GSSAPI" {
			t.Errorf("%s: %+v", name, faults)
		}
		if len(notes) != 1 || !strings.Contains(notes[0].Text, "renewTGT, storeKey of Krb5LoginModule mean nothing here") {
			t.Errorf("%s: %+v", name, notes)
		}
	}
}

func TestMistakesNameTheSettingAndTheFix(t *testing.T) {
	alice := plain.Auth{User: "alice", Pass: canary}.AsMechanism()
	dir := t.TempDir()
	jks := write(t, filepath.Join(dir, "trust.jks"), []byte{0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2})
	leaf := testcert.NewAuthority(t, "ca").Issue(t, testcert.Request{Name: "client"})
	other := testcert.NewAuthority(t, "ca").Issue(t, testcert.Request{Name: "client"})
	mixed := write(t, filepath.Join(dir, "mixed.pem"), leaf.CertPEM, other.KeyPEM)
	broken := write(t, filepath.Join(dir, "broken.pem"), leaf.CertPEM[:100])
	ssl := func(pairs ...string) Input {
		return Input{Settings: settings(t, append([]string{protocol, "SSL"}, pairs...)...)}
	}
	saslSSL := func(pairs ...string) Input {
		return Input{Settings: settings(t, append([]string{protocol, "SASL_SSL"}, pairs...)...)}
	}
	krb5 := func(pairs ...string) Input {
		in := saslSSL(pairs...)
		in.Kerberos = keytabbed
		return in
	}
	for name, test := range map[string]struct {
		in     Input
		about  string // the fault's field or name
		wanted string
	}{
		"PLAIN in the clear":            {Input{SASL: alice}, "SASL", "AllowCleartextSecrets"},
		"a token in the clear":          {Input{SASL: named("OAUTHBEARER")}, "SASL", "Config.TLS"},
		"PLAIN to anybody":              {Input{SASL: alice, TLS: &tls.Config{InsecureSkipVerify: true}}, "TLS", "whoever answers"},
		"PLAIN to any name":             {saslSSL(mechanismName, "PLAIN", login, plainLogin, nameCheck, ""), nameCheck, "whoever answers"},
		"old TLS":                       {Input{TLS: &tls.Config{MinVersion: tls.VersionTLS10}}, "TLS", "1.2"},
		"TLS twice":                     {Input{TLS: &tls.Config{}, Settings: settings(t, protocol, "SSL", trustStore, "/ca.pem")}, "TLS", "one of both"},
		"TLS and none":                  {Input{TLS: &tls.Config{}, Settings: settings(t, protocol, "PLAINTEXT")}, "TLS", "PLAINTEXT"},
		"SASL and none":                 {Input{SASL: alice, Settings: settings(t, protocol, "SSL")}, "SASL", "SASL_SSL"},
		"two mechanisms":                {Input{SASL: alice, TLS: &tls.Config{}, Settings: settings(t, mechanismName, "SCRAM-SHA-256")}, "SASL", "SCRAM-SHA-256"},
		"no mechanism":                  {saslSSL(login, scramLogin), mechanismName, "SCRAM-SHA-256 or SCRAM-SHA-512"},
		"Kerberos":                      {saslSSL(mechanismName, "GSSAPI"), mechanismName, "Config.SASL"},
		"Kerberos without a login":      {krb5(mechanismName, "GSSAPI", serviceName, "kafka"), login, "Krb5LoginModule required useKeyTab=true"},
		"Kerberos without a service":    {krb5(login, krb5Login), serviceName, "mostly kafka"},
		"Kerberos of two services":      {krb5(login, strings.Replace(krb5Login, ";", ` serviceName="other";`, 1), serviceName, "kafka"), serviceName, "only one of them"},
		"Kerberos with another's login": {krb5(mechanismName, "GSSAPI", login, plainLogin, serviceName, "kafka"), login, "the login module of GSSAPI"},
		"Kerberos without a keytab":     {krb5(login, strings.Replace(krb5Login, "/k", "", 1), serviceName, "kafka"), login, "a keytab"},
		"no login":                      {saslSSL(mechanismName, "PLAIN"), login, "PlainLoginModule"},
		"another mechanism's login":     {saslSSL(mechanismName, "PLAIN", login, scramLogin), login, "does not fit"},
		"no user":                       {saslSSL(mechanismName, "PLAIN", login, strings.Replace(plainLogin, "username", "user", 1)), login, "username"},
		"no password":                   {saslSSL(mechanismName, "SCRAM-SHA-512", login, strings.Replace(scramLogin, "password=", "pass=", 1)), login, `password="…"`},
		"no endpoint":                   {saslSSL(mechanismName, "OAUTHBEARER", login, oauthLogin), tokenEndpoint, "token endpoint"},
		"no client":                     {saslSSL(mechanismName, "OAUTHBEARER", tokenEndpoint, "https://idp.example/t", clientID, "x"), login, "clientSecret"},
		"unsigned tokens":               {saslSSL(mechanismName, "OAUTHBEARER", login, strings.Replace(oauthLogin, "clientId", "unsecuredLoginStringClaim_sub", 1)), login, "nobody signed"},
		"a role":                        {saslSSL(mechanismName, "AWS_MSK_IAM", login, strings.Replace(iamLogin, ";", ` awsRoleArn="a";`, 1)), login, "Amazon's SDK"},
		"no file":                       {ssl(trustStore, filepath.Join(dir, "missing")), trustStore, "a file that exists"},
		"a key store nobody reads":      {ssl(trustStore, jks), trustStore, "keystore.Decode"},
		"no certificate":                {ssl(trustInline, "nothing"), trustInline, "no key store"},
		"a broken certificate":          {ssl(trustStore, broken), trustStore, "whole"},
		"a key without its certificate": {ssl(keyInline, string(leaf.KeyPEM)), keyInline, "both"},
		"another key's certificate":     {ssl(keyStore, mixed), keyStore, "a private key and its certificate"},
		"a chain without a key":         {ssl(keyStore, write(t, filepath.Join(dir, "chain.pem"), leaf.CertPEM)), keyStore, "there is none"},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults, _ := resolve(t, test.in)
			if len(faults) != 1 {
				t.Fatalf("faults %+v, want one", faults)
			}
			if f := faults[0]; f.Field != test.about && f.Name != test.about || !strings.Contains(f.Want, test.wanted) {
				t.Errorf("%+v, want one of %s with %q", f, test.about, test.wanted)
			}
		})
	}
}

func TestWhatIsLegalAndRiskyIsNoted(t *testing.T) {
	for name, test := range map[string]struct {
		in     Input
		wanted string
	}{
		"PLAIN in the clear, by Java's name":  {Input{Settings: settings(t, protocol, "SASL_PLAINTEXT", mechanismName, "PLAIN", login, plainLogin)}, "can read it"},
		"PLAIN in the clear, by the field":    {Input{SASL: named("PLAIN"), Cleartext: true}, "can read it"},
		"any name, by Java's name":            {Input{Settings: settings(t, protocol, "SSL", nameCheck, "")}, "host names are not checked"},
		"anybody":                             {Input{TLS: &tls.Config{InsecureSkipVerify: true}}, "host names are not checked"},
		"a trust store for nothing":           {Input{Settings: settings(t, trustStore, "/ca.pem")}, "changes nothing while security.protocol is PLAINTEXT"},
		"a login for nothing":                 {Input{Settings: settings(t, protocol, "SSL", login, plainLogin)}, "changes nothing while security.protocol is SSL"},
		"a program that checks names its way": {Input{TLS: &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}}, ""},
	} {
		_, faults, notes := resolve(t, test.in)
		if text := fmt.Sprint(notes); len(faults) > 0 || !strings.Contains(text, test.wanted) || (test.wanted == "") != (len(notes) == 0) {
			t.Errorf("%s: faults %+v, notes %s; want %q", name, faults, text, test.wanted)
		}
	}
}

// quiet drops what is logged.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
