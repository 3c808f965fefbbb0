package omnibus

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestValidateNamesWhatIsWrong holds one mistake, or the few that belong together, a row.
func TestValidateNamesWhatIsWrong(t *testing.T) {
	topic := func(own TopicConfig) Config { return Config{Topics: map[string]TopicConfig{"t": own}} }
	cases := map[string]struct {
		config Config
		fields []string
	}{
		"sound":                                {Config{}, nil},
		"negative linger":                      {Config{Linger: -time.Second}, []string{"Linger"}},
		"None where it means nothing":          {Config{RequestTimeout: None, MaxInFlight: None}, []string{"MaxInFlight", "RequestTimeout"}},
		"short metadata idle":                  {Config{MetadataMaxIdle: time.Second}, []string{"MetadataMaxIdle"}},
		"time beyond Java's INT":               {Config{DeliveryTimeout: 30 * 24 * time.Hour}, []string{"DeliveryTimeout"}},
		"gzip level":                           {Config{GzipLevel: 10}, []string{"GzipLevel"}},
		"gzip library default":                 {Config{GzipLevel: -1}, nil},
		"lz4 level":                            {Config{LZ4Level: 18}, []string{"LZ4Level"}},
		"lz4 negative level":                   {Config{LZ4Level: -1}, []string{"LZ4Level"}},
		"zstd levels":                          {Config{ZstdLevel: -131072}, nil},
		"zstd level -1":                        {Config{ZstdLevel: -1}, nil},
		"zstd level too high":                  {Config{ZstdLevel: 23}, []string{"ZstdLevel"}},
		"zstd level too low":                   {Config{ZstdLevel: -131073}, []string{"ZstdLevel"}},
		"enums":                                {Config{Acks: 3, Compression: -1, MetadataRecovery: 2, DNSLookup: 2}, []string{"Acks", "Compression", "DNSLookup", "MetadataRecovery"}},
		"delivery timeout too short":           {Config{DeliveryTimeout: 30 * time.Second}, []string{"DeliveryTimeout"}},
		"delivery timeout just enough":         {Config{DeliveryTimeout: 30*time.Second + 5*time.Millisecond}, nil},
		"six in flight":                        {Config{MaxInFlight: 6}, []string{"MaxInFlight"}},
		"six in flight without idempotence":    {Config{MaxInFlight: 6, DisableIdempotence: true}, nil},
		"six in flight, one topic idempotent":  {Config{MaxInFlight: 6, Acks: AcksLeader, Topics: map[string]TopicConfig{"t": {Acks: new(AcksAll)}}}, []string{"MaxInFlight"}},
		"idempotence required, acks=1":         {Config{RequireIdempotence: true, Acks: AcksLeader}, []string{"Acks"}},
		"idempotence required, no retry":       {Config{RequireIdempotence: true, Retries: None}, []string{"Retries"}},
		"idempotence required and disabled":    {Config{RequireIdempotence: true, DisableIdempotence: true}, []string{"DisableIdempotence"}},
		"idempotence required, topic's acks=0": {Config{RequireIdempotence: true, Topics: map[string]TopicConfig{"t": {Acks: new(AcksNone)}}}, []string{`Topics["t"].Acks`}},
		"buffer below a batch":                 {Config{BufferBytes: 16383}, []string{"BufferBytes"}},
		"batch max below batch":                {Config{BatchBytesMax: 16383}, []string{"BatchBytesMax"}},
		"batch max above request":              {Config{BatchBytesMax: 1<<20 + 1}, []string{"BatchBytesMax"}},
		"batch max above buffer":               {Config{BufferBytes: 1 << 16, BatchBytesMax: 1<<16 + 1}, []string{"BatchBytesMax"}},
		"batch above request, as in Java":      {Config{BatchBytes: 2 << 20}, nil},
		"rack":                                 {Config{RackAware: true}, []string{"Rack"}},
		"client id":                            {Config{ClientID: strings.Repeat("x", 40000)}, []string{"ClientID"}},
		"nil interceptor":                      {Config{Interceptors: []Interceptor{nil}}, []string{"Interceptors[0]"}},
		"topic's name":                         {Config{Topics: map[string]TopicConfig{"a b": {}}}, []string{`Topics["a b"]`}},
		"topic's level":                        {topic(TopicConfig{Compression: new(CompressionLZ4), CompressionLevel: 18}), []string{`Topics["t"].CompressionLevel`}},
		"topic's level without codec":          {topic(TopicConfig{CompressionLevel: 1}), []string{`Topics["t"].CompressionLevel`}},
		"topic's enums":                        {topic(TopicConfig{Acks: new(Acks(7)), Compression: new(Compression(7))}), []string{`Topics["t"].Acks`, `Topics["t"].Compression`}},
		"topic's linger":                       {topic(TopicConfig{Linger: -5}), []string{`Topics["t"].Linger`}},
		"topic's delivery timeout":             {topic(TopicConfig{DeliveryTimeout: time.Second}), []string{`Topics["t"].DeliveryTimeout`}},
		"topic's batch above buffer":           {topic(TopicConfig{BatchBytes: 33 << 20}), []string{`Topics["t"].BatchBytes`}},
		"topic's batch max below batch":        {topic(TopicConfig{BatchBytes: 1 << 16, BatchBytesMax: 1 << 15}), []string{`Topics["t"].BatchBytesMax`}},
	}
	for name, c := range cases {
		c.config.Brokers = []string{"localhost:9092"}
		if got := sortedFields(mistakes(c.config.Validate())); !slices.Equal(got, c.fields) {
			t.Errorf("%s: mistakes in %q, want %q", name, got, c.fields)
		}
	}
}

func TestValidateReportsAllMistakesAtOnce(t *testing.T) {
	err := Config{Linger: -2, MaxInFlight: 9, RackAware: true}.Validate()
	want := []string{"Brokers", "Linger", "MaxInFlight", "Rack"}
	if got := sortedFields(mistakes(err)); !slices.Equal(got, want) {
		t.Errorf("mistakes in %q, want %q", got, want)
	}
}

func TestConfigErrorSaysFieldValueAndWhatToDo(t *testing.T) {
	err := Config{Brokers: []string{"a:1"}, Linger: -time.Second}.Validate()
	if want := "Linger (linger.ms) is -1s: want 0s or more, 0 for the default 5ms, None for no lingering"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var mistake *ConfigError
	if !errors.As(err, &mistake) || mistake.JavaName != "linger.ms" || mistake.Value != "-1s" {
		t.Errorf("got %+v", mistake)
	}
}

func TestBrokerAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:9092":               "localhost:9092",
		"10.0.0.1:1":                   "10.0.0.1:1",
		"kafka_1.example-x.:65535":     "kafka_1.example-x.:65535",
		"[::1]:9092":                   "[::1]:9092",
		"[fe80::1%eth0]:9092":          "[fe80::1%eth0]:9092",
		"plaintext://h:9092":           "h:9092",
		"PLAINTEXT://[2001:db8::]:443": "[2001:db8::]:443",
	} {
		if got, err := plainAddress(address); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", address, got, err, want)
		}
	}
	for address, hint := range map[string]string{
		"":                      "host:port",
		"localhost":             "a port",
		"localhost:":            "65535",
		"localhost:0":           "65535",
		"localhost:65536":       "65535",
		"localhost:http":        "65535",
		":9092":                 "before the port",
		"::1:9092":              "brackets",
		"[x:y]:9092":            "before the port",
		"a b:9092":              "before the port",
		"a:1,b:2":               "commas",
		"http://localhost:8082": "not a URL",
		"h:9092/topic":          "path",
		"user:pw@h:9092":        "password",
	} {
		if _, err := plainAddress(address); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: got %v, want an error about %q", address, err, hint)
		}
	}
}

func TestPasswordsInAddressesAreHidden(t *testing.T) {
	err := Config{Brokers: []string{"http://joe:hunter2@h:9092"}}.Validate()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	_, err = new(Config).Set("bootstrap.servers", "joe:hunter2@h:9092")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestTopicNames(t *testing.T) {
	for _, legal := range []string{"a", "A.b_c-9", "...", strings.Repeat("x", 249)} {
		if fault := topicNameFault(legal); fault != "" {
			t.Errorf("%q: %s", legal, fault)
		}
	}
	for _, illegal := range []string{"", ".", "..", "a/b", "é", "a b", strings.Repeat("x", 250)} {
		if topicNameFault(illegal) == "" {
			t.Errorf("%q passed", illegal)
		}
	}
}
