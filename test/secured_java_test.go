package test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// oneFileForJavaAndUs sends with Kafka's console producer and with omnibus, and reads with omnibus, all by the same
// .properties file: a JKS truststore, a PKCS#12 keystore, a JAAS line whose password comes from another file. Then it sends
// by a kcat.conf and by a profile of rpk's, with certificate and key apart.
func oneFileForJavaAndUs(t *testing.T, kafka *kafkatest.Kafka, security *kafkatest.Security) {
	const storePassword = "changeit"
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	trust := filepath.Join(dir, "trust.jks")
	kafkatest.Java(t, "sun.security.tools.keytool.Main", "-importcert", "-noprompt", "-alias", "ca", "-file", security.CAFile(),
		"-keystore", trust, "-storetype", "JKS", "-storepass", storePassword)
	certificate, _ := security.Client("javaclient")
	keys, err := pkcs12.Modern.Encode(certificate.PrivateKey, certificate.Leaf, []*x509.Certificate{}, storePassword)
	if err != nil {
		t.Fatal(err)
	}
	stores := fmt.Sprintf("ssl.truststore.location=%s\nssl.truststore.password=%s\n"+
		"ssl.keystore.location=%s\nssl.keystore.password=%[2]s\nssl.keystore.type=PKCS12\n", trust, storePassword, file("keys.p12", string(keys)))
	secrets := file("secrets.properties", "kafka.password="+kafkatest.Password+"\n")
	sasl := file("sasl.properties", "security.protocol=SASL_SSL\n"+stores+
		"sasl.mechanism=SCRAM-SHA-256\nconfig.providers=file\n"+
		"config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"+
		"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"+
		"  username=\""+kafkatest.User+"\" password=\"${file:"+secrets+":kafka.password}\";\n")
	mutual := file("mutual.properties", "security.protocol=SSL\n"+stores)

	command := buildCommand(t)
	run := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), command, args...)
		cmd.Stdin = strings.NewReader(stdin)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || strings.Contains(stderr.String(), "WARN") {
			t.Fatalf("omnibus %q: %v\n%s", args, err, &stderr)
		}
		return string(out)
	}
	kafka.CreateTopic("both", 1, nil)
	address, mutualAddress := kafka.SecureBrokers(kafkatest.ListenerSASLTLS)[0], kafka.SecureBrokers(kafkatest.ListenerMutualTLS)[0]
	kafkatest.RunJavaSource(t, filepath.Join("testdata", "Console.java"), strings.NewReader("from Java\n"),
		"--bootstrap-server", address, "--topic", "both", "--command-config", sasl)
	run("from omnibus\n", "produce", "both", "--brokers", address, "--config", sasl)
	run("from omnibus with a certificate\n", "produce", "both", "--brokers", mutualAddress, "--config", mutual)
	certificateFile, keyFile := apart(t, file, security)
	kcat := file("kcat.conf", "security.protocol=sasl_ssl\nsasl.mechanisms=SCRAM-SHA-512\nsasl.username="+kafkatest.User+"\nsasl.password="+kafkatest.Password+
		"\nssl.ca.location="+security.CAFile()+"\nmetadata.broker.list="+address+"\n")
	run("from kcat.conf\n", "produce", "both", "--config", kcat)
	rpk := file("rpk.yaml", fmt.Sprintf("current_profile: test\nprofiles:\n  - name: test\n    kafka_api:\n      brokers: [%q]\n"+
		"      tls: {ca_file: %q, cert_file: %q, key_file: %q}\n", mutualAddress, security.CAFile(), certificateFile, keyFile))
	run("from rpk.yaml\n", "produce", "both", "--config", rpk)
	read := run("", "consume", "both", "--brokers", address, "--config", sasl, "--from-beginning", "--exit-at-end")
	got := strings.Split(strings.TrimSpace(read), "\n")
	if want := []string{"from Java", "from omnibus", "from omnibus with a certificate", "from kcat.conf", "from rpk.yaml"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// apart writes a client's certificate and its key to a file each.
func apart(t *testing.T, file func(name, text string) string, security *kafkatest.Security) (certificate, key string) {
	t.Helper()
	_, both := security.Client("apart")
	text, err := os.ReadFile(both)
	if err != nil {
		t.Fatal(err)
	}
	var certificates, keys strings.Builder
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		to := &keys
		if block.Type == "CERTIFICATE" {
			to = &certificates
		}
		if err := pem.Encode(to, block); err != nil {
			t.Fatal(err)
		}
	}
	return file("apart.crt", certificates.String()), file("apart.key", keys.String())
}
