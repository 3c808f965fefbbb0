package dialect

import (
	"strings"
)

// The login modules of Java's clients.
const (
	plainModule    = "org.apache.kafka.common.security.plain.PlainLoginModule"
	scramModule    = "org.apache.kafka.common.security.scram.ScramLoginModule"
	bearerModule   = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
	kerberosModule = "com.sun.security.auth.module.Krb5LoginModule"
	amazonModule   = "software.amazon.msk.auth.iam.IAMLoginModule"
)

// jaas is the login of Java's that these make.
func (t *translation) jaas(module string, options []string, from []entry) {
	t.set("sasl.jaas.config", strings.Join(append([]string{module, "required"}, options...), " ")+";", from...)
}

// password makes the login of a user.
func (t *translation) password(mechanism string, user, password, named entry) {
	switch {
	case user.Value == "" && password.Value == "":
	case user.Value == "":
		t.mistake(password, "there is no user name beside it")
	case password.Value == "":
		t.mistake(user, "there is no password beside it")
	default:
		module := scramModule
		if mechanism == "PLAIN" {
			module = plainModule
		}
		t.jaas(module, []string{"username=" + quoted(user.Value), "password=" + quoted(password.Value)}, []entry{user, password, named})
	}
}

// login makes one login of what librdkafka has in several settings.
func (t *translation) login() {
	user, password, named := t.said["sasl.username"], t.said["sasl.password"], t.said["sasl.mechanism"]
	mechanism := strings.ToUpper(named.Value)
	if user.Value != "" && mechanism != "PLAIN" && !strings.HasPrefix(mechanism, "SCRAM-") {
		t.note(user, "user name and password are for sasl.mechanism=PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, and change nothing without it")
	}
	switch mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		t.password(mechanism, user, password, named)
	case "GSSAPI":
		t.kerberos()
	case "OAUTHBEARER":
		t.bearer()
	}
}

// kerberos logs in by the key table if there is one, else by the tickets of kinit.
func (t *translation) kerberos() {
	from := t.all("sasl.kerberos.principal", "sasl.kerberos.keytab", "sasl.mechanism")
	if _, said := t.said["sasl.jaas.config"]; said {
		return
	}
	var options []string
	if table := t.text("sasl.kerberos.keytab"); table != "" {
		options = append(options, "useKeyTab=true", "storeKey=true", "keyTab="+quoted(table))
	} else {
		options = append(options, "useTicketCache=true")
	}
	if principal := t.text("sasl.kerberos.principal"); principal != "" {
		options = append(options, "principal="+quoted(principal))
	}
	t.jaas(kerberosModule, options, from)
	if _, said := t.said["sasl.kerberos.service.name"]; !said {
		t.set("sasl.kerberos.service.name", "kafka")
	}
}

// bearer says what Java has no settings for with the login's options: what is sent beside the token, and whom to believe of
// the web servers that give it.
func (t *translation) bearer() {
	var options []string
	for extension := range strings.SplitSeq(t.text("sasl.oauthbearer.extensions"), ",") {
		if name, value, ok := strings.Cut(strings.TrimSpace(extension), "="); ok {
			options = append(options, "extension_"+name+"="+quoted(value))
		}
	}
	if path, _ := authorities(t.text("https.ca.location")); path != "" {
		options = append(options, "ssl.truststore.location="+quoted(path))
	}
	if text, _ := inlinePEM(t.text("https.ca.pem")); text != "" {
		options = append(options, "ssl.truststore.certificates="+quoted(text))
	}
	if len(options) > 0 {
		t.jaas(bearerModule, options, t.all("sasl.oauthbearer.extensions", "https.ca.location", "https.ca.pem"))
	}
}

// ownKeys joins this client's certificate and its key, which librdkafka keeps apart.
func (t *translation) ownKeys() {
	certificate, key := t.said["ssl.certificate.location"], t.said["ssl.key.location"]
	certificateText, keyText := t.said["ssl.certificate.pem"], t.said["ssl.key.pem"]
	t.files(certificate, key)
	switch {
	case certificate.Value+key.Value != "" && certificateText.Value+keyText.Value != "":
		t.mistake(append(spoken(certificateText), keyText)[0], "certificate and key stand in files, too: say both with .location or both with .pem")
	case keyText.Value != "" && certificateText.Value == "":
		t.mistake(keyText, "there is no certificate beside it (ssl.certificate.pem)")
	case certificateText.Value != "" && keyText.Value == "":
		t.mistake(certificateText, "there is no key beside it (ssl.key.pem)")
	case keyText.Value != "":
		text, _ := inlinePEM(certificateText.Value)
		t.set("ssl.keystore.certificate.chain", text, certificateText)
		text, _ = inlinePEM(keyText.Value)
		t.set("ssl.keystore.key", text, keyText)
	}
}

// files are a certificate and a key that are kept apart, or in one file named twice.
func (t *translation) files(certificate, key entry) {
	store := t.said["ssl.keystore.location"]
	switch {
	case certificate.Value+key.Value == "":
	case store.Value != "":
		t.mistake(store, "certificate and key stand in files of their own, too (%s): leave one of them out", append(spoken(certificate), key)[0].Name)
	case certificate.Value == "":
		t.mistake(key, "there is no certificate beside it")
	case key.Value == "":
		t.mistake(certificate, "there is no key beside it")
	case certificate.Value == key.Value:
		t.set("ssl.keystore.location", key.Value, certificate, key)
	default:
		t.set("ssl.keystore.location", certificate.Value+","+key.Value, certificate, key)
	}
}
