package dialect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus"
)

// lines are settings, name=value, of which the origin is what and a number.
func lines(what string, texts ...string) []Setting {
	var said []Setting
	for i, text := range texts {
		name, value, _ := strings.Cut(text, "=")
		said = append(said, Setting{name, value, fmt.Sprintf("%s:%d", what, i+1)})
	}
	return said
}

// values are the settings that hold at the end, name=value.
func values(readings ...Reading) map[string]string {
	last := make(map[string]string)
	for _, r := range readings {
		for _, s := range r.Settings {
			last[s.Name] = s.Value
		}
	}
	return last
}

func TestWhatFlagsSayIsPutTogetherWithWhatTheFileSays(t *testing.T) {
	for _, test := range []struct {
		name  string
		in    Dialect
		file  []string
		flags []string
		below map[string]string // of the file alone
		above map[string]string // what the flags change
	}{
		{"another user", Librdkafka, []string{"sasl.mechanism=PLAIN", "sasl.username=alice", "sasl.password=x"}, []string{"sasl.username=bob"},
			map[string]string{"sasl.jaas.config": plainModule + ` required username="alice" password="x";`},
			map[string]string{"sasl.jaas.config": plainModule + ` required username="bob" password="x";`}},
		{"another mechanism", Librdkafka, []string{"sasl.mechanism=PLAIN", "sasl.username=alice", "sasl.password=x"}, []string{"sasl.mechanisms=SCRAM-SHA-256"},
			nil, map[string]string{"sasl.mechanism": "SCRAM-SHA-256", "sasl.jaas.config": scramModule + ` required username="alice" password="x";`}},
		{"another alias", Librdkafka, []string{"message.send.max.retries=3"}, []string{"retries=4"}, map[string]string{"retries": "3"}, map[string]string{"retries": "4"}},
		{"nothing changed", Librdkafka, []string{"acks=1"}, []string{"client.id=x"}, map[string]string{"acks": "1", "partitioner.class": "consistent_random"}, map[string]string{"client.id": "x"}},
		{"the partitioner", Librdkafka, nil, []string{"partitioner=murmur2_random"}, nil, map[string]string{"partitioner.class": "murmur2_random"}},
		{"a level for the file's codec", Librdkafka, []string{"compression.codec=zstd"}, []string{"compression.level=5"}, nil, map[string]string{"compression.zstd.level": "5"}},
		{"idempotence off for more in flight", Librdkafka, []string{"max.in.flight=100"}, []string{"enable.idempotence=false"},
			map[string]string{"max.in.flight.requests.per.connection": "5"},
			map[string]string{"enable.idempotence": "false", "max.in.flight.requests.per.connection": "100"}},
		{"names of Java's beside", Librdkafka, nil, []string{"max.block.ms=5", "omnibus.batch.size.max=9"}, nil, map[string]string{"max.block.ms": "5", "omnibus.batch.size.max": "9"}},
		{"rpk's user", Rpk, []string{"brokers=a", "tls.enabled=true", "sasl.mechanism=scram-sha-256", "user=alice", "pass=x"}, []string{"user=bob", "linger.ms=7"},
			map[string]string{"bootstrap.servers": "a:9092", "security.protocol": "SASL_SSL"},
			map[string]string{"linger.ms": "7", "sasl.jaas.config": scramModule + ` required username="bob" password="x";`}},
		{"rpk's TLS off", Rpk, []string{"brokers=a:1", "tls.enabled=true"}, []string{"tls.enabled=false"}, map[string]string{"security.protocol": "SSL"}, map[string]string{"security.protocol": "PLAINTEXT"}},
		{"Java's own", Java, []string{"acks=1"}, []string{"acks=all"}, map[string]string{"acks": "1"}, map[string]string{"acks": "all"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			below, above := test.in.Translate(lines("file", test.file...), lines("-X", test.flags...))
			if len(below.Mistakes)+len(above.Mistakes) > 0 {
				t.Fatalf("mistakes %v, %v", below.Mistakes, above.Mistakes)
			}
			for name, want := range test.below {
				if got := values(below)[name]; got != want {
					t.Errorf("the file's %s is %q, want %q", name, got, want)
				}
			}
			for name, want := range test.above {
				if got := values(above)[name]; got != want {
					t.Errorf("the flags' %s is %q, want %q", name, got, want)
				}
			}
			for _, s := range above.Settings {
				if !strings.HasPrefix(s.Origin, "-X:") {
					t.Errorf("%s comes from %s, and no flag has a part in it", s.Name, s.Origin)
				}
			}
		})
	}
}

func TestTimesOfLibrdkafkaFitJavasRules(t *testing.T) {
	for _, test := range []struct {
		said              []string
		delivery, request string // empty for the default
	}{
		{nil, "", ""},
		{[]string{"message.timeout.ms=5000"}, "5000", "4995"},
		{[]string{"message.timeout.ms=5000", "linger.ms=100.5"}, "5000", "4899"},
		{[]string{"message.timeout.ms=40000"}, "40000", ""},
		{[]string{"delivery.timeout.ms=40000", "socket.timeout.ms=60000"}, "40000", "39995"},
		{[]string{"request.timeout.ms=1000"}, "", "1000"},
		{[]string{"topic.request.timeout.ms=1000", "socket.timeout.ms=2000"}, "", "2000"},
		{[]string{"message.timeout.ms=0"}, "2147483647", ""},
		{[]string{"message.timeout.ms=soon"}, "soon", ""},
	} {
		below, _ := Librdkafka.Translate(lines("file", test.said...), nil)
		got := values(below)
		if got["delivery.timeout.ms"] != test.delivery || got["request.timeout.ms"] != test.request {
			t.Errorf("%q: delivery %q and request %q, want %q and %q", test.said, got["delivery.timeout.ms"], got["request.timeout.ms"], test.delivery, test.request)
		}
	}
}

// TestNothingOfLibrdkafkasIsDroppedWithoutAWord gives each setting a value of its own, and wants it in a setting, a note or a
// mistake.
func TestNothingOfLibrdkafkasIsDroppedWithoutAWord(t *testing.T) {
	together := map[string][]string{ // what a setting says nothing without
		"compression.level":           {"compression.codec=lz4"},
		"sasl.username":               {"sasl.mechanism=PLAIN", "sasl.password=x"},
		"sasl.password":               {"sasl.mechanism=PLAIN", "sasl.username=x"},
		"sasl.kerberos.keytab":        {"sasl.mechanism=GSSAPI"},
		"sasl.kerberos.principal":     {"sasl.mechanism=GSSAPI"},
		"sasl.oauthbearer.extensions": {"sasl.mechanism=OAUTHBEARER"},
		"https.ca.location":           {"sasl.mechanism=OAUTHBEARER"},
		"https.ca.pem":                {"sasl.mechanism=OAUTHBEARER"},
	}
	for _, name := range Librdkafka.Settings() {
		below, _ := Librdkafka.Translate(lines("file", append(slices.Clone(together[name]), name+"=a=7")...), nil)
		said := slices.ContainsFunc(below.Settings, func(s Setting) bool { return strings.Contains(s.Value, "7") })
		if !said && len(below.Notes)+len(below.Mistakes) == 0 {
			t.Errorf("%s is dropped: %+v", name, below)
		}
	}
}

func TestRulesLeadToSettingsThatThereAre(t *testing.T) {
	known := (omnibus.Config{}).Properties()
	is := func(name string) bool {
		return slices.ContainsFunc(known, func(p omnibus.Property) bool { return p.Name == name })
	}
	for _, v := range []*vocabulary{librdkafka(), rpk()} {
		for name, r := range v.rules {
			if r.to != "" && !is(r.to) {
				t.Errorf("%s of %s leads to %q", name, v.owner, r.to)
			}
			if target, ok := v.rules[r.alias]; r.alias != "" && (!ok || target.alias != "") {
				t.Errorf("%s of %s is an alias of %q", name, v.owner, r.alias)
			}
		}
		for _, name := range v.secrets {
			if _, ok := v.rules[name]; !ok && !is(name) {
				t.Errorf("%s has no setting %q to keep secret", v.owner, name)
			}
		}
	}
	for name := range librdkafkaDefaults {
		if !is(name) {
			t.Errorf("a default of %q", name)
		}
	}
}

func TestADialectIsRecognizedByNamesThatOnlyItHas(t *testing.T) {
	for _, test := range []struct {
		text    string
		want    Dialect
		certain bool
	}{
		{"bootstrap.servers=a:1\nlinger.ms=5\nacks=all\ngroup.id=g\nomnibus.halt.on.failure=true\n", Java, false},
		{"", Java, false},
		{"bootstrap.servers=a:1\nmax.block.ms=5\n", Java, true},
		{"bootstrap.servers=a:1\n\\\n sasl.jaas.config = x\n", Java, true},
		{"bootstrap.servers=a:1\nvalue.deserializer=x\n", Java, true},
		{"# linger\nmetadata.broker.list=a\n", Librdkafka, true},
		{"topic.acks=1\n", Librdkafka, true},
		{"bootstrap.servers=a:1\nssl.endpoint.identification.algorithm=none\n", Librdkafka, true},
		{"bootstrap.servers=a:1\nssl.endpoint.identification.algorithm=https\n", Java, false},
		{"profiles:\n  - name: a\n", Rpk, true},
		{"name: x\nkafka_api:\n    brokers: [a:1]\n", Rpk, true},
	} {
		if got, certain, err := Recognize(test.text); got != test.want || certain != test.certain || err != nil {
			t.Errorf("%q is %s, certain %t, error %v; want %s, %t", test.text, got, certain, err, test.want, test.certain)
		}
	}
}

// FuzzRead checks that no file, however broken, does more than make mistakes, and that these do not quote it.
func FuzzRead(f *testing.F) {
	f.Add("metadata.broker.list=a\nsasl.password=b\n", "librdkafka")
	f.Add("profiles:\n- name: &a x\n  kafka_api: {brokers: [*a], sasl: {password: *b}}\n", "rpk")
	f.Add("profiles: {a: b}\ncurrent_profile: [x]\n", "rpk")
	f.Add("kafka_api: [1]\nrpk: 7\n", "rpk")
	f.Add("a=b\\\n=c\\u00", "java")
	f.Fuzz(func(t *testing.T, text, name string) {
		d, err := Named(name)
		if err != nil {
			return
		}
		if d == Auto {
			d, _, _ = Recognize(text)
		}
		said, _ := d.Read(text, func(line int) string { return fmt.Sprint("f:", line) })
		d.Translate(said, nil)
		d.Translate(nil, said)
	})
}
