package omnibus

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// javaFact is a row of testdata/java-configs.tsv, which was read from the Java client's own definitions.
type javaFact struct{ name, typ, def string }

func javaFacts(t *testing.T) []javaFact {
	t.Helper()
	data, err := os.ReadFile("testdata/java-configs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var facts []javaFact
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if i == 0 {
			continue
		}
		columns := strings.Split(line, "\t")
		facts = append(facts, javaFact{columns[0], columns[1], strings.Trim(columns[2], `"`)})
	}
	if len(facts) != 120 {
		t.Fatalf("%d settings in the file, want 120", len(facts))
	}
	return facts
}

func TestEveryJavaSettingIsDecided(t *testing.T) {
	for _, fact := range javaFacts(t) {
		key := javaKeyNamed(fact.name)
		if key == nil {
			t.Errorf("%s: not in the table", fact.name)
			continue
		}
		def := fact.def
		if own, ok := otherDefaults()[fact.name]; ok {
			def = own
		}
		if key.typ != fact.typ || key.def != def {
			t.Errorf("%s: type %s and default %q, want %s and %q", fact.name, key.typ, key.def, fact.typ, def)
		}
		if honoured := key.support == Honoured; honoured != (key.set != nil && key.get != nil) || honoured != (key.why == "") {
			t.Errorf("%s: is %v, but its row says otherwise", fact.name, key.support)
		}
	}
}

func TestTableHoldsNothingTwiceAndNothingInvented(t *testing.T) {
	known := map[string]bool{}
	for _, fact := range javaFacts(t) {
		known[fact.name] = true
	}
	seen := map[string]bool{}
	for _, key := range javaKeys {
		if seen[key.name] {
			t.Errorf("%s stands in the table twice", key.name)
		}
		seen[key.name] = true
		if !known[key.name] && !strings.HasPrefix(key.name, "omnibus.") {
			t.Errorf("%s is no setting of Java's", key.name)
		}
	}
}

// otherDefaults are the settings whose default is not Java's, each by a decision of its own.
func otherDefaults() map[string]string {
	return map[string]string{"send.buffer.bytes": "524288"} // docs/adr/0013
}

func TestHonouredDefaultsAreJavas(t *testing.T) {
	got := map[string]Property{}
	for _, p := range (Config{}).Properties() {
		got[p.Name] = p
	}
	// Java's default here is to make a name up, and to refuse to start.
	ours := map[string]string{"client.id": "omnibus", "bootstrap.servers": ""}
	for _, fact := range javaFacts(t) {
		want, def := fact.def, fact.def
		if own, ok := ours[fact.name]; ok {
			want = own
		} else if own, ok := otherDefaults()[fact.name]; ok {
			want, def = own, own
		}
		if p := got[fact.name]; p.Value != want || p.Default != def {
			t.Errorf("%s: value %q and default %q, want %q and %q", fact.name, p.Value, p.Default, want, def)
		}
	}
}

func TestSettingADefaultChangesNothingThatHolds(t *testing.T) {
	for _, fact := range javaFacts(t) {
		key := javaKeyNamed(fact.name)
		if key == nil || key.support == Refused && fact.def == "null" || fact.def == "(required)" {
			continue
		}
		value := fact.def
		if key.support == NoEffect && value == "null" {
			value = "" // Java has no way to write null; such settings are left out.
			if key.typeFault(value) != "" {
				continue
			}
		}
		var c Config
		if _, err := c.Set(fact.name, value); err != nil {
			t.Errorf("%s=%s: %v", fact.name, value, err)
			continue
		}
		if fact.name == "reconnect.backoff.ms" {
			continue // Set alone it is a constant, whatever its value.
		}
		if otherDefaults()[fact.name] != "" {
			continue // Java's default is a value like others.
		}
		if got, want := values(c), values(Config{}); !slices.Equal(got, want) && fact.name != "client.id" {
			t.Errorf("%s=%s changed the settings:\n%q\n%q", fact.name, value, got, want)
		}
	}
}

func values(c Config) []string {
	var list []string
	for _, p := range c.Properties() {
		list = append(list, p.Name+"="+p.Value)
	}
	return list
}

func TestPropertiesAreAFileThatIsReadBack(t *testing.T) {
	c := Config{Brokers: []string{"a:1", "b:2"}, ClientID: "x", Acks: AcksLeader, Compression: CompressionZstd, ZstdLevel: -7,
		Linger: None, Retries: None, BatchBytes: 1 << 15, ConnectionIdle: None, SendBufferBytes: None, HaltOnFailure: true,
		Partitioner: RoundRobin(), DisableAdaptive: true, MetadataRecovery: RecoveryNone, Rack: "r1", RackAware: true}
	var file strings.Builder
	for _, p := range c.Properties() {
		if p.Support == Honoured {
			file.WriteString(p.Name + "=" + p.Value + "\n")
		}
	}
	back, notes, err := ParseProperties(strings.NewReader(file.String()))
	if err != nil || len(notes) > 0 {
		t.Fatalf("%v, %v", notes, err)
	}
	if got, want := values(back), values(c); !slices.Equal(got, want) {
		t.Errorf("read back\n%q\nwant\n%q", got, want)
	}
}

func TestPropertiesAreSortedAndComplete(t *testing.T) {
	list := (Config{}).Properties()
	if len(list) != len(javaKeys) {
		t.Errorf("%d rows, want %d", len(list), len(javaKeys))
	}
	if !slices.IsSortedFunc(list, func(a, b Property) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted by name")
	}
}

func TestSupportIsNamed(t *testing.T) {
	for support, want := range map[Support]string{Honoured: "honoured", NoEffect: "no effect", Refused: "refused", 9: "unknown(9)"} {
		if got := support.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
