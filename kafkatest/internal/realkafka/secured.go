package realkafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/loopback"
)

// Secured says what the secured listeners go by.
type Secured struct {
	KeyFile   string            // the nodes' key and certificate, PEM
	TrustFile string            // who signs clients' certificates, PEM
	Users     map[string]string // of PLAIN, with their passwords
	JWKS      string            // where the key set of tokens is to be had
	Issuer    string            // of tokens
	Audience  string            // of tokens
}

// securedListeners are the names of the additional listeners, in the order of their ports.
var securedListeners = []string{"TLS", "MTLS", "SASL", "SASLTLS"}

const loginPackage = "org.apache.kafka.common.security."

// SecuredAddr returns the address of one of the additional listeners.
func (s *Server) SecuredAddr(listener string) string {
	return loopback.Addr(s.ports[3+slices.Index(securedListeners, listener)])
}

// securedListeners is what the additional listeners add to server.properties.
func (s *Server) securedListeners() string {
	if s.ensemble.settings.Secured == nil {
		return ""
	}
	var b strings.Builder
	for _, listener := range securedListeners {
		fmt.Fprintf(&b, ",%s://%s", listener, s.SecuredAddr(listener))
	}
	return b.String()
}

// secure sets what the additional listeners need, and the authorizer. Whoever comes without a name may do everything:
// the brokers themselves do.
func (s *Server) secure(set func(name string, value any)) {
	c := s.ensemble.settings.Secured
	for what, file := range map[string]string{"keystore": c.KeyFile, "truststore": c.TrustFile} {
		set("ssl."+what+".type", "PEM")
		set("ssl."+what+".location", file)
	}
	set("listener.name.mtls.ssl.client.auth", "required")
	var users strings.Builder
	for _, user := range slices.Sorted(maps.Keys(c.Users)) {
		fmt.Fprintf(&users, " user_%s=%q", user, c.Users[user])
	}
	set("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER")
	for _, listener := range []string{"sasl", "sasltls"} {
		prefix := "listener.name." + listener + "."
		set(prefix+"plain.sasl.jaas.config", loginPackage+"plain.PlainLoginModule required"+users.String()+";")
		for _, scram := range []string{"scram-sha-256", "scram-sha-512"} {
			set(prefix+scram+".sasl.jaas.config", loginPackage+"scram.ScramLoginModule required;")
		}
		set(prefix+"oauthbearer.sasl.jaas.config", loginPackage+"oauthbearer.OAuthBearerLoginModule required;")
		set(prefix+"oauthbearer.sasl.server.callback.handler.class", loginPackage+"oauthbearer.OAuthBearerValidatorCallbackHandler")
	}
	set("sasl.oauthbearer.jwks.endpoint.url", c.JWKS)
	set("sasl.oauthbearer.expected.issuer", c.Issuer)
	set("sasl.oauthbearer.expected.audience", c.Audience)
	set("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
	set("super.users", "User:ANONYMOUS")
	set("allow.everyone.if.no.acl.found", true)
}

// flags are what the JVM must be told: Kafka sends tokens' questions to no address that is not listed.
func (c *Secured) flags() []string {
	if c == nil {
		return nil
	}
	return []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + c.JWKS}
}
