package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
)

// tlsSource gives each connection its configuration.
type tlsSource struct {
	// base is all that stays.
	base *tls.Config
	// anyName tells that the brokers' names are not checked.
	anyName bool
	// trust is who may sign the brokers' certificates, nil for whoever the system trusts. keys are this client's
	// certificates, nil for none.
	trust *watched[authorities]
	keys  *watched[[]tls.Certificate]
}

// authorities are certificates that may sign others.
type authorities struct {
	pool *x509.CertPool
	all  []*x509.Certificate
}

// config is the configuration for a connection made now.
func (s *tlsSource) config(log *slog.Logger) *tls.Config {
	config := s.base
	if s.trust != nil || s.keys != nil {
		config = s.base.Clone()
	}
	if s.keys != nil {
		config.Certificates = s.keys.now(log)
	}
	if s.trust != nil {
		config.RootCAs = s.trust.now(log).pool
	}
	if s.anyName && !s.base.InsecureSkipVerify {
		config = config.Clone()
		config.InsecureSkipVerify = true
		config.VerifyConnection = verifyWithoutName(config.RootCAs)
	}
	for _, note := range ending(keyStore, config.Certificates, time.Now()) {
		log.Warn("this client's certificate ends soon", "note", note.Text)
	}
	return config
}

// verifyWithoutName checks who signed a broker's certificate, and not whom it is for.
func verifyWithoutName(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		chain := state.PeerCertificates
		intermediates := x509.NewCertPool()
		for _, certificate := range chain[1:] {
			intermediates.AddCert(certificate)
		}
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
		}
		return nil
	}
}

// notes are what to say of the files at the start.
func (s *tlsSource) notes(now time.Time) []Note {
	var notes []Note
	if s.keys != nil {
		notes = append(notes, ending(keyStore, s.keys.last(), now)...)
		if s.keys.path != "" {
			files, _ := filesOf(s.keys.path)
			for _, file := range files {
				notes = append(notes, readable(keyStore, file)...)
			}
		}
	}
	if s.trust != nil {
		for _, ca := range s.trust.last().all {
			if authn.ExpiresSoon(ca, now) {
				notes = append(notes, ends(trustStore, ca, now))
			}
		}
	}
	return notes
}

// ending is what to say of certificates, which come from that setting.
func ending(name string, chains []tls.Certificate, now time.Time) []Note {
	var notes []Note
	for i := range chains {
		leaf := chains[i].Leaf
		if leaf == nil && len(chains[i].Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(chains[i].Certificate[0])
		}
		if leaf != nil && authn.ExpiresSoon(leaf, now) {
			notes = append(notes, ends(name, leaf, now))
		}
	}
	return notes
}

func ends(name string, certificate *x509.Certificate, now time.Time) Note {
	verb := "ends"
	if certificate.NotAfter.Before(now) {
		verb = "ended"
	}
	return Note{name, fmt.Sprintf("the certificate of %.200q %s on %s: renew it", certificate.Subject.String(), verb, certificate.NotAfter.Format(time.DateOnly))}
}

// readable is what to say of a file with a secret that others may read.
func readable(name, path string) []Note {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o007 == 0 {
		return nil
	}
	return []Note{{name, fmt.Sprintf("%s can be read by everybody on this machine (mode %04o): take that right away (chmod o=)", path, info.Mode().Perm())}}
}

// tlsSource makes TLS of Java's settings.
func (s *Settings) tlsSource(decode Decoder) (*tlsSource, []Fault) {
	source := &tlsSource{base: &tls.Config{MinVersion: tls.VersionTLS12}}
	source.anyName = s.has(nameCheck) && s.text(nameCheck) == ""
	if versions := list(s.text("ssl.enabled.protocols")); len(versions) > 0 {
		if !slices.Contains(versions, "TLSv1.2") {
			source.base.MinVersion = tls.VersionTLS13
		}
		if !slices.Contains(versions, "TLSv1.3") {
			source.base.MaxVersion = tls.VersionTLS12
		}
	}
	source.base.CipherSuites, _ = suites(s.text("ssl.cipher.suites"))
	var faults []Fault
	add := func(name string, err error) {
		if err != nil {
			faults = append(faults, fileFault(name, s.text(name), err))
		}
	}
	add(s.trusted(decode, source))
	add(s.ownKeys(decode, source))
	return source, faults
}

// fileFault is a file, or a text in its place, that cannot be used.
func fileFault(name, path string, err error) Fault {
	value := "unusable"
	if strings.HasSuffix(name, ".location") {
		value = path
	}
	want := err.Error()
	if errors.Is(err, fs.ErrNotExist) {
		want = "a file that exists; a relative path starts where the program does"
	}
	return Fault{Name: name, Value: value, Want: want}
}

// trusted reads who may sign the brokers' certificates; name is the setting that says so.
func (s *Settings) trusted(decode Decoder, source *tlsSource) (name string, err error) {
	parse := func(data []byte) (authorities, error) {
		_, all, err := s.open(decode, data, "ssl.truststore.password", "")
		if err == nil && len(all) == 0 {
			err = errors.New("a CA certificate at least: there is none")
		}
		made := authorities{x509.NewCertPool(), all}
		for _, certificate := range all {
			made.pool.AddCert(certificate)
		}
		return made, err
	}
	switch {
	case s.has(trustInline):
		source.trust, err = watch(trustInline, "", s.text(trustInline), parse)
		return trustInline, err
	case s.has(trustStore):
		source.trust, err = watch(trustStore, s.text(trustStore), "", parse)
		return trustStore, err
	}
	return "", nil
}

// ownKeys reads this client's certificates; name is the setting that says so.
func (s *Settings) ownKeys(decode Decoder, source *tlsSource) (name string, err error) {
	parse := func(data []byte) ([]tls.Certificate, error) {
		keys, _, err := s.open(decode, data, "ssl.keystore.password", "ssl.key.password")
		if err == nil && len(keys) == 0 {
			err = errors.New("a private key with its certificate: there is none")
		}
		return keys, err
	}
	switch {
	case s.has(keyInline) != s.has(keyChain):
		return keyInline, fmt.Errorf("both %s and %s, or neither", keyInline, keyChain)
	case s.has(keyInline):
		source.keys, err = watch(keyInline, "", s.text(keyInline)+"\n"+s.text(keyChain), parse)
		return keyInline, err
	case s.has(keyStore):
		source.keys, err = watch(keyStore, s.text(keyStore), "", parse)
		return keyStore, err
	}
	return "", nil
}

// checkVersions takes ssl.enabled.protocols.
func checkVersions(text string) error {
	for _, version := range list(text) {
		switch version {
		case "TLSv1.2", "TLSv1.3":
		case "TLSv1", "TLSv1.1", "SSLv3", "SSLv2Hello":
			return errors.New("TLSv1.2, TLSv1.3 or both: what came before can be broken")
		default:
			return errors.New("TLSv1.2, TLSv1.3 or both")
		}
	}
	return nil
}

func checkSuites(text string) error {
	_, err := suites(text)
	return err
}

// suites are the numbers of cipher suites, whose names are the same in Java and Go. Those of TLS 1.3 are always on.
func suites(text string) ([]uint16, error) {
	var ids []uint16
	known := tls.CipherSuites()
	for _, name := range list(text) {
		i := slices.IndexFunc(known, func(suite *tls.CipherSuite) bool { return suite.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("names of suites that crypto/tls has and thinks safe, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; %.60q is none", name)
		}
		ids = append(ids, known[i].ID)
	}
	return ids, nil
}
