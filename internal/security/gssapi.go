package security

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/jaas"
)

// krb5Module is Java's login module for Kerberos.
const krb5Module = "com.sun.security.auth.module.Krb5LoginModule"

// krb5Idle are its options that mean nothing here: each authentication reads keytab or ticket cache and asks for its
// own ticket, and nobody is asked for a password.
var krb5Idle = []string{
	"storeKey", "doNotPrompt", "refreshKrb5Config", "renewTGT", "isInitiator", "debug",
	"useFirstPass", "tryFirstPass", "storePass", "clearPass",
}

// kerberosLogin reports whether the login is for Kerberos.
func (r *resolving) kerberosLogin() bool {
	l, err := jaas.Parse(r.Settings.text(login))
	return err == nil && l.Module == krb5Module
}

// kerberos makes GSSAPI.
func (r *resolving) kerberos() {
	if r.Kerberos == nil {
		r.fault("Kerberos", mechanismName, "GSSAPI", "kerberos.Login, of the module kerberos, in Config.Kerberos; or a "+
			"sasl.Mechanism in Config.SASL: this library has no Kerberos of its own")
		return
	}
	l, err := r.Settings.login()
	switch {
	case err == nil && l.Module == "":
		r.fault("", login, "not set", "a login for GSSAPI, such as "+exampleOf("GSSAPI"))
		return
	case err == nil:
		err = fits(l, "GSSAPI")
	}
	if err != nil {
		r.fault("", login, "[hidden]", err.Error())
		return
	}
	options, idle := make(map[string]string), []string(nil)
	for name := range l.Options {
		if slices.Contains(krb5Idle, name) {
			idle = append(idle, name)
			continue
		}
		options[name] = l.Option(name)
	}
	slices.Sort(idle)
	if len(idle) > 0 {
		r.note(login, "%s of Krb5LoginModule mean nothing here: each authentication reads the keytab or the ticket cache, and "+
			"asks for its own ticket", strings.Join(idle, ", "))
	}
	if r.oneService(options) {
		r.login(options)
	}
}

// oneService joins the two places in which the brokers' service is named, as Kafka does.
func (r *resolving) oneService(options map[string]string) bool {
	said := r.Settings.text(serviceName)
	switch {
	case said != "" && options["serviceName"] != "" && said != options["serviceName"]:
		r.fault("", serviceName, said, fmt.Sprintf("the serviceName of %s, or only one of them", login))
		return false
	case said != "":
		options["serviceName"] = said
	case options["serviceName"] == "":
		r.fault("", serviceName, "not set", "the first part of the brokers' principals, mostly kafka")
		return false
	}
	return true
}

// login makes the mechanism.
func (r *resolving) login(options map[string]string) {
	mechanism, err := r.Kerberos(options)
	if err != nil {
		r.fault("", login, "[hidden]", err.Error())
		return
	}
	r.made.SASL = mechanism
}
