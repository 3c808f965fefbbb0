package connect

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// ClientOptions make franz-go's client reach the cluster that config names, in the way in which the producer does. The
// error carries its exit code.
func ClientOptions(config omnibus.Config) ([]kgo.Opt, error) {
	tls, mechanism, err := config.Security()
	if err != nil {
		return nil, cli.Usage(err)
	}
	var options []kgo.Opt
	for _, p := range config.Properties() {
		if p.Name == bootstrapServers { // without what Java lets stand before an address
			options = append(options, kgo.SeedBrokers(strings.Split(p.Value, ",")...))
		}
	}
	if tls != nil {
		options = append(options, kgo.DialTLSConfig(tls))
	}
	if mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}
	if config.Dial != nil {
		options = append(options, kgo.Dialer(config.Dial))
	}
	return options, nil
}

// secret reports whether a setting is one that nobody but its owner may read. Java calls certificates in a configuration
// PASSWORD too, but those are for everybody.
func secret(name string) bool {
	switch name {
	case "ssl.truststore.certificates", "ssl.keystore.certificate.chain":
		return false
	}
	for _, p := range (omnibus.Config{}).Properties() {
		if p.Name == name {
			return p.Type == "PASSWORD"
		}
	}
	return false
}

// holdsSecret reports whether a configuration has a secret in it.
func holdsSecret(config omnibus.Config) bool {
	for _, p := range config.Properties() {
		if p.Value != p.Default && secret(p.Name) {
			return true
		}
	}
	return false
}
