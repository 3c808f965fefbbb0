package omnibus_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/omnibus-kafka/omnibus"
)

func ExampleConfig() {
	c := omnibus.Config{
		Brokers:     []string{"localhost:9092"},
		Compression: omnibus.CompressionZstd,
		Linger:      omnibus.None, // Java's linger.ms=0; the zero value would be the default.
		Topics: map[string]omnibus.TopicConfig{
			"orders": {}, // Only known from the start.
			"clicks": {Acks: new(omnibus.AcksLeader), Linger: 100 * time.Millisecond},
		},
	}
	fmt.Println(c.Validate())
	// Output: <nil>
}

func ExampleConfig_Validate() {
	err := omnibus.Config{
		Brokers:   []string{"localhost"},
		Linger:    -time.Second,
		RackAware: true,
	}.Validate()
	fmt.Println(err)
	// Output:
	// Linger (linger.ms) is -1s: want 0s or more, 0 for the default 5ms, None for no lingering
	// Brokers[0] (bootstrap.servers) is "localhost": want a port behind the host, such as host:9092
	// Rack (client.rack) is empty: want the name of this program's rack, because RackAware (partitioner.rack.aware) is set; or unset that
}

func ExampleConfig_Set() {
	var c omnibus.Config
	_, err := c.Set("linger.ms", "20")
	fmt.Println(c.Linger, err)

	note, _ := c.Set("metrics.num.samples", "2")
	fmt.Println(note)

	_, err = c.Set("compresion.type", "zstd")
	fmt.Println(err)
	// Output:
	// 20ms <nil>
	// it concerns Java's metrics; this producer keeps its own
	// "compresion.type" is unknown: want the name of a producer setting; did you mean compression.type?
}

func ExampleParseProperties() {
	file := `# As Kafka's own tools read it.
bootstrap.servers = localhost:9092
key.serializer    = org.apache.kafka.common.serialization.StringSerializer
acks: 1
`
	c, notes, err := omnibus.ParseProperties(strings.NewReader(file))
	fmt.Println(c.Brokers, c.Acks, err)
	for _, note := range notes {
		fmt.Println(note)
	}
	// Output:
	// [localhost:9092] 1 <nil>
	// line 3: key.serializer: Java classes cannot run here: records carry bytes, and package serde has serializers for typed ones
}

// A secured cluster, by Go's own types: the password is asked for whenever a connection is made, so that it can change.
func ExampleConfig_security() {
	config := omnibus.Config{
		Brokers: []string{"kafka.example:9093"},
		TLS:     &tls.Config{},
		SASL: scram.Sha512(func(context.Context) (scram.Auth, error) {
			return scram.Auth{User: "alice", Pass: os.Getenv("KAFKA_PASSWORD")}, nil
		}),
	}
	fmt.Println(config.Validate())
	// Output: <nil>
}

// The same by Java's names, as they stand in a .properties file (ParseProperties).
func ExampleConfig_Set_security() {
	config := omnibus.Config{Brokers: []string{"kafka.example:9093"}}
	for name, value := range map[string]string{
		"security.protocol": "SASL_SSL",
		"sasl.mechanism":    "SCRAM-SHA-512",
		"sasl.jaas.config":  `org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="secret";`,
	} {
		if _, err := config.Set(name, value); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(config.Validate())
	// Output: <nil>
}
