package java

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// batchBytesBest is what came out cheapest in workload A, of 16 KiB to 1 MiB.
const batchBytesBest = 128 << 10

// batchBytesMin is below Java's own default, for many partitions.
const batchBytesMin = 1 << 10

// files are what the program reads.
type files struct{ settings, values, keys, certificate string }

func filesIn(dir string) files {
	in := func(name string) string { return filepath.Join(dir, name) }
	return files{settings: in("producer.properties"), values: in("values"), keys: in("keys"), certificate: in("certificate.pem")}
}

// write fills the files.
func (f files) write(t client.Target) error {
	values, keys := t.Data.Blocks()
	return errors.Join(
		os.WriteFile(f.values, values, 0o600), os.WriteFile(f.keys, keys, 0o600),
		os.WriteFile(f.certificate, t.Certificate, 0o600), os.WriteFile(f.settings, propertiesOf(t, f), 0o600))
}

// propertiesOf is the file of settings.
func propertiesOf(t client.Target, f files) []byte {
	var b bytes.Buffer
	set := func(name string, value any) { fmt.Fprintf(&b, "%s=%v\n", name, value) }
	set("bench.topics", strings.Join(t.Topics, ","))
	set("bench.values", f.values)
	set("bench.value.bytes", t.Load.ValueBytes)
	set("bench.keys", f.keys)
	set("bench.key.bytes", workload.KeyBytes)
	set("bench.threads", t.Load.Goroutines)
	set("bench.rate", t.Load.Rate)
	set("bench.drive", t.Load.Drive)

	set("bootstrap.servers", strings.Join(t.Brokers, ","))
	set("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer")
	set("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer")
	if t.Certificate != nil {
		set("security.protocol", "SSL")
		set("ssl.truststore.type", "PEM")
		set("ssl.truststore.location", f.certificate)
	}
	if t.Load.Defaults {
		return b.Bytes()
	}
	set("acks", "all")
	set("enable.idempotence", true)
	set("max.in.flight.requests.per.connection", client.InFlight)
	set("linger.ms", t.Load.Linger.Milliseconds())
	set("buffer.memory", client.BufferBytes)
	set("max.request.size", client.BatchBytes)
	set("batch.size", batchBytes(t.Load))
	set("compression.type", t.Load.Codec)
	set("compression.zstd.level", 3)
	set("enable.metrics.push", false)
	return b.Bytes()
}

// batchBytes leaves room for two batches of every partition: a batch takes all of its memory when its first record comes.
func batchBytes(w workload.Workload) int {
	return max(batchBytesMin, min(batchBytesBest, client.BufferBytes/(2*w.Topics*w.Partitions)))
}
