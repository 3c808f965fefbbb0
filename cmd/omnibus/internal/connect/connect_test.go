package connect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// factory is a Factory over an environment and a buffer for standard error.
func factory(environment map[string]string) (*cli.Factory, *bytes.Buffer) {
	stderr := &bytes.Buffer{}
	return &cli.Factory{
		IO:     &cli.IO{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: stderr},
		Getenv: func(name string) string { return environment[name] },
	}, stderr
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheStrongerSourceWins(t *testing.T) {
	file := writeFile(t, "bootstrap.servers=file:1\nlinger.ms=11\nacks=1\n")
	environment := map[string]string{brokersVariable: "env:1"}
	for _, test := range []struct {
		name      string
		flags     Flags
		env       map[string]string
		overrides []Setting
		brokers   string
		linger    time.Duration
	}{
		{name: "file", flags: Flags{ConfigFile: file}, brokers: "[file:1]", linger: 11 * time.Millisecond},
		{name: "environment over file", flags: Flags{ConfigFile: file}, env: environment, brokers: "[env:1]", linger: 11 * time.Millisecond},
		{
			name:  "-X over environment and file",
			flags: Flags{ConfigFile: file, Settings: []string{"bootstrap.servers=x:1", "linger.ms=22"}}, env: environment,
			brokers: "[x:1]", linger: 22 * time.Millisecond,
		},
		{
			name:      "flags over -X",
			flags:     Flags{ConfigFile: file, Brokers: "flag:1,flag:2", Settings: []string{"bootstrap.servers=x:1", "linger.ms=22"}},
			env:       environment,
			overrides: []Setting{{"linger.ms", "33", "--linger"}},
			brokers:   "[flag:1 flag:2]", linger: 33 * time.Millisecond,
		},
		{
			name: "any setting in the environment, over the file", flags: Flags{ConfigFile: file}, env: map[string]string{"OMNIBUS_LINGER_MS": "44"},
			brokers: "[file:1]", linger: 44 * time.Millisecond,
		},
		{
			name: "-X over the environment", flags: Flags{ConfigFile: file, Settings: []string{"linger.ms=22"}},
			env: map[string]string{"OMNIBUS_LINGER_MS": "44"}, brokers: "[file:1]", linger: 22 * time.Millisecond,
		},
		{name: "the short variable over the long one", env: map[string]string{brokersVariable: "a:1", "OMNIBUS_BOOTSTRAP_SERVERS": "b:1"}, brokers: "[a:1]"},
		{name: "the file that the environment names", env: map[string]string{configVariable: file}, brokers: "[file:1]", linger: 11 * time.Millisecond},
		{
			name: "the file that the flag names", flags: Flags{ConfigFile: file}, env: map[string]string{configVariable: "/no/such/file"},
			brokers: "[file:1]", linger: 11 * time.Millisecond,
		},
		{name: "the dialect that the environment names", flags: Flags{ConfigFile: writeFile(t, "bootstrap.servers=file\nlinger.ms=1.5\n")},
			env: map[string]string{dialectVariable: "librdkafka", "OMNIBUS_ACKS": "1"}, brokers: "[file:9092]", linger: 2 * time.Millisecond},
		{name: "the environment over another client's file", flags: Flags{ConfigFile: writeFile(t, "metadata.broker.list=file\nlinger.ms=1.5\n"), Settings: []string{"queue.buffering.max.ms=3"}},
			env: environment, brokers: "[env:1]", linger: 3 * time.Millisecond},
		{name: "others' variables", flags: Flags{Brokers: "a:1"}, env: map[string]string{"OMNIBUS_LINGER": "soon", "OMNIBUS_GITLAB": "1"}, brokers: "[a:1]"},
		{name: "the last -X", flags: Flags{Settings: []string{"bootstrap.servers=x:1", "bootstrap.servers=x:2"}}, brokers: "[x:2]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, _ := factory(test.env)
			target, err := test.flags.Open(t.Context(), f, test.overrides...)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(target.Config.Brokers); got != test.brokers {
				t.Errorf("brokers %s, want %s", got, test.brokers)
			}
			if test.linger != 0 && target.Config.Linger != test.linger {
				t.Errorf("linger %v, want %v", target.Config.Linger, test.linger)
			}
		})
	}
}

func TestTheFileKeepsWhatNothingElseSays(t *testing.T) {
	f, _ := factory(nil)
	flags := Flags{ConfigFile: writeFile(t, "acks=1\n"), Brokers: "a:1"}
	target, err := flags.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if target.Config.Acks != omnibus.AcksLeader {
		t.Errorf("acks %v, want the file's", target.Config.Acks)
	}
}

func TestMistakesEndWithExitUsageAndSayWhatIsWanted(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		name  string
		flags Flags
		want  []string
	}{
		{"no cluster", Flags{}, []string{"--brokers", brokersVariable, "-X", "--config", "--embedded"}},
		{"two clusters", Flags{Brokers: "a:1", Embedded: true}, []string{"--brokers", "--embedded", "exclude"}},
		{"data without embedded", Flags{Brokers: "a:1", Data: "d"}, []string{"--data", "--embedded"}},
		{"no file", Flags{ConfigFile: missing}, []string{"--config", missing}},
		{"setting without a value", Flags{Brokers: "a:1", Settings: []string{"linger.ms"}}, []string{"-X", "name=value"}},
		{"unknown setting", Flags{Brokers: "a:1", Settings: []string{"lingerms=1"}}, []string{"-X", "lingerms"}},
		{"no such dialect", Flags{Brokers: "a:1", Dialect: "kcat"}, []string{`--dialect is "kcat"`, "java, librdkafka, rpk"}},
		{"another client's name", Flags{Brokers: "a:1", Settings: []string{"queue.buffering.max.ms=5"}}, []string{"librdkafka's name", "want Java's, linger.ms, or --dialect librdkafka"}},
		{"a name that nobody has", Flags{Brokers: "a:1", Dialect: "librdkafka", Settings: []string{"lingerms=1"}}, []string{"-X: lingerms", "did you mean linger.ms?"}},
		{"a dialect that the file does not have", Flags{ConfigFile: writeFile(t, "metadata.broker.list=a\n"), Dialect: "java"}, []string{"line 1", "metadata.broker.list", "bootstrap.servers"}},
		{"address without a port", Flags{Brokers: "a"}, []string{"bootstrap.servers"}},
		{
			"three mistakes at once",
			Flags{Brokers: "a:1", Settings: []string{"acks=7", "linger.ms=soon", "nonsense"}},
			[]string{"acks", "linger.ms", "nonsense"},
		},
		{"a mistake in the environment", Flags{Brokers: "a:1"}, []string{"OMNIBUS_ACKS", "acks", "7"}},
		{"mistakes in a file", Flags{ConfigFile: writeFile(t, "acks=7\nlinger.ms=soon\n"), Brokers: "a:1"}, []string{"client.properties", "acks", "linger.ms"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var env map[string]string
			if strings.HasSuffix(test.name, "in the environment") {
				env = map[string]string{"OMNIBUS_ACKS": "7"}
			}
			f, _ := factory(env)
			_, err := test.flags.Open(t.Context(), f)
			if code := cli.CodeOf(err); err == nil || code != cli.ExitUsage {
				t.Fatalf("error %v with code %d, want code %d", err, code, cli.ExitUsage)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestTheEmbeddedBrokerIsSharedOverItsDirectory(t *testing.T) {
	dir := t.TempDir()
	f, stderr := factory(nil)
	flags := Flags{Embedded: true, Data: dir}
	first, err := flags.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	second, err := flags.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(first.Config.Brokers) != fmt.Sprint(second.Config.Brokers) {
		t.Errorf("the second connects to %v, the broker listens on %v", second.Config.Brokers, first.Config.Brokers)
	}
	if want := fmt.Sprintf("process %d", os.Getpid()); !strings.Contains(stderr.String(), want) {
		t.Errorf("standard error %q does not say %q", stderr, want)
	}
	if err := errors.Join(second.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	third, err := flags.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if third.broker == nil {
		t.Error("after the holder ended, the directory was not opened anew")
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheEmbeddedBrokerIsStrongerThanOtherAddresses(t *testing.T) {
	f, _ := factory(map[string]string{brokersVariable: "env:1"})
	flags := Flags{Embedded: true, Data: t.TempDir(), ConfigFile: writeFile(t, "bootstrap.servers=file:1\n")}
	target, err := flags.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if got := target.Config.Brokers; len(got) != 1 || !strings.HasPrefix(got[0], "127.0.0.1:") {
		t.Errorf("brokers %v, want the embedded one's address", got)
	}
}

func TestDataDirFollowsTheOperatingSystem(t *testing.T) {
	for _, test := range []struct {
		goos string
		env  map[string]string
		want string // with slashes; empty for an error
	}{
		{"linux", map[string]string{"HOME": "/h"}, "/h/.local/share/omnibus/broker"},
		{"linux", map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/x"}, "/x/omnibus/broker"},
		{"darwin", map[string]string{"HOME": "/h"}, "/h/Library/Application Support/omnibus/broker"},
		{"windows", map[string]string{"LocalAppData": "/l"}, "/l/omnibus/broker"},
		{"linux", nil, ""},
	} {
		got, err := DataDir(func(name string) string { return test.env[name] }, test.goos)
		if filepath.ToSlash(got) != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s %v: %q, %v; want %q", test.goos, test.env, got, err, test.want)
		}
	}
}

func TestEverySettingHasAVariable(t *testing.T) {
	for setting, want := range map[string]string{
		"linger.ms": "OMNIBUS_LINGER_MS", "bootstrap.servers": "OMNIBUS_BOOTSTRAP_SERVERS",
		"max.in.flight.requests.per.connection": "OMNIBUS_MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION",
		"omnibus.close.timeout.ms":              "OMNIBUS_CLOSE_TIMEOUT_MS",
	} {
		if got := variable(setting); got != want {
			t.Errorf("%s: %s, want %s", setting, got, want)
		}
	}
	names := make(map[string]string)
	for _, property := range (omnibus.Config{}).Properties() {
		name := variable(property.Name)
		if other := names[name]; other != "" || name == brokersVariable || name == configVariable || name == dialectVariable {
			t.Errorf("%s and %s have the same variable", property.Name, other)
		}
		names[name] = property.Name
	}
}

const (
	canary     = "canary-password"
	saslScheme = "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n" +
		"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"" + canary + "\";\n"
)

func TestASecretIsNoArgumentInAnyDialect(t *testing.T) {
	for setting, dialect := range map[string]string{
		"sasl.password=" + canary: "librdkafka", "topic.sasl.password=" + canary: "librdkafka", "ssl.key.pem=" + canary: "librdkafka",
		"ssl.keystore.password=" + canary: "librdkafka", "sasl.oauthbearer.client.credentials.client.secret=" + canary: "librdkafka",
		"pass=" + canary: "rpk", "sasl.password= " + canary: "", "sasl.password:" + canary: "java",
	} {
		f, _ := factory(nil)
		_, err := (&Flags{Brokers: "a:1", Dialect: dialect, Settings: []string{setting}}).Open(t.Context(), f)
		refused := err != nil && (strings.Contains(err.Error(), "put it into the file of --config") || strings.Contains(err.Error(), `-X is "sasl.password…"`))
		if !refused || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %.30s…: %v", dialect, setting, err)
		}
	}
}

func TestASecretIsNoArgument(t *testing.T) {
	for setting, refused := range map[string]bool{
		"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=a password=" + canary + ";": true,
		"ssl.keystore.password=" + canary:   true,
		"ssl.truststore.location=ca.pem":    false,
		"security.protocol=SASL_PLAINTEXT ": false,
	} {
		f, _ := factory(nil)
		_, err := (&Flags{Brokers: "a:1", Settings: []string{setting}}).Open(t.Context(), f)
		if got := err != nil && strings.Contains(err.Error(), "command line"); got != refused || err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%.40s…: %v", setting, err)
		}
	}
}

// A key's file where one of settings is wanted is easily given, and what is said of it goes into logs.
func TestAKeyInPlaceOfAFileOfSettingsIsNotShown(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\noZlwv6JzYI61aKA44tyc0bxjY5+G9nT64sF6Adu2Kmy\nQkWx==\n-----END PRIVATE KEY-----\n"
	file := writeFile(t, key)
	for _, dialect := range []string{"", "java", "librdkafka", "rpk"} {
		f, _ := factory(nil)
		_, err := (&Flags{Brokers: "a:1", ConfigFile: file, Dialect: dialect}).Open(t.Context(), f)
		if err == nil {
			t.Errorf("%q: a key is taken for settings", dialect)
		}
		for _, part := range []string{"MIIE", "oZlw", "QkWx"} {
			if err != nil && strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v", dialect, err)
			}
		}
	}
}

func TestAFileWithASecretIsForItsOwnerAlone(t *testing.T) {
	for _, text := range []string{
		saslScheme,
		"security.protocol=sasl_ssl\nsasl.mechanisms=PLAIN\nsasl.username=alice\nsasl.password=" + canary + "\n",
		"kafka_api:\n  tls: {}\n  sasl: {user: alice, password: " + canary + ", mechanism: PLAIN}\n",
	} {
		isForItsOwnerAlone(t, writeFile(t, text))
	}
}

func TestTheFileThatASecretComesFromIsForItsOwnerAlone(t *testing.T) {
	secrets := writeFile(t, "p="+canary+"\n")
	file := writeFile(t, strings.ReplaceAll(saslScheme, canary, "${f:"+secrets+":p}")+"config.providers=f\n"+
		"config.providers.f.class=org.apache.kafka.common.config.provider.FileConfigProvider\nbootstrap.servers=a:1\n")
	if err := errors.Join(os.Chmod(file, 0o644), os.Chmod(secrets, 0o644)); err != nil {
		t.Fatal(err)
	}
	f, _ := factory(nil)
	target, err := (&Flags{ConfigFile: file}).Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if told := strings.Join(target.Notes, "\n"); !strings.Contains(told, "chmod o= "+secrets) || strings.Contains(told, file) {
		t.Errorf("notes %s, want one about %s alone", told, secrets)
	}
}

func isForItsOwnerAlone(t *testing.T, path string) {
	t.Helper()
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		f, stderr := factory(nil)
		target, err := (&Flags{Brokers: "a:1", ConfigFile: path}).Open(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprintf("%v%v%+v%#v", stderr, target.Notes, target.Config, target.Config)
		if strings.Contains(said, "can read it") != warned || strings.Contains(said, canary) {
			t.Errorf("mode %o: %v", mode, target.Notes)
		}
		for _, p := range target.Config.Properties() {
			if strings.Contains(p.Value, canary) {
				t.Errorf("%s shows it", p.Name)
			}
		}
	}
}

func TestOtherClientsGoTheSameWay(t *testing.T) {
	config, _, err := omnibus.ParseProperties(strings.NewReader(saslScheme + "bootstrap.servers=SASL_SSL://a:1,b:2\n"))
	if err != nil {
		t.Fatal(err)
	}
	options, err := ClientOptions(config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	brokers, _ := client.OptValue(kgo.SeedBrokers).([]string)
	mechanisms, _ := client.OptValue(kgo.SASL).([]sasl.Mechanism)
	if fmt.Sprint(brokers) != "[a:1 b:2]" || len(mechanisms) != 1 || mechanisms[0].Name() != "PLAIN" || client.OptValue(kgo.DialTLSConfig) == nil {
		t.Errorf("brokers %v, mechanisms %v", brokers, mechanisms)
	}
}

func TestTheEmbeddedBrokerNeedsNoSecurity(t *testing.T) {
	f, _ := factory(nil)
	target, err := (&Flags{Embedded: true, Data: t.TempDir(), ConfigFile: writeFile(t, saslScheme)}).Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if tls, mechanism, err := target.Config.Security(); tls != nil || mechanism != nil || err != nil {
		t.Errorf("%v, %v, %v", tls, mechanism, err)
	}
}
