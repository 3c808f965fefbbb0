package explain

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

func TestStepsLeadWhereTheProducerSends(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	for name, h := range hashings {
		for length := range 70 {
			key := make([]byte, length)
			for i := range key {
				key[i] = byte(random.Uint32())
			}
			count := 1 + random.Int32N(1000)
			want, keyed := h.scheme.Partition(key, count)
			if !keyed {
				continue
			}
			got := follow(h.scheme, key, count)
			if got.result != want {
				t.Fatalf("seed %d, %s: %x among %d leads to %d, the producer sends it to %d:\n%s",
					seed, name, key, count, got.result, want, strings.Join(got.steps, "\n"))
			}
		}
	}
}

// The numbers are those of Java's Utils.murmur2 for "abcdefg".
func TestTheStepsOfMurmur2(t *testing.T) {
	got := follow(partitioner.SchemeJava, []byte("abcdefg"), 6)
	text := strings.Join(got.steps, "\n")
	for _, want := range []string{
		"seed 0x9747b28c ^ length 7", `block 1 "abcd" k = 0x64636261`, `rest "efg" = 0x676665`,
		"murmur2 = 0xeb595499 = -346467175", "& 0x7fffffff = 1801016473", "1801016473 mod 6 = 1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the steps do not say %q:\n%s", want, text)
		}
	}
}

func TestTheMiddleOfALongKeyIsLeftOut(t *testing.T) {
	for _, scheme := range []partitioner.Scheme{partitioner.SchemeJava, partitioner.SchemeSarama} {
		if steps := follow(scheme, make([]byte, 100_000), 6).steps; len(steps) > 30 {
			t.Errorf("%v: %d steps", scheme, len(steps))
		}
	}
}
