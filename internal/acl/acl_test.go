package acl_test

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/acl"
	"github.com/omnibus-kafka/omnibus/internal/testcert"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// login is a mechanism that knows its user.
type login struct {
	sasl.Mechanism
	user string
}

func (l login) Principal() string { return l.user }

func anonymousPlain() sasl.Mechanism { return plain.Auth{User: "alice", Pass: "secret"}.AsMechanism() }

func TestThePrincipalIsWhatKafkaCallsTheClient(t *testing.T) {
	leaf := testcert.NewAuthority(t, "ca").Issue(t, testcert.Request{Name: "billing"})
	unread := leaf.TLS
	unread.Leaf = nil
	for name, test := range map[string]struct {
		client acl.Client
		want   string
	}{
		"nobody":                            {acl.Of(nil, nil), "User:ANONYMOUS"},
		"a user":                            {acl.Of(login{anonymousPlain(), "alice"}, nil), "User:alice"},
		"a user beside a certificate":       {acl.Of(login{anonymousPlain(), "alice"}, []tls.Certificate{leaf.TLS}), "User:alice"},
		"a certificate":                     {acl.Of(nil, []tls.Certificate{leaf.TLS}), "User:CN=billing"},
		"a certificate that was not parsed": {acl.Of(nil, []tls.Certificate{unread}), "User:CN=billing"},
		"a certificate of the handshake":    {acl.Of(nil, []tls.Certificate{{}}), ""},
		"another maker's mechanism":         {acl.Of(anonymousPlain(), nil), ""},
		"a client of which nothing is told": {acl.Client{}, ""},
	} {
		if got := test.client.Principal(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestARefusalNamesWhoWhatAndTheCommandThatMendsIt(t *testing.T) {
	alice := acl.Of(login{anonymousPlain(), "alice"}, nil)
	const command = "kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal "
	for name, test := range map[string]struct{ got, want string }{
		"topic":            {alice.Refusal(kerr.TopicAuthorizationFailed.Code, "orders"), `User:alice lacks Write on topic "orders": ` + command + "User:alice --operation Write --topic orders"},
		"cluster":          {alice.Refusal(kerr.ClusterAuthorizationFailed.Code, "orders"), `User:alice lacks IdempotentWrite on the cluster: ` + command + "User:alice --operation IdempotentWrite --cluster; or turn idempotence off"},
		"transactional id": {alice.Refusal(kerr.TransactionalIDAuthorizationFailed.Code, ""), command + "User:alice --operation Write --transactional-id ID"},
		"unseen topic":     {alice.NoTopic("orders"), command + "User:alice --operation Write --topic orders (and --operation Create, if writing to it shall create it)"},
		"no producer id":   {alice.NoID(), "User:alice --operation Write --topic TOPIC"},
		"unknown client":   {acl.Client{}.NoTopic("orders"), `this client lacks Write on topic "orders": ` + command + "User:NAME --operation"},
		"a subject with spaces": {acl.Of(login{anonymousPlain(), "CN=O'Hara, Jr"}, nil).NoTopic("a;rm -rf $HOME"),
			`--allow-principal 'User:CN=O'\''Hara, Jr' --operation Write --topic 'a;rm -rf $HOME'`},
		"a role of Amazon's": {acl.Of(role(), nil).Refusal(kerr.TopicAuthorizationFailed.Code, "orders"), `this client's role lacks Write on topic "orders": allow kafka-cluster:WriteData`},
	} {
		if !strings.Contains(test.got, test.want) {
			t.Errorf("%s: %s\nwant %s", name, test.got, test.want)
		}
	}
	if text := alice.Refusal(kerr.PolicyViolation.Code, "orders"); text != "" {
		t.Errorf("a policy has nothing to do with rights: %s", text)
	}
}

func role() sasl.Mechanism {
	return aws.ManagedStreamingIAM(func(context.Context) (aws.Auth, error) { return aws.Auth{}, nil })
}
