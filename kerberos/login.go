package kerberos

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
)

// Login makes the mechanism that the options of Java's Krb5LoginModule describe, for Config.Kerberos: useKeyTab, keyTab,
// principal, useTicketCache, ticketCache, and serviceName, which is also sasl.kerberos.service.name. A keytab goes
// before a ticket cache. Without ticketCache the cache is that of KRB5CCNAME, else /tmp/krb5cc_UID; krb5.conf is
// that of KRB5_CONFIG, else /etc/krb5.conf. Options of Java's that mean nothing here are let be; others are a mistake,
// and the error's text is what was wanted.
func Login(options map[string]string) (sasl.Mechanism, error) {
	for name := range options {
		if !slices.Contains(used, name) && !slices.Contains(idle, name) {
			return nil, fmt.Errorf("an option of Krb5LoginModule: %.60q is none", name)
		}
	}
	id := Identity{Principal: options["principal"], Service: options["serviceName"]}
	switch {
	case on(options["useKeyTab"]):
		if id.Keytab = strings.TrimPrefix(options["keyTab"], "file:"); id.Keytab == "" {
			return nil, fmt.Errorf(`keyTab="…" beside useKeyTab=true`)
		}
	case on(options["useTicketCache"]):
		cache, err := cacheFile(options["ticketCache"])
		if err != nil {
			return nil, err
		}
		id.TicketCache = cache
	default:
		return nil, fmt.Errorf("useKeyTab=true with keyTab and principal, or useTicketCache=true: nobody is asked for a password")
	}
	return id.Mechanism()
}

var (
	// used are the options that Login knows, idle those of Java's that mean nothing where tickets are asked for anew by
	// each connection.
	used = []string{"useKeyTab", "keyTab", "principal", "useTicketCache", "ticketCache", "serviceName"}
	idle = []string{
		"storeKey", "doNotPrompt", "refreshKrb5Config", "renewTGT", "isInitiator", "debug",
		"useFirstPass", "tryFirstPass", "storePass", "clearPass",
	}
)

// on is Java's true.
func on(text string) bool { return strings.EqualFold(text, "true") }

// cacheFile is the ticket cache's file.
func cacheFile(said string) (string, error) {
	if said == "" {
		said = os.Getenv("KRB5CCNAME")
	}
	if said == "" {
		said = "/tmp/krb5cc_" + strconv.Itoa(os.Getuid())
	}
	kind, path, found := strings.Cut(said, ":")
	switch {
	case !found, len(kind) == 1: // a drive's letter
		return said, nil
	case kind == "FILE":
		return path, nil
	}
	return "", fmt.Errorf("a ticket cache in a file: %.100q (ticketCache or KRB5CCNAME) is of another kind, so set "+
		"ticketCache, and get tickets with kinit -c", said)
}
