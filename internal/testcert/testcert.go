// Package testcert issues certificates for tests: each test has an authority of its own, and no key is in the repository.
package testcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Authority is a CA.
type Authority struct {
	// Certificate is the authority's own, PEM the same in PEM.
	Certificate *x509.Certificate
	PEM         []byte
	key         *ecdsa.PrivateKey
}

// Leaf is a certificate with its key.
type Leaf struct {
	// TLS is both as crypto/tls takes them.
	TLS tls.Certificate
	// CertPEM is the certificate, KeyPEM the key in PKCS#8.
	CertPEM, KeyPEM []byte
}

// Request is what a certificate is to say.
type Request struct {
	// Name is the common name.
	Name string
	// Hosts are the names and addresses that it is for; none for a client's.
	Hosts []string
	// NotAfter is its end; zero is in a year.
	NotAfter time.Time
}

// NewAuthority makes an authority with that common name.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	template := newTemplate(t, Request{Name: name})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	key := newKey(t)
	certificate := sign(t, template, template, key, key)
	return &Authority{Certificate: certificate, PEM: certificatePEM(certificate.Raw), key: key}
}

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// Issue makes a certificate for servers and clients.
func (a *Authority) Issue(t testing.TB, r Request) *Leaf {
	t.Helper()
	template := newTemplate(t, r)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key := newKey(t)
	certificate := sign(t, template, a.Certificate, key, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &Leaf{
		TLS:     tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key, Leaf: certificate},
		CertPEM: certificatePEM(certificate.Raw),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
}

func newTemplate(t testing.TB, r Request) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	if r.NotAfter.IsZero() {
		r.NotAfter = time.Now().AddDate(1, 0, 0)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: r.Name},
		NotBefore: time.Now().AddDate(0, 0, -30), NotAfter: r.NotAfter,
	}
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return template
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
