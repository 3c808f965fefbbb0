// Package acl says which right a broker found missing, and the command that grants it.
//
//	User:alice lacks Write on topic "orders": kafka-acls.sh … --allow-principal User:alice --operation Write --topic orders
//	^ Client.principal  ^ Right                ^ what an operator pastes
//
// A broker tells a code and nothing more: whom it took the client for, and what it looked for, it writes into its own
// log. Both can mostly be worked out here, since Kafka's principals follow from how a client logs in:
//
//	SASL PLAIN, SCRAM      the user
//	SASL OAUTHBEARER       the token's subject
//	SASL GSSAPI            the principal without its host and realm (sasl.kerberos.principal.to.local.rules)
//	TLS with a certificate its subject, as RFC 2253 writes it (ssl.principal.mapping.rules)
//	none of them           ANONYMOUS
//
// A broker may be told other rules, and who is no user of Kafka's has no ACL: a role of Amazon's has a policy.
//
// Rejected: asking the broker (DescribeAcls), which takes a right that who lacks Write does not have.
package acl

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
)

// The operations of Kafka's AclOperation that a producer needs.
const (
	Write           = "Write"
	Create          = "Create"
	Read            = "Read"
	IdempotentWrite = "IdempotentWrite"
)

// The operations besides that commands need.
const (
	Describe        = "Describe"
	DescribeConfigs = "DescribeConfigs"
	Delete          = "Delete"
)

// Right is an operation on a resource of Kafka's.
type Right struct {
	// Operation is one of the constants.
	Operation string
	// Resource is "topic", "cluster" or "transactional-id", as kafka-acls.sh spells them.
	Resource string
	// Name is the resource's; empty for the cluster.
	Name string
}

// Topic is a right on a topic.
func Topic(operation, name string) Right { return Right{operation, "topic", name} }

// Cluster is a right on the cluster.
func Cluster(operation string) Right { return Right{operation, "cluster", ""} }

// String is the right in words, such as `Write on topic "orders"`.
func (r Right) String() string {
	if r.Name == "" {
		return r.Operation + " on the " + r.Resource
	}
	return fmt.Sprintf("%s on %s %.249q", r.Operation, r.Resource, r.Name)
}

// Client is whom a broker judges. The zero value is one of whom nothing is known.
type Client struct {
	mechanism sasl.Mechanism
	subject   string // without a mechanism, what the broker calls the client; empty if that is not known
}

// Of is the client that logs in with that mechanism, or, if that is nil, shows that certificate; with neither it is
// ANONYMOUS.
func Of(mechanism sasl.Mechanism, certificates []tls.Certificate) Client {
	switch {
	case mechanism != nil:
		return Client{mechanism: mechanism}
	case len(certificates) == 0:
		return Client{subject: "ANONYMOUS"}
	}
	return Client{subject: subjectOf(&certificates[0])}
}

// subjectOf is a certificate's subject as Java writes it by default; empty if it cannot be read.
func subjectOf(certificate *tls.Certificate) string {
	leaf := certificate.Leaf
	if leaf == nil && len(certificate.Certificate) > 0 {
		leaf, _ = x509.ParseCertificate(certificate.Certificate[0])
	}
	var names pkix.RDNSequence
	if leaf == nil {
		return ""
	}
	if _, err := asn1.Unmarshal(leaf.RawSubject, &names); err != nil {
		return ""
	}
	return names.String()
}

// Principal is what the broker calls the client, such as "User:alice"; empty if that is not known. A mechanism that knows
// it says it by a method Principal() string, without the "User:".
func (c Client) Principal() string {
	name := c.subject
	if who, ok := c.mechanism.(interface{ Principal() string }); ok {
		name = who.Principal()
	}
	if name == "" {
		return ""
	}
	return "User:" + name
}

// Lacks says that the client has not got the right, and how it is granted: in one sentence without an end.
func (c Client) Lacks(r Right) string {
	if action, ok := c.action(r.Operation); ok {
		return fmt.Sprintf("this client's role lacks %s: allow %s on it in the role's IAM policy", r, action)
	}
	who := c.Principal()
	if who == "" {
		who = "this client"
	}
	return fmt.Sprintf("%s lacks %s: %s", who, r, c.Grant(r))
}

// Grant is the command, or for a role of Amazon's the action, that gives the client the right.
func (c Client) Grant(r Right) string {
	if action, ok := c.action(r.Operation); ok {
		return "allow " + action + " in the role's IAM policy"
	}
	principal := c.Principal()
	if principal == "" {
		principal = "User:NAME" // the authorizer's log on the broker has the name
	}
	command := "kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal " + quoted(principal) +
		" --operation " + r.Operation + " --" + r.Resource
	if r.Name == "" {
		return command
	}
	return command + " " + quoted(fmt.Sprintf("%.249s", r.Name))
}

// action is an operation's name in a policy of Amazon's; ok is false for a client that is subject to none.
func (c Client) action(operation string) (name string, ok bool) {
	if c.mechanism == nil || c.mechanism.Name() != "AWS_MSK_IAM" {
		return "", false
	}
	switch operation {
	case Write:
		return "kafka-cluster:WriteData", true
	case Read:
		return "kafka-cluster:ReadData", true
	case IdempotentWrite:
		return "kafka-cluster:WriteDataIdempotently", true
	case DescribeConfigs:
		return "kafka-cluster:DescribeTopicDynamicConfiguration", true
	}
	return "kafka-cluster:" + operation + "Topic", true
}

// quoted is a word of a shell's command line.
func quoted(word string) string {
	plain := strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/@=,") == ""
	if plain && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
