package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// produceBytesMax bounds a Produce request, as Kafka's socket.request.max.bytes does.
	produceBytesMax = 100 << 20
	// controlBytesMax bounds every other request. Its parser allocates up to controlGrowth bytes for each byte that claims
	// to be an array element, so this bound is tighter.
	controlBytesMax = 1 << 20
	controlGrowth   = 100
	// headBytes are the size, API key, version and correlation id that begin every request.
	headBytes = 12
	// sizeBytes begin the head and are not counted by the size that they name.
	sizeBytes = 4
	// requestBytesMin is the rest of the shortest request header: key, version, correlation id, null client id.
	requestBytesMin = 10
)

// API keys that the broker treats by themselves.
const (
	keyProduce           = int16(kmsg.Produce)
	keyFetch             = int16(kmsg.Fetch)
	keyAPIVersions       = int16(kmsg.ApiVersions)
	keyMetadata          = int16(kmsg.Metadata)
	keyCreateTopics      = int16(kmsg.CreateTopics)
	keyDeleteTopics      = int16(kmsg.DeleteTopics)
	keyCreatePartitions  = int16(kmsg.CreatePartitions)
	keyDescribeProducers = int16(kmsg.DescribeProducers)
)

// errNotKafka marks what ends a connection because it is no request that this broker could or would read.
var errNotKafka = errors.New("not a Kafka request")

// head is the beginning of a request, as it came.
type head [headBytes]byte

func (h *head) size() uint32         { return binary.BigEndian.Uint32(h[:]) }
func (h *head) key() int16           { return int16(binary.BigEndian.Uint16(h[4:])) }
func (h *head) version() int16       { return int16(binary.BigEndian.Uint16(h[6:])) }
func (h *head) correlation() [4]byte { return [4]byte(h[8:]) }

// cost is how much memory the request may take before it has been carried out.
func (h *head) cost() int64 {
	if h.key() == keyProduce {
		return int64(h.size())
	}
	return int64(h.size()) * controlGrowth
}

// knownVersions is the highest version of each API key that the parser behind the filter can read, by key.
type knownVersions []int16

func readableVersions() knownVersions {
	known := make(knownVersions, kmsg.MaxKey+1)
	for key := range known {
		known[key] = -1
		if request := kmsg.RequestForKey(int16(key)); request != nil {
			known[key] = request.MaxVersion()
		}
	}
	return known
}

// check says whether a request with this head may pass. A version of ApiVersions that is too new passes, because the
// answer to it tells the client which versions to use (KIP-511).
func (known knownVersions) check(h *head) error {
	size, key, version := h.size(), h.key(), h.version()
	switch {
	case key < 0 || int(key) >= len(known) || known[key] < 0:
		return fmt.Errorf("%w: unknown API key %d", errNotKafka, key)
	case version < 0 || (version > known[key] && key != keyAPIVersions):
		return fmt.Errorf("%w: version %d of API key %d is not known", errNotKafka, version, key)
	case key != keyProduce && size > controlBytesMax:
		return fmt.Errorf("%w: %d bytes for API key %d, at most %d are taken", errNotKafka, size, key, controlBytesMax)
	}
	return nil
}

// checkSize judges a frame by its first four bytes alone, so that a client that waits for an answer after a few bytes of
// another protocol is told off at once.
func checkSize(first [sizeBytes]byte) error {
	size := binary.BigEndian.Uint32(first[:])
	if size >= requestBytesMin && size <= produceBytesMax {
		return nil
	}
	switch string(first[:]) {
	case "GET ", "PUT ", "POST", "HEAD", "OPTI", "PATC", "DELE", "CONN", "PRI ":
		return fmt.Errorf("%w: this is HTTP, and the port speaks Kafka", errNotKafka)
	}
	if first[0] == 0x16 && first[1] == 0x03 {
		return fmt.Errorf("%w: this is TLS, and the port speaks plain Kafka: use security.protocol=PLAINTEXT", errNotKafka)
	}
	return fmt.Errorf("%w: a frame of %d bytes, want %d to %d", errNotKafka, size, requestBytesMin, produceBytesMax)
}
