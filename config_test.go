package omnibus

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func resolved(t *testing.T, c Config) (*settings, []Note) {
	t.Helper()
	if c.Brokers == nil {
		c.Brokers = []string{"localhost:9092"}
	}
	s, notes, err := newSettings(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, notes
}

func noteOn(notes []Note, name string) bool {
	return slices.ContainsFunc(notes, func(n Note) bool { return n.Name == name })
}

func TestZeroConfigIsJavasDefaultsWithoutANote(t *testing.T) {
	s, notes := resolved(t, Config{})
	if len(notes) > 0 {
		t.Errorf("notes %v, want none", notes)
	}
	checks := map[string][2]any{
		"linger":           {s.Linger, 5 * time.Millisecond},
		"batch":            {s.BatchBytes, 16384},
		"batch max":        {s.BatchBytesMax, 1 << 20},
		"buffer":           {s.BufferBytes, int64(32 << 20)},
		"in flight":        {s.MaxInFlight, 5},
		"delivery timeout": {s.DeliveryTimeout, 2 * time.Minute},
		"idempotent":       {s.anyTopic.idempotent, true},
		"lz4 level":        {s.LZ4Level, 9},
		"gzip level":       {s.GzipLevel, -1},
		"client id":        {s.ClientID, "omnibus"},
	}
	for name, c := range checks {
		if c[0] != c[1] {
			t.Errorf("%s is %v, want %v", name, c[0], c[1])
		}
	}
	if s.Logger == nil {
		t.Error("no logger: failures that nobody looks at would be silent")
	}
}

func TestNoneIsJavasZero(t *testing.T) {
	s, _ := resolved(t, Config{Linger: None, MaxBlock: None, Retries: None, RetryBackoff: None, CloseTimeout: None, BatchBytes: None, RebootstrapTrigger: None})
	if s.Linger != 0 || s.MaxBlock != 0 || s.Retries != 0 || s.RetryBackoff != 0 || s.CloseTimeout != 0 || s.RebootstrapTrigger != 0 {
		t.Errorf("None left something: %+v", s.Config)
	}
	if s.BatchBytes != 1 || s.BatchBytesMax != 1 {
		t.Errorf("batches of %d to %d bytes, want 1: one record a batch", s.BatchBytes, s.BatchBytesMax)
	}
	kept, _ := resolved(t, Config{SendBufferBytes: None, ReceiveBufferBytes: None, ConnectionIdle: None})
	if kept.SendBufferBytes != None || kept.ReceiveBufferBytes != None || kept.ConnectionIdle != None {
		t.Errorf("Java's -1 was not kept: %+v", kept.Config)
	}
}

func TestWhatTurnsIdempotenceOffIsNoted(t *testing.T) {
	for name, c := range map[string]Config{
		"acks=1":    {Acks: AcksLeader},
		"acks=0":    {Acks: AcksNone},
		"no retry":  {Retries: None},
		"in flight": {Acks: AcksLeader, MaxInFlight: 10},
	} {
		s, notes := resolved(t, c)
		if !s.DisableIdempotence || s.anyTopic.idempotent || !noteOn(notes, "enable.idempotence") {
			t.Errorf("%s: disabled %v, notes %v; want it off, with a note", name, s.DisableIdempotence, notes)
		}
	}
	if s, notes := resolved(t, Config{Acks: AcksLeader, DisableIdempotence: true}); len(notes) > 0 || s.anyTopic.idempotent {
		t.Errorf("notes %v, want none: it was said", notes)
	}
}

func TestATopicMayKeepIdempotenceThatTheOthersDoWithout(t *testing.T) {
	s, _ := resolved(t, Config{Acks: AcksLeader, Topics: map[string]TopicConfig{"orders": {Acks: new(AcksAll)}, "clicks": {}}})
	if !s.topic("orders").idempotent || s.topic("clicks").idempotent || s.topic("else").idempotent {
		t.Error("idempotence does not follow the topic's acks")
	}
	s, _ = resolved(t, Config{Topics: map[string]TopicConfig{"clicks": {Acks: new(AcksNone)}}})
	if s.topic("clicks").idempotent || !s.topic("else").idempotent {
		t.Error("idempotence does not follow the topic's acks")
	}
}

func TestDefaultDeliveryTimeoutGivesWay(t *testing.T) {
	s, notes := resolved(t, Config{RequestTimeout: 5 * time.Minute})
	if want := 5*time.Minute + 5*time.Millisecond; s.DeliveryTimeout != want || !noteOn(notes, "delivery.timeout.ms") {
		t.Errorf("delivery timeout %v, notes %v; want %v and a note", s.DeliveryTimeout, notes, want)
	}
}

func TestBackoffsFollowJavasRules(t *testing.T) {
	s, _ := resolved(t, Config{ReconnectBackoff: 3 * time.Second})
	if s.ReconnectBackoffMax != 3*time.Second {
		t.Errorf("reconnect backoff grows to %v, want a constant 3s when it is set alone", s.ReconnectBackoffMax)
	}
	s, notes := resolved(t, Config{RetryBackoff: 5 * time.Second})
	if s.RetryBackoff != time.Second || !noteOn(notes, "retry.backoff.ms") {
		t.Errorf("retry backoff %v, notes %v; want the maximum, 1s, and a note", s.RetryBackoff, notes)
	}
	s, _ = resolved(t, Config{MetadataMaxAge: None, RetryBackoff: 20 * time.Millisecond})
	if s.MetadataMaxAge != 20*time.Millisecond {
		t.Errorf("metadata is refreshed every %v, want every retry backoff", s.MetadataMaxAge)
	}
}

func TestBatchBytesMaxDefaultKeepsToItsNeighbours(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   int
	}{
		{Config{MaxRequestBytes: 4 << 20}, 4 << 20},
		{Config{BufferBytes: 1 << 20}, 512 << 10},
		{Config{BatchBytes: 2 << 20}, 2 << 20},
		{Config{BatchBytes: 16384, BatchBytesMax: 16384}, 16384},
	} {
		if s, _ := resolved(t, c.config); s.BatchBytesMax != c.want {
			t.Errorf("%d, want %d", s.BatchBytesMax, c.want)
		}
	}
}

func TestBrokersArePlainAndNamedOnce(t *testing.T) {
	s, notes := resolved(t, Config{Brokers: []string{"a:9092", "PLAINTEXT://B.example:9092", " b.EXAMPLE:9092 ", "[::1]:9092"}})
	if want := []string{"a:9092", "B.example:9092", "[::1]:9092"}; !slices.Equal(s.Brokers, want) {
		t.Errorf("brokers %q, want %q", s.Brokers, want)
	}
	if !noteOn(notes, "bootstrap.servers") {
		t.Error("no note about the broker named twice")
	}
}

func TestTopicInheritsWhatItDoesNotSet(t *testing.T) {
	s, _ := resolved(t, Config{Compression: CompressionZstd, ZstdLevel: 7, GzipLevel: 4, Linger: time.Second, Topics: map[string]TopicConfig{
		"plain": {},
		"own":   {Compression: new(CompressionGzip), Linger: None, BatchBytes: 2 << 20, DeliveryTimeout: time.Hour},
		"level": {CompressionLevel: 12},
		"alone": {BatchBytes: None},
	}})
	base := topicSettings{AcksAll, true, CompressionZstd, 7, time.Second, 16384, 1 << 20, 2 * time.Minute}
	own, level, alone := base, base, base
	own.codec, own.level, own.linger, own.batchBytes, own.batchBytesMax, own.deliveryTimeout = CompressionGzip, 4, 0, 2<<20, 2<<20, time.Hour
	level.level = 12
	alone.batchBytes, alone.batchBytesMax = 1, 1
	for name, want := range map[string]topicSettings{"plain": base, "own": own, "level": level, "alone": alone, "unnamed": base} {
		if got := *s.topic(name); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestInheritedDeliveryTimeoutGivesWayToATopicsLinger(t *testing.T) {
	s, notes := resolved(t, Config{Topics: map[string]TopicConfig{"slow": {Linger: 10 * time.Minute}}})
	if want := 10*time.Minute + 30*time.Second; s.topic("slow").deliveryTimeout != want || !noteOn(notes, "delivery.timeout.ms") {
		t.Errorf("got %v and %v, want %v and a note", s.topic("slow").deliveryTimeout, notes, want)
	}
}

func TestSettingsDoNotShareTheCallersSlices(t *testing.T) {
	c := Config{Brokers: []string{"a:1"}, Topics: map[string]TopicConfig{"x": {}}}
	s, _ := resolved(t, c)
	c.Brokers[0] = "changed:1"
	delete(c.Topics, "x")
	if s.Brokers[0] != "a:1" || len(s.Topics) != 1 {
		t.Error("a change after Open reached the settings")
	}
}

func TestEnumsReadWhatTheyWrite(t *testing.T) {
	roundTrip(t, []Acks{AcksAll, AcksLeader, AcksNone}, acksNames)
	roundTrip(t, []Compression{CompressionNone, CompressionGzip, CompressionSnappy, CompressionLZ4, CompressionZstd}, compressionNames)
	roundTrip(t, []MetadataRecovery{RecoveryRebootstrap, RecoveryNone}, recoveryNames)
	roundTrip(t, []DNSLookup{DNSAllAddresses, DNSCanonicalBootstrap}, dnsNames)
	var acks Acks = AcksNone
	if err := acks.UnmarshalText([]byte(" -1 ")); err != nil || acks != AcksAll {
		t.Errorf("-1 is %v, %v; want all", acks, err)
	}
	if got := Acks(9).String(); got != "unknown(9)" {
		t.Errorf("got %q", got)
	}
}

func roundTrip[T interface {
	~int8
	flagValue
}, P interface {
	*T
	UnmarshalText([]byte) error
}](t *testing.T, values []T, names []string) {
	t.Helper()
	if len(values) != len(names) {
		t.Errorf("%d values and %d names", len(values), len(names))
	}
	for i, v := range values {
		text, err := v.MarshalText()
		if err != nil || string(text) != names[i] {
			t.Errorf("%v is written %q (%v), want %q", v, text, err, names[i])
		}
		var back T
		if err := P(&back).UnmarshalText([]byte(" " + strings.ToUpper(names[i]))); err != nil || back != v {
			t.Errorf("%q is read as %v (%v), want %v", text, back, err, v)
		}
	}
	back := values[len(values)-1]
	if err := P(&back).UnmarshalText([]byte("nonsense")); err == nil || back != values[len(values)-1] {
		t.Errorf("nonsense was read as %v, %v", back, err)
	}
}

type flagValue interface{ MarshalText() ([]byte, error) }

func TestEnumsAreFlags(t *testing.T) {
	var codec Compression
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.TextVar(&codec, "compression", CompressionNone, "")
	if err := flags.Parse([]string{"-compression", "zstd"}); err != nil || codec != CompressionZstd {
		t.Errorf("got %v, %v", codec, err)
	}
}

// configDocs is the doc comment of every field of Config, on one line each.
func configDocs(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			docs[field.Names[0].Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
		}
		return false
	})
	return docs
}

func TestEveryFieldsDocTellsDefaultAndJavaName(t *testing.T) {
	docs := configDocs(t)
	for field := range reflect.TypeFor[Config]().Fields() {
		if !field.IsExported() {
			continue
		}
		doc := docs[field.Name]
		if !strings.Contains(doc, "Java: ") && field.Name != "Topics" {
			t.Errorf("%s: its doc names no Java setting", field.Name)
		}
		if !strings.Contains(doc, "efault") {
			t.Errorf("%s: its doc tells no default", field.Name)
		}
	}
	for _, key := range javaKeys {
		if key.field != "" && !strings.Contains(docs[key.field], key.name) {
			t.Errorf("%s: its doc lacks its Java name %s", key.field, key.name)
		}
	}
}

func TestEveryNumbersDocTellsTheDefaultThatHolds(t *testing.T) {
	docs := configDocs(t)
	wantDefault := func(field, def string) {
		if doc := docs[field]; !strings.Contains(doc, "Default "+def) {
			t.Errorf("%s: its doc lacks %q: %s", field, "Default "+def, doc)
		}
	}
	for _, l := range durationLimits {
		if l.def > 0 {
			wantDefault(l.field, plainDuration(l.def))
		}
	}
	for _, l := range countLimits {
		if l.def != 0 {
			wantDefault(l.field, fmt.Sprint(l.def))
		}
	}
	for _, l := range byteLimits {
		wantDefault(l.field, fmt.Sprint(l.def))
	}
}

func TestEveryNumberOfConfigHasALimit(t *testing.T) {
	limited := make(map[string]bool)
	for _, l := range byteLimits {
		limited[l.field] = true
	}
	for _, l := range durationLimits {
		limited[l.field] = true
	}
	for _, l := range countLimits {
		limited[l.field] = true
	}
	for field := range reflect.TypeFor[Config]().Fields() {
		switch field.Type {
		case reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[time.Duration]():
			if !limited[field.Name] {
				t.Errorf("%s is in no table of limits", field.Name)
			}
		}
	}
}

func TestPlainDurationDropsZeroes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 5 * time.Millisecond: "5ms", time.Minute: "1m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m",
		2 * time.Hour: "2h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := plainDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// mistakes is every ConfigError inside err, by field.
func mistakes(err error) map[string]*ConfigError {
	found := map[string]*ConfigError{}
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case nil:
		case *ConfigError:
			found[e.Field] = e
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		default:
			walk(errors.Unwrap(err))
		}
	}
	walk(err)
	return found
}

func sortedFields(found map[string]*ConfigError) []string { return slices.Sorted(maps.Keys(found)) }
