package load

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
)

// poolBytes is the letters that made-up payloads are cut from. It is more than a batch can hold, so that no payload comes
// twice in what is compressed together.
const poolBytes = 4 << 20

// Payload returns the value of record i, in scratch or elsewhere. It is valid until the next call with the same scratch.
type Payload func(scratch []byte, i uint64) []byte

// Letters returns payloads of size bytes, each a letter from A to Z, the same ones in each run. They compress as badly as
// those of Java's tool.
func Letters(size int) Payload {
	random := rand.New(rand.NewPCG(0, 0))
	pool := make([]byte, poolBytes+size)
	for i := range pool {
		pool[i] = 'A' + byte(random.UintN(26))
	}
	return func(_ []byte, i uint64) []byte {
		start := i * uint64(size) % poolBytes
		return pool[start:][:size]
	}
}

// Monotonic returns payloads that are the record's number in decimal digits.
func Monotonic() Payload {
	return func(scratch []byte, i uint64) []byte { return strconv.AppendUint(scratch[:0], i, 10) }
}

// FromFile reads a file whole, and returns its parts between delimiters one after the other, again and again. A delimiter
// at the end of the file ends the last part.
func FromFile(name string, delimiter []byte) (Payload, error) {
	if len(delimiter) == 0 {
		return nil, errors.New("the delimiter of payloads is empty, want one byte or more")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s is empty, want one payload or more", name)
	}
	payloads := bytes.Split(bytes.TrimSuffix(data, delimiter), delimiter)
	return func(_ []byte, i uint64) []byte { return payloads[i%uint64(len(payloads))] }, nil
}

// mix scatters numbers (the finalizer of SplitMix64), so that keys come in no order.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
