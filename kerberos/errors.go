package kerberos

import (
	"fmt"
	"net"
	"strings"
)

// Error is a login that came to nothing, with its cause and what to do.
type Error struct {
	// Err is what gokrb5 said.
	Err error
	// Advice is the cause and the fix.
	Advice string
	// Refused tells that trying again is of no use before somebody mends something.
	Refused bool
}

// Error gives the advice, and gokrb5's words behind it.
func (e *Error) Error() string { return fmt.Sprintf("%s (%v)", e.Advice, e.Err) }

// Unwrap returns what gokrb5 said.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again is of no use.
func (e *Error) Permanent() bool { return e.Refused }

// meaning is what a text of gokrb5's says, which keeps no error values through its layers.
type meaning struct {
	text, advice string
	refused      bool
}

// meanings are looked through in order. In an advice, PRINCIPAL, SERVICE and CONF stand for the client's principal, the
// broker's, and the configuration file.
var meanings = []meaning{
	{"KDC_ERR_C_PRINCIPAL_UNKNOWN", "the KDC does not know the principal PRINCIPAL: check its spelling and realm", true},
	{"KDC_ERR_S_PRINCIPAL_UNKNOWN", "the KDC does not know the broker's principal SERVICE: check sasl.kerberos.service.name, " +
		"and that brokers are reached by the host names that their principals have", true},
	{"KDC_ERR_PREAUTH_FAILED", "the keys of PRINCIPAL in the keytab are not those of the KDC: write the keytab anew", true},
	{"password/keytab incorrect", "the keys of PRINCIPAL in the keytab are not those of the KDC: write the keytab anew", true},
	{"matching key not found in keytab", "the keytab has no key of PRINCIPAL for the encryption types of CONF " +
		"(default_tkt_enctypes, permitted_enctypes)", true},
	{"KRB_AP_ERR_SKEW", "this machine's clock and the KDC's differ by more than five minutes: set it", true},
	{"Clock skew", "this machine's clock and the KDC's differ by more than five minutes: set it", true},
	{"KDC_ERR_ETYPE_NOSUPP", "this side, the KDC and the broker's principal SERVICE have no encryption type in common: see " +
		"permitted_enctypes in CONF, and the principal's keys", true},
	{"KDC_ERR_KEY_EXPIRED", "the password of PRINCIPAL has expired: change it, and write the keytab anew", true},
	{"KDC_ERR_CLIENT_REVOKED", "the principal PRINCIPAL is locked or has expired: ask the KDC's operator", true},
	{"KDC_ERR_POLICY", "a policy of the KDC's forbids it: ask its operator", true},
	{"no user credentials available", "the tickets in the cache have expired: renew them with kinit", true},
	{"no KDC SRV records", "no KDC is known for the realm: name it in CONF ([realms], kdc = host), or set dns_lookup_kdc", true},
	{"Networking_Error", "no KDC can be reached: check [realms] in CONF, and the way to port 88 of the KDCs", false},
	{"communication error", "no KDC can be reached: check [realms] in CONF, and the way to port 88 of the KDCs", false},
}

// explain finds out what a failed login means. Errors that this package made say it by themselves.
func explain(err error, id Identity, address string) error {
	if err == nil {
		return nil
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		host = address
	}
	who := id.Principal
	if who == "" {
		who = "of the ticket cache"
	}
	words := strings.NewReplacer("PRINCIPAL", who, "SERVICE", id.Service+"/"+host, "CONF", configFile(id.Config))
	for _, m := range meanings {
		if strings.Contains(err.Error(), m.text) {
			return &Error{err, words.Replace(m.advice), m.refused}
		}
	}
	return err
}
