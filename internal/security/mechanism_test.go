package security

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/secret"
	"github.com/omnibus-kafka/omnibus/internal/testcert"
)

// first is what the connection's mechanism says first to a broker.
func (c *Connection) first(t *testing.T) string {
	t.Helper()
	_, message, err := c.SASL.Authenticate(t.Context(), "b-1.example.kafka.eu-west-1.amazonaws.com:9098")
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

func connection(t *testing.T, s *Settings) *Connection {
	t.Helper()
	c, faults, _ := resolve(t, Input{Settings: s})
	if len(faults) > 0 {
		t.Fatalf("%+v", faults)
	}
	return c
}

func TestPasswordsFromElsewhereAreLookedUpForEachAuthentication(t *testing.T) {
	password, failure := canary, error(nil)
	s := settings(t, protocol, "SASL_SSL", mechanismName, "PLAIN", login, plainLogin)
	s = s.Again(login, func() (string, error) { return strings.ReplaceAll(plainLogin, canary, password), failure })
	c := connection(t, s)
	if got := c.first(t); got != "\x00alice\x00"+canary {
		t.Errorf("at first %q", got)
	}
	password = "rotated"
	if got := c.first(t); got != "\x00alice\x00rotated" {
		t.Errorf("then %q", got)
	}
	failure = errors.New("the file is gone")
	if _, _, err := c.SASL.Authenticate(t.Context(), "b:1"); !errors.Is(err, failure) {
		t.Errorf("then %v", err)
	}
}

func TestScramSendsNoPassword(t *testing.T) {
	for _, name := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		token := strings.Replace(scramLogin, ";", ` tokenauth="true";`, 1)
		c := connection(t, settings(t, protocol, "SASL_SSL", mechanismName, name, login, token))
		if got := c.first(t); !strings.HasPrefix(got, "n,,n=alice,r=") || !strings.HasSuffix(got, ",tokenauth=true") || strings.Contains(got, canary) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestATokenInAFileIsReadForEachAuthentication(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "token"), []byte("one\n"))
	c := connection(t, settings(t, protocol, "SASL_SSL", mechanismName, "OAUTHBEARER", tokenEndpoint, "file://"+path,
		login, strings.Replace(oauthLogin, `clientSecret="`+canary+`"`, `extension_logicalCluster="lkc-1"`, 1)))
	if got := c.first(t); got != "n,,\x01auth=Bearer one\x01logicalCluster=lkc-1\x01\x01" {
		t.Errorf("%q", got)
	}
	write(t, path, []byte("two"))
	if got := c.first(t); !strings.Contains(got, "Bearer two\x01") {
		t.Errorf("%q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.SASL.Authenticate(t.Context(), "b:1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestClientCredentialsWithJavasNames(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		fmt.Fprintf(w, `{"access_token":"%s-%s-%s","expires_in":60}`, id, password, r.FormValue("scope"))
	}
	plain := httptest.NewServer(http.HandlerFunc(answer))
	defer plain.Close()
	authority := testcert.NewAuthority(t, "idp")
	secured := httptest.NewUnstartedServer(http.HandlerFunc(answer))
	secured.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, testcert.Request{Hosts: []string{"127.0.0.1"}}).TLS}}
	secured.StartTLS()
	defer secured.Close()
	trust := write(t, filepath.Join(t.TempDir(), "idp.pem"), authority.PEM)
	const module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
	for name, test := range map[string]struct {
		pairs  []string
		wanted string
	}{
		"in the login":        {[]string{tokenEndpoint, plain.URL, login, module + `clientId="c" clientSecret="s" scope="x";`}, "c-s-x"},
		"in settings":         {[]string{tokenEndpoint, plain.URL, clientID, "c", clientSecret, "s", "sasl.oauthbearer.scope", "y"}, "c-s-y"},
		"with TLS of its own": {[]string{tokenEndpoint, secured.URL, login, module + `clientId="c" clientSecret="s" ssl.truststore.location="` + trust + `";`}, "c-s-"},
	} {
		c := connection(t, settings(t, append([]string{protocol, "SASL_SSL", mechanismName, "OAUTHBEARER",
			"sasl.login.connect.timeout.ms", "5000"}, test.pairs...)...))
		if got := c.first(t); got != "n,,\x01auth=Bearer "+test.wanted+"\x01\x01" {
			t.Errorf("%s: %q", name, got)
		}
	}
	c := connection(t, settings(t, protocol, "SASL_SSL", mechanismName, "OAUTHBEARER", tokenEndpoint, secured.URL, clientID, "c", clientSecret, canary))
	if _, _, err := c.SASL.Authenticate(t.Context(), "b:1"); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("to a provider whose authority is not trusted: %v", err)
	}
}

func TestAWSKeysFromTheEnvironmentAndTheFile(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "credentials"), []byte("[default]\naws_access_key_id = AKFILE\naws_secret_access_key=x\n"+
		"# [other]\n[other]\naws_access_key_id=AKOTHER\naws_secret_access_key=y\naws_session_token=T\n[empty]\n"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	key := func(t *testing.T, given string) string {
		t.Helper()
		var said map[string]string
		c := connection(t, settings(t, protocol, "SASL_SSL", mechanismName, "AWS_MSK_IAM", login, given))
		if err := json.Unmarshal([]byte(c.first(t)), &said); err != nil {
			t.Fatal(err)
		}
		id, _, _ := strings.Cut(said["x-amz-credential"], "/")
		return id + said["x-amz-security-token"]
	}
	profiled := strings.Replace(iamLogin, ";", ` awsProfileName="other";`, 1)
	if got := key(t, iamLogin); got != "AKFILE" {
		t.Errorf("the file's default: %q", got)
	}
	if got := key(t, profiled); got != "AKOTHERT" {
		t.Errorf("a profile: %q", got)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "z")
	if got := key(t, iamLogin); got != "AKENV" {
		t.Errorf("the environment: %q", got)
	}
	if got := key(t, profiled); got != "AKOTHERT" {
		t.Errorf("a profile beside the environment: %q", got)
	}
	c := connection(t, settings(t, protocol, "SASL_SSL", mechanismName, "AWS_MSK_IAM", login, strings.Replace(iamLogin, ";", ` awsProfileName="empty";`, 1)))
	if _, _, err := c.SASL.Authenticate(t.Context(), "b:1"); err == nil || !strings.Contains(err.Error(), "Amazon's SDK") {
		t.Errorf("nothing: %v", err)
	}
}

func TestBrokersCallAClientByItsLogin(t *testing.T) {
	token := "head." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"svc-orders"}`)) + ".signature"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	owned := strings.Replace(scramLogin, ";", ` tokenauth="true";`, 1)
	for want, s := range map[string]*Settings{
		"User:ANONYMOUS":  nil,
		"User:alice":      settings(t, protocol, "SASL_SSL", mechanismName, "SCRAM-SHA-256", login, scramLogin),
		"":                settings(t, protocol, "SASL_SSL", mechanismName, "SCRAM-SHA-256", login, owned),
		"User:svc-orders": settings(t, protocol, "SASL_SSL", mechanismName, "OAUTHBEARER", tokenEndpoint, "file://"+file),
	} {
		c := connection(t, s)
		if c.SASL != nil {
			c.first(t)
		}
		if got := c.Client.Principal(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestATokenThatCannotBeReadHasNoSubject(t *testing.T) {
	for _, token := range []string{"", "opaque", "a.b.c", "a.e30.c", "a." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":7}`)) + ".c"} {
		if got := subjectOf(secret.New(token)); got != "" {
			t.Errorf("%q has subject %q", token, got)
		}
	}
}
