package kafkatest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/internal/testcert"
	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// Listener is one of the listeners that Secured adds to each node.
type Listener string

// The additional listeners, beside the plaintext one.
const (
	ListenerTLS       Listener = "TLS"     // SSL, whoever comes
	ListenerMutualTLS Listener = "MTLS"    // SSL, with a client certificate
	ListenerSASL      Listener = "SASL"    // SASL_PLAINTEXT
	ListenerSASLTLS   Listener = "SASLTLS" // SASL_SSL
)

// User and Password are who is known to a secured Kafka at its start, by PLAIN, by SCRAM once SetPassword was called, and to
// its token endpoint.
const (
	User     = "alice"
	Password = "alice-secret"
)

// Security is what secured listeners go by: an authority for certificates, users, and an identity provider. It belongs
// to one test.
type Security struct {
	t         testing.TB
	authority *testcert.Authority
	dir       string
	tokens    *tokenServer
}

// NewSecurity makes an authority and starts an identity provider on the loopback, which ends with the test.
func NewSecurity(t testing.TB) *Security {
	t.Helper()
	s := &Security{t: t, authority: testcert.NewAuthority(t, "kafkatest authority"), dir: t.TempDir(), tokens: startTokenServer(t)}
	s.write("ca.pem", s.authority.PEM)
	s.RenewBrokers(365 * 24 * time.Hour)
	return s
}

// Secured gives every node four more listeners, with TLS, with mutual TLS, with SASL and with both (PLAIN, SCRAM-SHA-256,
// SCRAM-SHA-512 and OAUTHBEARER); see SecureBrokers. Kafka's own authorizer is in place: whoever has no
// name may do everything, and so may others until an ACL says otherwise.
func Secured(s *Security) KafkaOption {
	return func(settings *realkafka.Settings) {
		settings.Secured = &realkafka.Secured{
			KeyFile: s.path("broker.pem"), TrustFile: s.CAFile(), Users: map[string]string{User: Password},
			JWKS: s.tokens.url + "/keys", Issuer: tokenIssuer, Audience: tokenAudience,
		}
	}
}

func (s *Security) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Security) write(name string, parts ...[]byte) {
	s.t.Helper()
	var data []byte
	for _, part := range parts {
		data = append(data, part...)
	}
	if err := os.WriteFile(s.path(name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// CAFile is the authority's certificate in PEM: the truststore of clients.
func (s *Security) CAFile() string { return s.path("ca.pem") }

// Pool is the authority's certificate for crypto/tls.
func (s *Security) Pool() *x509.CertPool { return s.authority.Pool() }

// RenewBrokers writes a new key and certificate for the brokers, good for so long. They take it when they start.
func (s *Security) RenewBrokers(lifetime time.Duration) {
	s.t.Helper()
	s.Broker("broker", lifetime, "127.0.0.1", "localhost")
}

// Broker issues a certificate for those hosts, with that common name and good for so long, and returns the PEM file that
// it is in with its key. A listener takes it by Property("listener.name.tls.ssl.keystore.location", file).
func (s *Security) Broker(name string, lifetime time.Duration, hosts ...string) (file string) {
	s.t.Helper()
	leaf := s.authority.Issue(s.t, testcert.Request{Name: name, Hosts: hosts, NotAfter: time.Now().Add(lifetime)})
	s.write(name+".pem", leaf.KeyPEM, leaf.CertPEM)
	return s.path(name + ".pem")
}

// Client issues a client's certificate with that common name, and returns it and the file that it is in, with its key, as
// PEM.
func (s *Security) Client(name string) (certificate tls.Certificate, file string) {
	s.t.Helper()
	leaf := s.authority.Issue(s.t, testcert.Request{Name: name})
	s.write(name+".pem", leaf.KeyPEM, leaf.CertPEM)
	return leaf.TLS, s.path(name + ".pem")
}

// TokenEndpoint is where clients get tokens by the client credentials grant. Its clients are User with Password.
func (s *Security) TokenEndpoint() string { return s.tokens.url + "/token" }

// Token is a token for that subject, good for so long.
func (s *Security) Token(subject string, lifetime time.Duration) string {
	s.t.Helper()
	return s.tokens.issue(subject, lifetime)
}

// SecureBrokers returns the addresses of one of the listeners that Secured adds, in the order of node ids.
func (k *Kafka) SecureBrokers(listener Listener) []string {
	var addrs []string
	for _, s := range k.ensemble.Servers() {
		addrs = append(addrs, s.SecuredAddr(string(listener)))
	}
	return addrs
}

// SetPassword gives a user a password for SCRAM-SHA-256 and SCRAM-SHA-512, with 4096 iterations. It returns when the
// controller has it; brokers take it a moment later.
func (k *Kafka) SetPassword(user, password string) {
	k.t.Helper()
	k.admin(func(ctx context.Context, admin *kadm.Client) error {
		for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
			upsert := kadm.UpsertSCRAM{User: user, Mechanism: mechanism, Iterations: 4096, Password: password}
			altered, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{upsert}) // a request takes a user once
			if err != nil {
				return err
			}
			if err := altered.Error(); err != nil {
				return err
			}
		}
		return nil
	})
}

// admin runs fn with a client that may do everything.
func (k *Kafka) admin(fn func(context.Context, *kadm.Client) error) {
	k.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.DirectBrokers()...))
	if err != nil {
		k.t.Fatalf("kafkatest: %v", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	if err := fn(ctx, kadm.NewClient(client)); err != nil {
		k.t.Fatalf("kafkatest: ask Kafka: %v", err)
	}
}
