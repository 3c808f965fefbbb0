package connect_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

func TestJavasKerberosLoginIsTaken(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"krb5.conf": "[libdefaults]\n default_realm = EXAMPLE.TEST\n",
		"client.properties": "bootstrap.servers=broker:9092\nsecurity.protocol=SASL_PLAINTEXT\nsasl.kerberos.service.name=kafka\n" +
			"sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true renewTGT=true ticketCache=\"/none\";\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KRB5_CONFIG", filepath.Join(dir, "krb5.conf"))
	flags := connect.Flags{ConfigFile: filepath.Join(dir, "client.properties")}
	target, err := flags.Open(t.Context(), &cli.Factory{IO: &cli.IO{}, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	if _, mechanism, err := target.Config.Security(); err != nil || mechanism.Name() != "GSSAPI" {
		t.Errorf("%v, %v", mechanism, err)
	}
}
