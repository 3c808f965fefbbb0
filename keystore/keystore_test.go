package keystore_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/omnibus-kafka/omnibus/internal/testcert"
	"github.com/omnibus-kafka/omnibus/keystore"
)

const (
	password    = "changeit"
	keyPassword = "another-password"
)

// material is a CA and a client's certificate and key.
type material struct {
	authority *testcert.Authority
	leaf      *testcert.Leaf
	der       []byte // the key in PKCS#8
}

func newMaterial(t *testing.T) material {
	authority := testcert.NewAuthority(t, "ca")
	leaf := authority.Issue(t, testcert.Request{Name: "client"})
	block, _ := pem.Decode(leaf.KeyPEM)
	return material{authority, leaf, block.Bytes}
}

// jksWith is a JKS with a trusted certificate and, if wanted, a key.
func (m material) jksWith(t *testing.T, key bool) []byte {
	t.Helper()
	store := jks.New()
	if err := store.SetTrustedCertificateEntry("ca", jks.TrustedCertificateEntry{Certificate: jks.Certificate{Type: "X509", Content: m.authority.Certificate.Raw}}); err != nil {
		t.Fatal(err)
	}
	if key {
		entry := jks.PrivateKeyEntry{PrivateKey: bytes.Clone(m.der), CertificateChain: []jks.Certificate{
			{Type: "X509", Content: m.leaf.TLS.Certificate[0]}, {Type: "X509", Content: m.authority.Certificate.Raw}}}
		if err := store.SetPrivateKeyEntry("client", entry, []byte(keyPassword)); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := store.Store(&out, []byte(password)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (m material) encryptedPEM(t *testing.T) []byte {
	t.Helper()
	der, err := pkcs8.MarshalPrivateKey(m.leaf.TLS.PrivateKey, []byte(keyPassword), nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), m.leaf.CertPEM...)
}

func (m material) pkcs12(t *testing.T, encoder *pkcs12.Encoder) []byte {
	t.Helper()
	data, err := encoder.Encode(m.leaf.TLS.PrivateKey, m.leaf.TLS.Leaf, []*x509.Certificate{m.authority.Certificate}, password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEveryKindIsRecognised(t *testing.T) {
	m := newMaterial(t)
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{m.authority.Certificate}, password)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		data                  []byte
		password, keyPassword string
		keys, chain, trusted  int
	}{
		"JKS with a key":                   {m.jksWith(t, true), password, keyPassword, 1, 2, 1},
		"JKS, trusted":                     {m.jksWith(t, false), password, "", 0, 0, 1},
		"JKS, trusted, without a password": {m.jksWith(t, false), "", "", 0, 0, 1},
		"PKCS#12, new":                     {m.pkcs12(t, pkcs12.Modern), password, "", 1, 2, 0},
		"PKCS#12, old":                     {m.pkcs12(t, pkcs12.LegacyDES), password, "", 1, 2, 0},
		"PKCS#12, older":                   {m.pkcs12(t, pkcs12.LegacyRC2), password, "", 1, 2, 0},
		"PKCS#12, trusted":                 {trust, password, "", 0, 0, 1},
		"PEM":                              {append(bytes.Clone(m.leaf.KeyPEM), m.leaf.CertPEM...), "", "", 1, 1, 1},
		"PEM, encrypted":                   {m.encryptedPEM(t), "", keyPassword, 1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			keys, trusted, err := keystore.Decode(test.data, test.password, test.keyPassword)
			if err != nil || len(keys) != test.keys || len(trusted) != test.trusted {
				t.Fatalf("%d keys, %d trusted, %v", len(keys), len(trusted), err)
			}
			if len(keys) > 0 && (len(keys[0].Certificate) != test.chain || keys[0].Leaf.Subject.CommonName != "client") {
				t.Errorf("a chain of %d for %s", len(keys[0].Certificate), keys[0].Leaf.Subject)
			}
		})
	}
}

func TestWrongPasswordsAreToldAndNotShown(t *testing.T) {
	m := newMaterial(t)
	for name, test := range map[string]struct {
		data                  []byte
		password, keyPassword string
	}{
		"JKS":           {m.jksWith(t, true), "canary", keyPassword},
		"JKS, the key":  {m.jksWith(t, true), password, "canary"},
		"PKCS#12":       {m.pkcs12(t, pkcs12.Modern), "canary", ""},
		"PEM":           {m.encryptedPEM(t), "", "canary"},
		"PEM, unguided": {m.encryptedPEM(t), "", ""},
	} {
		_, _, err := keystore.Decode(test.data, test.password, test.keyPassword)
		if !errors.Is(err, keystore.ErrPassword) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), keyPassword) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	m := newMaterial(t)
	other := newMaterial(t)
	for name, test := range map[string]struct {
		data   []byte
		wanted string
	}{
		"JCEKS":         {[]byte{0xCE, 0xCE, 0xCE, 0xCE, 0}, "keytool"},
		"nothing":       {nil, "neither JKS"},
		"text":          {[]byte("hello"), "neither JKS"},
		"half a JKS":    {m.jksWith(t, true)[:100], "entry"},
		"half a PKCS12": {m.pkcs12(t, pkcs12.Modern)[:100], "neither a key"},
		"not its own":   {append(bytes.Clone(m.leaf.KeyPEM), other.leaf.CertPEM...), "is not the private key's"},
		"a key alone":   {m.leaf.KeyPEM, "without a certificate"},
	} {
		if _, _, err := keystore.Decode(test.data, password, ""); err == nil || !strings.Contains(err.Error(), test.wanted) {
			t.Errorf("%s: %v, want %q", name, err, test.wanted)
		}
	}
}

// Java's own tool is the judge of what its formats are.
func TestStoresOfKeytool(t *testing.T) {
	tool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("skipped, as this test needs keytool of Java")
	}
	dir := t.TempDir()
	m := newMaterial(t)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, m.authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"JKS", "PKCS12"} {
		keys, trust := filepath.Join(dir, kind+".keys"), filepath.Join(dir, kind+".trust")
		for _, args := range [][]string{
			{"-genkeypair", "-alias", "client", "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=client", "-validity", "30", "-keystore", keys},
			{"-importcert", "-noprompt", "-alias", "ca", "-file", ca, "-keystore", trust},
		} {
			cmd := exec.CommandContext(t.Context(), tool, append(args, "-storetype", kind, "-storepass", password, "-keypass", password)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("keytool %v: %v\n%s", args, err, out)
			}
		}
		read := func(path string) (int, int) {
			t.Helper()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			keys, trusted, err := keystore.Decode(data, password, "")
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			return len(keys), len(trusted)
		}
		if n, _ := read(keys); n != 1 {
			t.Errorf("%s: %d keys", kind, n)
		}
		if _, n := read(trust); n != 1 {
			t.Errorf("%s: %d trusted certificates", kind, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1})
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	data, err := pkcs12.Passwordless.WithRand(rand.Reader).EncodeTrustStore(nil, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { keystore.Decode(data, password, keyPassword) })
}
