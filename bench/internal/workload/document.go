package workload

import (
	"fmt"
	"math/rand/v2"
)

// putDocument fills dst with a JSON document of exactly its size: the event of a web shop, which compresses as such
// events do, by a factor of three to four: names repeat, identifiers and amounts do not.
func putDocument(dst []byte, random *rand.Rand) {
	out := fmt.Appendf(dst[:0],
		`{"event_id":"%016x%016x","type":%q,"occurred_at":"2026-%02d-%02dT%02d:%02d:%02d.%03dZ","customer":{"id":%d,"name":"%s %s","country":%q},"amount_cents":%d,"items":[`,
		random.Uint64(), random.Uint64(), pick(random, eventTypes),
		1+random.IntN(12), 1+random.IntN(28), random.IntN(24), random.IntN(60), random.IntN(60), random.IntN(1000),
		random.IntN(5_000_000), pick(random, words), pick(random, words), pick(random, countries), random.IntN(1_000_000))
	for i := range 1 + random.IntN(3) {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"sku":"SKU-%06d","quantity":%d,"price_cents":%d,"title":"%s %s"}`,
			random.IntN(1_000_000), 1+random.IntN(5), random.IntN(100_000), pick(random, words), pick(random, words))
	}
	out = fmt.Appendf(out, `],"session":"%08x","note":"`, random.Uint32())
	const end = `"}`
	for len(out) < len(dst)-len(end) {
		out = append(append(out, pick(random, words)...), ' ')
	}
	copy(dst[copy(dst[:len(dst)-len(end)], out):], end)
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

var eventTypes = []string{"order.placed", "order.paid", "order.shipped", "order.cancelled", "cart.updated", "refund.issued"}

var countries = []string{"DE", "FR", "PL", "JP", "BR", "US", "IN", "KE", "SE", "MX"}

// words are enough different ones that a codec finds no sentence twice.
var words = []string{
	"amber", "anchor", "apple", "basket", "birch", "blanket", "bridge", "candle", "canvas", "carbon", "cedar", "cherry",
	"cobalt", "copper", "cotton", "crystal", "dawn", "delta", "drift", "ember", "falcon", "feather", "fern", "flint",
	"garden", "ginger", "glacier", "granite", "harbor", "hazel", "heron", "indigo", "island", "ivory", "jasper", "juniper",
	"kettle", "lantern", "laurel", "lemon", "linen", "maple", "marble", "meadow", "mirror", "mosaic", "nectar", "nickel",
	"oasis", "olive", "onyx", "orchard", "paper", "pebble", "pepper", "pine", "quartz", "quill", "raven", "river",
	"saffron", "sage", "satin", "shadow", "silver", "slate", "spruce", "stone", "summer", "thistle", "timber", "topaz",
	"umber", "valley", "velvet", "violet", "walnut", "willow", "winter", "zephyr",
}
