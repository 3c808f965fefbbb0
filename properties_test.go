package omnibus

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSetReadsJavasValues(t *testing.T) {
	cases := []struct {
		name, value string
		want        func(c Config) bool
	}{
		{"linger.ms", "20", func(c Config) bool { return c.Linger == 20*time.Millisecond }},
		{"linger.ms", "0", func(c Config) bool { return c.Linger == None }},
		{"linger.ms", " +7\t", func(c Config) bool { return c.Linger == 7*time.Millisecond }},
		{"retries", "0", func(c Config) bool { return c.Retries == None }},
		{"batch.size", "0", func(c Config) bool { return c.BatchBytes == None }},
		{"max.block.ms", "9223372036854775807", func(c Config) bool { return c.MaxBlock > 100*365*24*time.Hour }},
		{"connections.max.idle.ms", "-1", func(c Config) bool { return c.ConnectionIdle == None }},
		{"send.buffer.bytes", "-1", func(c Config) bool { return c.SendBufferBytes == None }},
		{"partitioner.availability.timeout.ms", "0", func(c Config) bool { return c.AvailabilityTimeout == 0 }},
		{"compression.gzip.level", "-1", func(c Config) bool { return c.GzipLevel == None }},
		{"compression.zstd.level", "-1", func(c Config) bool { return c.ZstdLevel == -1 }},
		{"compression.zstd.level", "0", func(c Config) bool { return c.ZstdLevel == 0 }},
		{"buffer.memory", "67108864", func(c Config) bool { return c.BufferBytes == 64<<20 }},
		{"acks", "-1", func(c Config) bool { return c.Acks == AcksAll }},
		{"acks", "0", func(c Config) bool { return c.Acks == AcksNone }},
		{"compression.type", "zstd", func(c Config) bool { return c.Compression == CompressionZstd }},
		{"enable.idempotence", "TRUE", func(c Config) bool { return c.RequireIdempotence && !c.DisableIdempotence }},
		{"enable.idempotence", "false", func(c Config) bool { return !c.RequireIdempotence && c.DisableIdempotence }},
		{"partitioner.adaptive.partitioning.enable", "false", func(c Config) bool { return c.DisableAdaptive }},
		{"partitioner.ignore.keys", "true", func(c Config) bool { return c.IgnoreKeys }},
		{"bootstrap.servers", "a:1 , b:2", func(c Config) bool { return slices.Equal(c.Brokers, []string{"a:1", "b:2"}) }},
		{"client.id", " my app ", func(c Config) bool { return c.ClientID == "my app" }},
		{"client.dns.lookup", "resolve_canonical_bootstrap_servers_only", func(c Config) bool { return c.DNSLookup == DNSCanonicalBootstrap }},
		{"metadata.recovery.strategy", "NONE", func(c Config) bool { return c.MetadataRecovery == RecoveryNone }},
		{"security.protocol", "plaintext", func(Config) bool { return true }},
		{"omnibus.close.timeout.ms", "0", func(c Config) bool { return c.CloseTimeout == None }},
		{"omnibus.batch.size.max", "16384", func(c Config) bool { return c.BatchBytesMax == 16384 }},
		{"omnibus.halt.on.failure", "true", func(c Config) bool { return c.HaltOnFailure }},
	}
	for _, c := range cases {
		var config Config
		note, err := config.Set(c.name, c.value)
		if err != nil || note != "" || !c.want(config) {
			t.Errorf("%s=%s: note %q, error %v, config %+v", c.name, c.value, note, err, config)
		}
	}
}

func TestSetRefusesWhatJavaWouldAndWhatCannotWork(t *testing.T) {
	cases := []struct{ name, value, hint string }{
		{"linger.ms", "-1", "0 or more"},
		{"linger.ms", "5ms", "milliseconds"},
		{"linger.ms", "", "milliseconds"},
		{"retries", "-1", "from 0 to 2147483647"},
		{"retries", "2147483648", "from 0 to 2147483647"},
		{"request.timeout.ms", "0", "from 1 to 2147483647"},
		{"delivery.timeout.ms", "2147483648", "from 1"},
		{"buffer.memory", "0", "1 or more"},
		{"metadata.max.idle.ms", "4999", "5000 or more"},
		{"connections.max.idle.ms", "0", "or -1 for keeping idle connections"},
		{"send.buffer.bytes", "0", "or -1 for the operating system's size"},
		{"send.buffer.bytes", "-2", "or -1"},
		{"max.in.flight.requests.per.connection", "0", "from 1"},
		{"compression.gzip.level", "0", "from 1 to 9, or -1"},
		{"compression.lz4.level", "0", "from 1 to 17"},
		{"compression.zstd.level", "23", "from -131072 to 22"},
		{"enable.idempotence", "yes", "true or false"},
		{"partitioner.ignore.keys", "1", "true or false"},
		{"acks", "2", "one of all, 1, 0"},
		{"compression.type", "brotli", "zstd"},
		{"bootstrap.servers", "", "one host:port or more"},
		{"bootstrap.servers", "a:1,b", `for "b" a port`},
		{"bootstrap.servers", "a,b:x", `; for "b:x"`},
		{"security.protocol", "TLS", "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"},
		{"transactional.id", "t1", "transactions are not supported by this version"},
		{"sasl.mechanism", "CRAM-MD5", "SCRAM-SHA-256"},
		{"sasl.jaas.config", "alice:hunter2", "a login module and its options"},
		{"sasl.oauthbearer.token.endpoint.url", "http://idp.example/token", "an https address"},
		{"sasl.oauthbearer.assertion.file", "/x", "KIP-1139"},
		{"ssl.enabled.protocols", "TLSv1.1", "can be broken"},
		{"ssl.cipher.suites", "TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA"},
		{"ssl.endpoint.identification.algorithm", "none", "to turn it off"},
		{"metrics.num.samples", "two", "Java's type INT"},
		{"enable.metrics.push", "1", "Java's type BOOLEAN"},
		{"partitioner.class", "com.example.Mine", "Config.Partitioner"},
	}
	for _, c := range cases {
		config := Config{ClientID: "kept"}
		_, err := config.Set(c.name, c.value)
		var mistake *ConfigError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), c.hint) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s=%s: got %v, want a ConfigError with %q", c.name, c.value, err, c.hint)
		}
		if !slices.Equal(values(config), values(Config{ClientID: "kept"})) {
			t.Errorf("%s=%s: the refused value changed the configuration", c.name, c.value)
		}
	}
}

func TestSetNotesWhatChangesNothing(t *testing.T) {
	for name, value := range map[string]string{
		"key.serializer":               "org.apache.kafka.common.serialization.StringSerializer",
		"enable.metrics.push":          "true",
		"bootstrap.resolve.timeout.ms": "1000",
		"group.id":                     "g",
		"config.providers":             "file",
		"config.providers.file.class":  "x",
		"log.dirs":                     "/tmp",
		"schema.registry.url":          "http://localhost:8081",
	} {
		var c Config
		note, err := c.Set(name, value)
		if err != nil || note == "" {
			t.Errorf("%s: note %q, error %v; want a note", name, note, err)
		}
	}
}

func TestUnknownSettingsGetAGuess(t *testing.T) {
	for name, guess := range map[string]string{
		"linger.sm":                   "linger.ms",
		"lingerms":                    "linger.ms",
		"BATCH_SIZE":                  "batch.size",
		"compresion.type":             "compression.type",
		"bootstrap.severs":            "bootstrap.servers",
		"queue.buffering.max.ms":      "linger.ms",
		"message.timeout.ms":          "delivery.timeout.ms",
		"spring.kafka.producer.acks":  "acks",
		"producer.max.request.size":   "max.request.size",
		"MaxInFlight":                 "max.in.flight.requests.per.connection",
		"delivery.timeuot.ms":         "delivery.timeout.ms",
		"partitioner.availability.ms": "",
		"nothing.like.it.anywhere":    "",
	} {
		_, err := new(Config).Set(name, "secret-value")
		if err == nil {
			t.Errorf("%s was accepted", name)
			continue
		}
		if _, got, _ := strings.Cut(err.Error(), "did you mean "); strings.TrimSuffix(got, "?") != guess {
			t.Errorf("%s: guessed %q, want %q", name, got, guess)
		}
		if strings.Contains(err.Error(), "secret-value") {
			t.Errorf("%s: a value of unknown meaning is shown: %v", name, err)
		}
	}
}

func TestExplicitIdempotenceConflictsAsInJava(t *testing.T) {
	c := Config{Brokers: []string{"a:1"}}
	for name, value := range map[string]string{"enable.idempotence": "true", "acks": "1"} {
		if _, err := c.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if got := sortedFields(mistakes(c.Validate())); !slices.Equal(got, []string{"Acks"}) {
		t.Errorf("mistakes in %q, want Acks", got)
	}
}

func TestPartitionerNames(t *testing.T) {
	for name, want := range map[string]Partitioner{
		"org.apache.kafka.clients.producer.RoundRobinPartitioner":        RoundRobin(),
		"org.apache.kafka.clients.producer.internals.DefaultPartitioner": nil,
		"default":               nil,
		"murmur2_random":        nil,
		"round-robin":           RoundRobin(),
		"keyed-round-robin":     KeyedRoundRobin(),
		"sarama-hash":           SaramaHash(),
		"sarama-reference-hash": SaramaReferenceHash(),
		"consistent":            LibrdkafkaConsistent(),
		"consistent_random":     LibrdkafkaConsistentRandom(),
	} {
		c := Config{Partitioner: SaramaHash()}
		if _, err := c.Set("partitioner.class", name); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := partitionerName(&settings{Config: c})
		if want := partitionerName(&settings{Config: Config{Partitioner: want}}); got != want || c.IgnoreKeys {
			t.Errorf("%s: is %s (ignoring keys: %v), want %s", name, got, c.IgnoreKeys, want)
		}
		var back Config
		if _, err := back.Set("partitioner.class", got); err != nil {
			t.Errorf("%s calls itself %s, which is not understood: %v", name, got, err)
		}
	}
}

func TestPartitionersThatAreNotQuiteThereAreReadWithANote(t *testing.T) {
	for name, want := range map[string]struct {
		partitioner Partitioner
		ignoreKeys  bool
	}{
		"org.apache.kafka.clients.producer.UniformStickyPartitioner":     {nil, true},
		"org.apache.kafka.clients.producer.internals.DefaultPartitioner": {nil, false},
		"random":  {nil, true},
		"murmur2": {nil, false},
		"fnv1a":   {SaramaHash(), false},
	} {
		c := Config{Partitioner: RoundRobin()}
		note, err := c.Set("partitioner.class", name)
		got, wanted := partitionerName(&settings{Config: c}), partitionerName(&settings{Config: Config{Partitioner: want.partitioner}})
		if err != nil || note == "" || got != wanted || c.IgnoreKeys != want.ignoreKeys {
			t.Errorf("%s: note %q, error %v, %s, ignoring keys %v; want %s, %v and a note", name, note, err, got, c.IgnoreKeys, wanted, want.ignoreKeys)
		}
	}
}

func TestParsePropertiesReadsAWholeFile(t *testing.T) {
	file := "\uFEFF# producer\r\n" +
		"bootstrap.servers = a:1,\\\r\n" +
		"      b:2\r" +
		"! comment too \\\n" +
		"acks:1\n" +
		"   linger.ms   7\n" +
		"key.serializer=x\n" +
		"linger.ms=9\n" +
		"client\\.id=caf\\u00e9 \\uD83D\\uDE8C\n"
	c, notes, err := ParseProperties(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Brokers, []string{"a:1", "b:2"}) || c.Acks != AcksLeader || c.Linger != 9*time.Millisecond || c.ClientID != "café 🚌" {
		t.Errorf("read %+v", c)
	}
	if len(notes) != 2 || notes[0].Line != 6 || notes[0].Name != "linger.ms" || notes[1].Line != 7 {
		t.Errorf("notes %v, want one on line 6 (set again) and one on line 7 (no effect)", notes)
	}
	if got := notes[0].String(); got != "line 6: linger.ms: line 8 sets it again, and the last one holds" {
		t.Errorf("note reads %q", got)
	}
}

func TestParsePropertiesReportsEveryMistakeWithItsLine(t *testing.T) {
	file := "acks=5\n\nlinger.ms=\\\n  soon\nlinger.sm=1\nclient.id=\\u12\n=x\nsasl.jaas.config=user:hunter2\nbatch.size=1000\n"
	c, _, err := ParseProperties(strings.NewReader(file))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	starts := []string{"line 1: Acks (acks)", "line 3: Linger", "line 5: ", `line 6: \u is no character`, "line 7: a value without a name", "line 8: sasl.jaas.config is [hidden]"}
	if len(lines) != len(starts) {
		t.Fatalf("%d mistakes, want %d:\n%v", len(lines), len(starts), err)
	}
	for i, start := range starts {
		if !strings.HasPrefix(lines[i], start) {
			t.Errorf("got %q, want %q", lines[i], start)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a password is shown")
	}
	if c.BatchBytes != 1000 {
		t.Error("a setting that was right is missing")
	}
	if len(mistakes(err)) == 0 {
		t.Error("errors.As finds no ConfigError")
	}
}

func TestPropertyEncodings(t *testing.T) {
	c, notes, err := ParseProperties(strings.NewReader("client.id=caf\xe9"))
	if err != nil || c.ClientID != "café" || len(notes) > 0 {
		t.Errorf("ISO-8859-1: %q, %v, %v", c.ClientID, notes, err)
	}
	c, notes, err = ParseProperties(strings.NewReader("client.id=café"))
	if err != nil || c.ClientID != "café" || len(notes) != 1 {
		t.Errorf("UTF-8: %q, %v, %v; want a note", c.ClientID, notes, err)
	}
	if _, _, err = ParseProperties(strings.NewReader("\xff\xfea\x00")); err == nil {
		t.Error("UTF-16 was read")
	}
	if _, _, err = ParseProperties(strings.NewReader(strings.Repeat("#", propertiesBytesMax+1))); err == nil {
		t.Error("a file without end was read")
	}
}

func TestParsePropertiesReportsAReadersError(t *testing.T) {
	broken := errors.New("broken")
	if _, _, err := ParseProperties(brokenReader{broken}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func FuzzParseProperties(f *testing.F) {
	f.Add("acks=all\nlinger.ms : 5\n\\u0041 = b\\\n c")
	f.Add("a=\\uD83D\\uDE8C\\")
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := ParseProperties(strings.NewReader(text))
		for _, mistake := range mistakes(err) {
			if mistake.Want == "" {
				t.Errorf("%v does not say what is wanted", mistake)
			}
		}
		_ = c.Validate() // Must not panic, whatever was set.
		_ = c.Properties()
	})
}

func TestNotesAreThoseOfOpen(t *testing.T) {
	if notes := (Config{}).Notes(); len(notes) > 0 {
		t.Errorf("the zero value has notes: %v", notes)
	}
	notes := Config{Acks: AcksLeader}.Notes()
	if len(notes) != 1 || notes[0].Name != "enable.idempotence" {
		t.Errorf("notes %v, want one about enable.idempotence", notes)
	}
}
