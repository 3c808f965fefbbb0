package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/testcert"
)

// greet shakes hands and returns what each side says of it.
func greet(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = conn.Write([]byte{1})
			conn.Close()
		}
		done <- err
	}()
	conn, clientErr := tls.Dial("tcp", listener.Addr().String(), client)
	if clientErr == nil {
		_, clientErr = conn.Read(make([]byte, 1)) // with TLS 1.3, this is when the server's verdict comes
		conn.Close()
	}
	return clientErr, <-done
}

// to is the configuration for a connection to that host, as the broker package completes it.
func (c *Connection) to(host string) *tls.Config {
	config := c.TLSConfig(quiet()).Clone()
	config.ServerName = host
	return config
}

// world is an authority, a server of it that wants clients of it, and files of a client.
type world struct {
	authority  *testcert.Authority
	server     *tls.Config
	trust, key string
	client     *testcert.Leaf
	connect    func(t *testing.T, pairs ...string) *Connection
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{authority: testcert.NewAuthority(t, "ca"), trust: filepath.Join(dir, "ca.pem"), key: filepath.Join(dir, "client.pem")}
	w.server = &tls.Config{
		Certificates: []tls.Certificate{w.authority.Issue(t, testcert.Request{Name: "b1", Hosts: []string{"kafka.example"}}).TLS},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: w.authority.Pool(),
	}
	w.client = w.authority.Issue(t, testcert.Request{Name: "client"})
	write(t, w.trust, w.authority.PEM)
	write(t, w.key, w.client.KeyPEM, w.client.CertPEM)
	w.connect = func(t *testing.T, pairs ...string) *Connection {
		t.Helper()
		c, faults, _ := resolve(t, Input{Settings: settings(t, append([]string{protocol, "SSL"}, pairs...)...)})
		if len(faults) > 0 {
			t.Fatalf("%+v", faults)
		}
		return c
	}
	return w
}

func TestPEMFromFilesAndInline(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	certificate := write(t, filepath.Join(dir, "client.crt"), w.client.CertPEM)
	key := write(t, filepath.Join(dir, "client.key"), w.client.KeyPEM) // no authority, although it lies in that directory
	write(t, filepath.Join(dir, "ca.crt"), w.authority.PEM)
	oneLine := func(pem []byte) string { return strings.ReplaceAll(string(pem), "\n", " ") }
	for name, pairs := range map[string][]string{
		"files":       {trustStore, w.trust, keyStore, w.key},
		"inline":      {trustInline, string(w.authority.PEM), keyInline, string(w.client.KeyPEM), keyChain, string(w.client.CertPEM)},
		"on one line": {trustInline, oneLine(w.authority.PEM), keyInline, oneLine(w.client.KeyPEM), keyChain, oneLine(w.client.CertPEM)},
		"key apart":   {trustStore, w.trust, keyStore, certificate + "," + key},
		"a directory": {trustStore, dir, keyStore, w.key},
		"wrong type":  {trustStore, w.trust, "ssl.truststore.type", "JKS", keyStore, w.key, "ssl.keystore.type", "PKCS12"},
	} {
		if mine, theirs := greet(t, w.connect(t, pairs...).to("kafka.example"), w.server); mine != nil || theirs != nil {
			t.Errorf("%s: %v, %v", name, mine, theirs)
		}
	}
	if mine, _ := greet(t, w.connect(t, trustStore, w.trust).to("kafka.example"), w.server); mine == nil {
		t.Error("no client certificate was needed")
	}
}

func TestKeyMaterialThatCannotBeReadSaysWhichFileAndWhy(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	old := write(t, filepath.Join(dir, "old.pem"), []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	for path, want := range map[string]string{
		old:                        "openssl pkcs8 -topk8",
		w.key + ",/no/such/file":   "a file that exists",
		filepath.Join(dir, "none"): "a file that exists",
	} {
		_, faults, _ := resolve(t, Input{Settings: settings(t, protocol, "SSL", keyStore, path)})
		if len(faults) != 1 || faults[0].Value != path || !strings.Contains(faults[0].Want, want) {
			t.Errorf("%s: %+v, want %q", path, faults, want)
		}
	}
}

func TestTheHostNameCheckCanBeTurnedOffAndTheChainsCannot(t *testing.T) {
	w := newWorld(t)
	w.server.ClientAuth = tls.NoClientCert
	if mine, _ := greet(t, w.connect(t, trustStore, w.trust).to("other.example"), w.server); !errors.As(mine, new(x509.HostnameError)) {
		t.Errorf("checked: %v", mine)
	}
	if mine, theirs := greet(t, w.connect(t, trustStore, w.trust, nameCheck, "").to("other.example"), w.server); mine != nil {
		t.Errorf("unchecked: %v, %v", mine, theirs)
	}
	stranger := testcert.NewAuthority(t, "another")
	trust := write(t, filepath.Join(t.TempDir(), "ca.pem"), stranger.PEM)
	if mine, _ := greet(t, w.connect(t, trustStore, trust, nameCheck, "").to("kafka.example"), w.server); !errors.As(mine, new(x509.UnknownAuthorityError)) {
		t.Errorf("unchecked, of another authority: %v", mine)
	}
}

func TestVersionsAndSuites(t *testing.T) {
	w := newWorld(t)
	const suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
	config := w.connect(t, "ssl.enabled.protocols", "TLSv1.2", "ssl.cipher.suites", suite).TLSConfig(quiet())
	if config.MinVersion != tls.VersionTLS12 || config.MaxVersion != tls.VersionTLS12 || len(config.CipherSuites) != 1 || tls.CipherSuiteName(config.CipherSuites[0]) != suite {
		t.Errorf("%x to %x with %x", config.MinVersion, config.MaxVersion, config.CipherSuites)
	}
	if config = w.connect(t, "ssl.enabled.protocols", "TLSv1.3").TLSConfig(quiet()); config.MinVersion != tls.VersionTLS13 {
		t.Errorf("from %x", config.MinVersion)
	}
	if config = w.connect(t).TLSConfig(quiet()); config.MinVersion != tls.VersionTLS12 || config.RootCAs != nil {
		t.Errorf("from %x, with roots %v", config.MinVersion, config.RootCAs)
	}
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	w := newWorld(t)
	c := w.connect(t, trustStore, w.trust, keyStore, w.key)
	next := newWorld(t)
	works := func(server *tls.Config) bool {
		mine, theirs := greet(t, c.to("kafka.example"), server)
		return mine == nil && theirs == nil
	}
	if !works(w.server) || works(next.server) {
		t.Fatal("before the change")
	}
	write(t, w.trust, w.authority.PEM, next.authority.PEM)
	write(t, w.key, next.client.KeyPEM) // and its certificate is not there yet
	if !works(w.server) {
		t.Error("in the middle of the change, what held before did not hold")
	}
	write(t, w.key, next.client.KeyPEM, next.client.CertPEM)
	if !works(next.server) {
		t.Error("the change was not seen")
	}
	for _, path := range []string{w.trust, w.key} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	c.TLSConfig(slog.New(slog.NewTextHandler(&log, nil)))
	if !works(next.server) || strings.Count(log.String(), "level=WARN") != 2 {
		t.Errorf("without the files: log %s", &log)
	}
}

func TestCertificatesThatEndSoonAreWarnedOf(t *testing.T) {
	w := newWorld(t)
	soon := w.authority.Issue(t, testcert.Request{Name: "soon", NotAfter: time.Now().AddDate(0, 0, 10)})
	write(t, w.key, soon.KeyPEM, soon.CertPEM)
	_, _, notes := resolve(t, Input{Settings: settings(t, protocol, "SSL", keyStore, w.key)})
	if text := fmt.Sprint(notes); len(notes) != 1 || !strings.Contains(text, `"CN=soon" ends on`) {
		t.Errorf("notes %s", text)
	}
	_, _, notes = resolve(t, Input{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: soon.TLS.Certificate, PrivateKey: soon.TLS.PrivateKey}}}})
	if len(notes) != 1 {
		t.Errorf("a configuration of one's own: notes %v", notes)
	}
	var log strings.Builder
	w.connect(t, keyStore, w.key).TLSConfig(slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "ends soon") {
		t.Errorf("log %q", &log)
	}
}

func TestAKeyThatEverybodyCanReadIsWarnedOf(t *testing.T) {
	w := newWorld(t)
	for mode, wanted := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
		if err := os.Chmod(w.key, mode); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{w.key, w.key + "," + w.trust} {
			_, _, notes := resolve(t, Input{Settings: settings(t, protocol, "SSL", keyStore, path, trustStore, w.trust)})
			if len(notes) != wanted {
				t.Errorf("%s, mode %o: notes %v", path, mode, notes)
			}
		}
	}
}

func TestADecoderReadsWhatIsNotPlainPEM(t *testing.T) {
	w := newWorld(t)
	store := write(t, filepath.Join(t.TempDir(), "store"), []byte{0x30, 1, 2})
	encrypted := write(t, filepath.Join(t.TempDir(), "encrypted.pem"), w.client.CertPEM,
		[]byte("-----BEGIN ENCRYPTED PRIVATE KEY----- AAAA -----END ENCRYPTED PRIVATE KEY-----"))
	for _, path := range []string{store, encrypted} {
		asked := ""
		decode := func(data []byte, password, keyPassword string) ([]tls.Certificate, []*x509.Certificate, error) {
			asked = password + " " + keyPassword
			return []tls.Certificate{w.client.TLS}, []*x509.Certificate{w.authority.Certificate}, nil
		}
		s := settings(t, protocol, "SSL", keyStore, path, "ssl.keystore.password", "one", "ssl.key.password", "two")
		c, faults, _ := resolve(t, Input{Settings: s, Decode: decode})
		if len(faults) > 0 || asked != "one two" || len(c.TLSConfig(quiet()).Certificates) != 1 {
			t.Errorf("%s: faults %+v, asked with %q", path, faults, asked)
		}
		fails := func([]byte, string, string) ([]tls.Certificate, []*x509.Certificate, error) {
			return nil, nil, errors.New("wrong password")
		}
		if _, faults, _ = resolve(t, Input{Settings: s, Decode: fails}); len(faults) != 1 || !strings.Contains(faults[0].Want, "wrong password") {
			t.Errorf("%s: faults %+v", path, faults)
		}
	}
}
