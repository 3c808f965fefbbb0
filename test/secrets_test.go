package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// spoken is a file of settings, of any client, in which the secret that it is made for stands.
type spoken struct {
	name     string
	listener kafkatest.Listener
	file     func(secret string) string
}

// speakers have each secret that a file can have: passwords, client secrets, the passwords of key stores, keys themselves.
func speakers(t *testing.T, security *kafkatest.Security) []spoken {
	t.Helper()
	_, client := security.Client("secrets")
	trust := "ssl.truststore.location=" + security.CAFile() + "\n"
	login := func(mechanism string) func(string) string {
		return func(secret string) string {
			return "security.protocol=SASL_SSL\n" + trust + strings.ReplaceAll(logins(security)[mechanism], kafkatest.Password, secret)
		}
	}
	kcat := "security.protocol=sasl_ssl\nssl.ca.location=" + security.CAFile() + "\n"
	return []spoken{
		{"java PLAIN", kafkatest.ListenerSASLTLS, login("PLAIN")},
		{"java SCRAM", kafkatest.ListenerSASLTLS, login("SCRAM-SHA-512")},
		{"java OAUTHBEARER", kafkatest.ListenerSASLTLS, login("OAUTHBEARER")},
		{"java keystore", kafkatest.ListenerMutualTLS, func(secret string) string {
			return "security.protocol=SSL\n" + trust + "ssl.keystore.location=" + client + "\nssl.key.password=" + secret + "\nssl.keystore.password=" + secret + "\n"
		}},
		{"kcat SCRAM", kafkatest.ListenerSASLTLS, func(secret string) string {
			return kcat + "sasl.mechanisms=SCRAM-SHA-256\nsasl.username=" + kafkatest.User + "\nsasl.password=" + secret + "\n"
		}},
		{"kcat OIDC", kafkatest.ListenerSASLTLS, func(secret string) string {
			return kcat + "sasl.mechanisms=OAUTHBEARER\nsasl.oauthbearer.method=oidc\nsasl.oauthbearer.client.id=" + kafkatest.User +
				"\nsasl.oauthbearer.client.secret=" + secret + "\nsasl.oauthbearer.token.endpoint.url=" + security.TokenEndpoint() + "\n"
		}},
		{"kcat broken", kafkatest.ListenerSASLTLS, func(secret string) string {
			return kcat + "sasl.mechanisms=PLAIN\nsasl.pasword=" + secret + "\nssl.key.pem=" + secret + "\nssl.certificate.pem=" + secret + "\n" + secret + "\n"
		}},
		{"rpk SCRAM", kafkatest.ListenerSASLTLS, func(secret string) string {
			return fmt.Sprintf("kafka_api:\n  tls: {ca_file: %s}\n  sasl: {user: %s, password: %s, mechanism: SCRAM-SHA-256}\n", security.CAFile(), kafkatest.User, secret)
		}},
		{"rpk broken", kafkatest.ListenerSASLTLS, func(secret string) string {
			return fmt.Sprintf("kafka_api:\n  sasl: {user: x, password: *%s}\n", secret)
		}},
	}
}

// secretsAreToldNowhere runs commands with the right secret and with a wrong one, and looks for both in all that comes out:
// standard output and error, dead letters, the stacks of a process that is killed for them.
func secretsAreToldNowhere(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security) {
	kafka.CreateTopic("secrets", 1, nil)
	command := buildCommand(t)
	dir := t.TempDir()
	letters := filepath.Join(dir, "letters")
	for _, s := range speakers(t, security) {
		for _, secret := range []string{kafkatest.Password, canary} {
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, []byte(s.file(secret)), 0o644); err != nil {
				t.Fatal(err)
			}
			connection := []string{"--config", file, "--brokers", kafka.SecureBrokers(s.listener)[0]}
			for _, line := range [][]string{
				{"produce", "secrets", "--dlq", letters, "--summary", "json", "-X", "max.block.ms=3000"},
				{"doctor", "secrets"},
				{"topic", "describe", "secrets"},
				{"config", "show", "--why", "--all"},
				{"config", "show", "-o", "json"},
			} {
				out := output(t, command, "x\n", append(line, connection...)...)
				told, _ := os.ReadFile(letters)
				if all := out + string(told); tells(all, secret) {
					t.Errorf("%s: %q tells the secret:\n%s", s.name, line, all)
				}
			}
		}
	}
	t.Run("stacks", func(t *testing.T) { stacksTellNothing(t, kafka, security, command) })
}

// tells reports whether a text has the secret, or a private key.
func tells(text, secret string) bool {
	return strings.Contains(text, secret) || strings.Contains(text, "PRIVATE KEY")
}

// output runs a command that may fail, and returns all that it says.
func output(t *testing.T, command, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GOTRACEBACK=system")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil || len(out) == 0 {
		t.Errorf("%q: %v after %d bytes of output", args, err, len(out))
	}
	return string(out)
}

// stacksTellNothing ends a producer that is logged in by the signal that makes Go's runtime print all stacks.
func stacksTellNothing(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security, command string) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGQUIT")
	}
	_, key := security.Client("stacks")
	file := filepath.Join(t.TempDir(), "file")
	text := "security.protocol=SASL_SSL\nssl.truststore.location=" + security.CAFile() + "\nssl.keystore.location=" + key + "\n" + logins(security)["PLAIN"]
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command, "produce", "secrets", "--output", "acked %o\\n", "--config", file, "--brokers", kafka.SecureBrokers(kafkatest.ListenerSASLTLS)[0])
	cmd.Env = append(os.Environ(), "GOTRACEBACK=system")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var dump lockedText
	cmd.Stdout, cmd.Stderr = &dump, &dump
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "a record")
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(dump.String(), "acked") && time.Now().Before(deadline); {
		<-time.After(50 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if !strings.Contains(dump.String(), "goroutine ") || !strings.Contains(dump.String(), "acked") {
		t.Fatalf("no acknowledgement, or no stacks: %v\n%s", err, dump.String())
	}
	if tells(dump.String(), kafkatest.Password) {
		t.Errorf("the stacks tell the secret:\n%s", dump.String())
	}
}
