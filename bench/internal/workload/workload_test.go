package workload

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
)

func TestPayloadsAreAsManyDistinctBytesAsPromised(t *testing.T) {
	for _, id := range []string{"B", "H"} {
		w, err := Find(id)
		if err != nil {
			t.Fatal(err)
		}
		d := NewData(w, 1)
		seen := make(map[string]bool)
		for i := range ValuesBytesMin / w.ValueBytes {
			v := d.Value(i)
			if len(v) != w.ValueBytes {
				t.Fatalf("%s: value %d has %d bytes, wanted %d", w.ID, i, len(v), w.ValueBytes)
			}
			seen[string(v)] = true
		}
		if bytes := len(seen) * w.ValueBytes; bytes < ValuesBytesMin-w.ValueBytes {
			t.Errorf("%s: %d distinct bytes, wanted %d", w.ID, bytes, ValuesBytesMin)
		}
		keys := make(map[string]bool)
		for i := range Keys {
			keys[string(d.Key(i))] = true
		}
		if want := map[bool]int{true: Keys, false: 1}[w.Keyed]; len(keys) != want {
			t.Errorf("%s: %d distinct keys, wanted %d", w.ID, len(keys), want)
		}
	}
}

func TestSeedMakesTheBytes(t *testing.T) {
	w, err := Find("a")
	if err != nil {
		t.Fatal(err)
	}
	one, again, other := NewData(w, 1), NewData(w, 1), NewData(w, 2)
	if !bytes.Equal(one.values, again.values) {
		t.Error("one seed made different bytes")
	}
	if bytes.Equal(one.values, other.values) {
		t.Error("two seeds made the same bytes")
	}
}

func TestDocumentsAreJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := make(map[string]bool)
	for range 1000 {
		document := make([]byte, 1<<10)
		putDocument(document, random)
		if !json.Valid(document) {
			t.Fatalf("%s", document)
		}
		seen[string(document)] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d of 1,000 documents differ", len(seen))
	}
}

func TestUnknownWorkloadIsNamed(t *testing.T) {
	if _, err := Find("Z"); err == nil {
		t.Error("there is a workload Z")
	}
}
