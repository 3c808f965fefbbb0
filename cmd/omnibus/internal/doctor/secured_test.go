package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/doctor"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// way is a configuration for a secured listener, and the finding that must be among those of the doctor.
type way struct {
	name       string
	listener   kafkatest.Listener
	properties string
	topic      string
	check      string
	status     doctor.Status
	text, fix  string // fragments
}

const secretPassword = "canary-password"

func loginOf(user, password, protocol string) string {
	return fmt.Sprintf("security.protocol=%s\nsasl.mechanism=SCRAM-SHA-256\n"+
		"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=%q password=%q;\n", protocol, user, password)
}

func ways(security, stranger *kafkatest.Security) []way {
	trust := "ssl.truststore.type=PEM\nssl.truststore.location=" + security.CAFile() + "\n"
	_, certificate := security.Client("client")
	encrypted := "security.protocol=SSL\n" + trust
	full := trust + loginOf("full", "secret", "SASL_SSL")
	return []way{
		{"TLS", kafkatest.ListenerTLS, encrypted, "", "tls", doctor.Pass, "the certificate is for localhost, 127.0.0.1, signed by \"CN=kafkatest authority\" (trusted), and good until", ""},
		{"a certificate that ends soon", kafkatest.ListenerTLS, encrypted, "", "tls", doctor.Warn, `"CN=broker" ends on`, "renew it on the broker"},
		{"another authority", kafkatest.ListenerTLS, strings.ReplaceAll(encrypted, security.CAFile(), stranger.CAFile()), "", "tls", doctor.Fail, "unknown authority", "ssl.truststore.location"},
		{"no client certificate", kafkatest.ListenerMutualTLS, encrypted, "", "tls", doctor.Fail, "bad certificate", "the broker wants a client certificate (ssl.client.auth=required), and none is configured: set ssl.keystore.location"},
		{"a client certificate", kafkatest.ListenerMutualTLS, encrypted + "ssl.keystore.type=PEM\nssl.keystore.location=" + certificate + "\n", "writable", "topic", doctor.Fail,
			"User:CN=client may not see it", "--allow-principal User:CN=client --operation Write --topic writable"},
		{"TLS to a listener without", kafkatest.ListenerSASL, encrypted, "", "tls", doctor.Fail, "", "use the TLS listener's port"},
		{"a login", kafkatest.ListenerSASLTLS, full, "writable", "sasl", doctor.Pass, "SCRAM-SHA-256 is enabled, and the login of User:full works", ""},
		{"a wrong password", kafkatest.ListenerSASLTLS, trust + loginOf("full", secretPassword, "SASL_SSL"), "", "sasl", doctor.Fail, "refuses this client", "check the user name and the password"},
		{"a mechanism that is not enabled", kafkatest.ListenerSASL, strings.Replace(loginOf("full", "secret", "SASL_PLAINTEXT"), "SCRAM-SHA-256", "SCRAM-SHA-512", 1), "", "sasl", doctor.Fail,
			"does not enable SCRAM-SHA-512, it enables PLAIN, SCRAM-SHA-256", "set sasl.mechanism to one of these"},
		{"a login for a listener without", kafkatest.ListenerTLS, full, "", "sasl", doctor.Fail, "wants no SASL", "port of a SASL listener"},
		{"no login for a listener with one", kafkatest.ListenerSASLTLS, encrypted, "", "cluster", doctor.Fail, "the listener wants a login (SASL): ", "security.protocol=SASL_SSL"},
		{"all rights", kafkatest.ListenerSASL, loginOf("full", "secret", "SASL_PLAINTEXT"), "writable", "rights", doctor.Pass, "User:full may write it, and read it", ""},
		{"no Read", kafkatest.ListenerSASL, loginOf("writer", "secret", "SASL_PLAINTEXT"), "writable", "rights", doctor.Note, "User:writer may not read it", "--allow-principal User:writer --operation Read --topic writable"},
		{"no Write", kafkatest.ListenerSASL, loginOf("looker", "secret", "SASL_PLAINTEXT"), "writable", "rights", doctor.Fail, "User:looker may see it, and not write to it", "--allow-principal User:looker --operation Write --topic writable"},
		{"no IdempotentWrite", kafkatest.ListenerSASL, loginOf("looker", "secret", "SASL_PLAINTEXT"), "writable", "idempotence", doctor.Fail, "User:looker may have none", "--allow-principal User:looker --operation IdempotentWrite --cluster"},
		{"no Describe", kafkatest.ListenerSASL, loginOf("nobody", "secret", "SASL_PLAINTEXT"), "writable", "topic", doctor.Fail, "User:nobody may not see it", "--allow-principal User:nobody --operation Write --topic writable"},
	}
}

func TestOnRealKafkaSecurityIsExamined(t *testing.T) {
	kafkatest.RequireKafka(t)
	security, stranger := kafkatest.NewSecurity(t), kafkatest.NewSecurity(t)
	security.RenewBrokers(100 * time.Hour)
	kafka := kafkatest.StartKafka(t, 1, kafkatest.Secured(security), kafkatest.Property("allow.everyone.if.no.acl.found", "false"),
		kafkatest.Property("listener.name.sasl.sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256"))
	for _, user := range []string{"full", "writer", "looker", "nobody"} {
		kafka.SetPassword(user, "secret")
	}
	kafka.CreateTopic("writable", 1, nil)
	kafka.Allow("User:full", "All", "topic", "writable")
	kafka.Allow("User:writer", "Write", "topic", "writable")
	kafka.Allow("User:looker", "Describe", "topic", "writable")
	for _, w := range ways(security, stranger) {
		t.Run(w.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "client.properties")
			if err := os.WriteFile(file, []byte(w.properties), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"--config", file, "-b", kafka.SecureBrokers(w.listener)[0]}
			if w.topic != "" {
				args = append([]string{w.topic}, args...)
			}
			findings, result := examine(t, args...)
			named, failures := 0, 0
			for _, f := range findings {
				if f.Status == doctor.Fail {
					failures++
				}
				if (f.Status == doctor.Pass) != (f.Fix == "") {
					t.Errorf("a finding that does not pass says what to do, and no other: %+v", f)
				}
				if f.Check == w.check && f.Status == w.status && strings.Contains(f.Text, w.text) && strings.Contains(f.Fix, w.fix) {
					named++
				}
			}
			if named == 0 {
				t.Errorf("no check %s to %s with %q and the fix %q; told was\n%s%s", w.check, w.status, w.text, w.fix, result.Out, result.Err)
			}
			if (failures > 0) != (result.Code == cli.ExitFatal) || w.status != doctor.Fail && failures > 0 && w.name != "a client certificate" {
				t.Errorf("code %d with %d failures:\n%s", result.Code, failures, result.Out)
			}
			if strings.Contains(result.Out+result.Err, secretPassword) {
				t.Error("the password is told")
			}
		})
	}
	text := clitest.Run(t, "doctor", "-b", kafka.Brokers()[0])
	if !strings.Contains(text.Out, " noted, ") {
		t.Errorf("the sum does not count notes: %s", text.Out)
	}
}
