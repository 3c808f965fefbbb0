package shape

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestWhatKmsgWritesIsAcceptedWholeAndNoOtherwise(t *testing.T) {
	eachVersion(t, func(t *testing.T, key, version int16) {
		for seed := range uint64(8) {
			r := response(key, version)
			random(rand.New(rand.NewPCG(seed, uint64(version))), reflect.ValueOf(r).Elem(), 3)
			r.SetVersion(version)
			body := r.AppendTo(nil)
			if err := Check(key, version, body); err != nil {
				t.Fatalf("%s v%d, seed %d: %v", kmsg.NameForKey(key), version, seed, err)
			}
			if Check(key, version, append(body, 0)) == nil {
				t.Errorf("%s v%d, seed %d: a byte too many was accepted", kmsg.NameForKey(key), version, seed)
			}
			for n := range body {
				if Check(key, version, body[:n:n]) == nil {
					t.Fatalf("%s v%d, seed %d: %d bytes of %d were accepted", kmsg.NameForKey(key), version, seed, n, len(body))
				}
			}
		}
	})
}

func TestSizesInTheTableAreKmsgs(t *testing.T) {
	for _, key := range described() {
		a := answers[key]
		want := sizes(reflect.TypeOf(kmsg.ResponseForKey(key)).Elem())
		if got := a.told(); !slices.Equal(got, want) {
			t.Errorf("%s: elements of %d bytes, kmsg's have %d", kmsg.NameForKey(key), got, want)
		}
	}
}

func TestKeysWithoutADescriptionAreRefused(t *testing.T) {
	if Check(0, 9, nil) == nil || Check(-1, 0, []byte{0}) == nil || BytesMax(0) != 0 {
		t.Error("an answer that nobody described was accepted")
	}
	for _, key := range described() {
		if kmsg.ResponseForKey(key) == nil || BytesMax(key) == 0 || answers[key].decodedBytesMax == 0 {
			t.Errorf("key %d: %+v", key, answers[key])
		}
	}
}

// TestEveryRequestThatIsMadeHasItsAnswerDescribed looks for requests in the source of the whole module, and of the command,
// whose doctor asks over the same connections.
func TestEveryRequestThatIsMadeHasItsAnswerDescribed(t *testing.T) {
	made := regexp.MustCompile(`kmsg\.New(?:Ptr)?(\w+Request)\(`)
	keys := make(map[string]int16)
	for key := range int16(kmsg.MaxKey + 1) {
		if r := kmsg.RequestForKey(key); r != nil {
			keys[reflect.TypeOf(r).Elem().Name()] = key
		}
	}
	found := 0
	err := filepath.WalkDir("../../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "../../.." && (strings.HasPrefix(entry.Name(), ".") || modulePart(path)):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, match := range made.FindAllStringSubmatch(string(source), -1) {
			found++
			if key, ok := keys[match[1]]; !ok || BytesMax(key) == 0 {
				t.Errorf("%s makes a %s, whose answer has no description", path, match[1])
			}
		}
		return err
	})
	if err != nil || found < 3 {
		t.Errorf("%d requests found, %v", found, err)
	}
}

// modulePart reports whether a folder is another module's that has connections of its own, or the test broker's.
func modulePart(path string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil && !strings.HasSuffix(path, "cmd/omnibus") || strings.HasSuffix(path, "internal/sim")
}

// TestTagCountsAreNotObeyed has the answer that took kmsg a minute: a count of four billion tagged fields, and no bytes.
func TestTagCountsAreNotObeyed(t *testing.T) {
	begun := time.Now()
	eachVersion(t, func(t *testing.T, key, version int16) {
		r := response(key, version)
		if !r.IsFlexible() {
			return
		}
		body := r.AppendTo(nil)
		body = append(body[:len(body)-1], 0xff, 0xff, 0xff, 0xff, 0x0f) // the last byte was "no tags"
		var format *wire.FormatError
		if err := Check(key, version, body); !errors.As(err, &format) {
			t.Errorf("%s v%d: %v", kmsg.NameForKey(key), version, err)
		}
	})
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("%v", took)
	}
}

func TestCountsAreHeldAgainstTheBytesThatRemain(t *testing.T) {
	for _, test := range []struct {
		name         string
		key, version int16
		body         string
	}{
		// 60 bytes behind the count would do for sixty elements if each could have one byte.
		{"brokers", keyMetadata, 12, "\x00\x00\x00\x00" + "\x3d"},
		{"topics", keyMetadata, 12, "\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00" + "\x3d"},
		{"api keys", keyAPIVersions, 0, "\x00\x00" + "\x00\x00\x00\x3c"},
		{"a negative count", keyAPIVersions, 0, "\x00\x00" + "\xff\xff\xff\xfe"},
		{"two billion", keyAPIVersions, 0, "\x00\x00" + "\x7f\xff\xff\xff"},
		{"replicas", keyMetadata, 7, "\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01" +
			"\x00\x00\x00\x01t\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x3c"},
	} {
		body := append([]byte(test.body), make([]byte, 60)...)
		var format *wire.FormatError
		if err := Check(test.key, test.version, body); !errors.As(err, &format) {
			t.Errorf("%s: %v", test.name, err)
		} else if format.Offset > len(test.body) {
			t.Errorf("%s: found only at offset %d", test.name, format.Offset)
		}
	}
}

// filled is an answer of a kind whose elements take as much memory for as few bytes as there are.
func filled(elements int, fill func(elements int) kmsg.Response, version int16) (kmsg.Response, []byte) {
	r := fill(elements)
	r.SetVersion(version)
	return r, r.AppendTo(nil)
}

// costly are answers that are as expensive to decode as they can be.
func costly() map[string]func(n int) kmsg.Response {
	return map[string]func(n int) kmsg.Response{
		"brokers": func(n int) kmsg.Response {
			return &kmsg.MetadataResponse{Brokers: make([]kmsg.MetadataResponseBroker, n)}
		},
		"topics": func(n int) kmsg.Response {
			return &kmsg.MetadataResponse{Topics: make([]kmsg.MetadataResponseTopic, n)}
		},
		"partitions": func(n int) kmsg.Response {
			return &kmsg.MetadataResponse{Topics: []kmsg.MetadataResponseTopic{{
				Partitions: make([]kmsg.MetadataResponseTopicPartition, n)}}}
		},
		"brokers with a tag each": func(n int) kmsg.Response {
			m := &kmsg.MetadataResponse{Brokers: make([]kmsg.MetadataResponseBroker, n)}
			for i := range m.Brokers {
				m.Brokers[i].UnknownTags.Set(9, nil)
			}
			return m
		},
		"tags": func(n int) kmsg.Response {
			m := &kmsg.MetadataResponse{}
			for i := range n {
				m.UnknownTags.Set(uint32(i), nil)
			}
			return m
		},
		"features": func(n int) kmsg.Response {
			return &kmsg.ApiVersionsResponse{SupportedFeatures: make([]kmsg.ApiVersionsResponseSupportedFeature, n)}
		},
		"fetched partitions": func(n int) kmsg.Response {
			return &kmsg.FetchResponse{Topics: []kmsg.FetchResponseTopic{{
				Partitions: make([]kmsg.FetchResponseTopicPartition, n)}}}
		},
		"producers": func(n int) kmsg.Response {
			return &kmsg.DescribeProducersResponse{Topics: []kmsg.DescribeProducersResponseTopic{{
				Partitions: []kmsg.DescribeProducersResponseTopicPartition{{
					ActiveProducers: make([]kmsg.DescribeProducersResponseTopicPartitionActiveProducer, n)}}}}}
		},
	}
}

// TestWhatDecodingTakesIsKnownBefore decodes what Check accepts with the least limit that accepts it: kmsg must not take
// much more than was counted.
func TestWhatDecodingTakesIsKnownBefore(t *testing.T) {
	for name, fill := range costly() {
		r, body := filled(1000, fill, response(fill(0).Key(), 0).MaxVersion())
		counted := costOf(r.Key(), r.GetVersion(), body)
		if counted < 0 {
			t.Errorf("%s: refused", name)
			continue
		}
		again := response(r.Key(), r.GetVersion())
		if took := allocated(func() { _ = again.ReadFrom(body) }); took > 5*counted/2+4096 { // the race detector's build takes twice
			t.Errorf("%s: %d bytes counted, %d taken", name, counted, took)
		}
	}
}

func TestAnswersThatWouldTakeTooMuchMemoryAreRefused(t *testing.T) {
	for name, fill := range costly() {
		key := fill(0).Key()
		most, version := answers[key].decodedBytesMax, response(key, 0).MaxVersion()
		_, body := filled(100, fill, version)
		_, body = filled(120*(most/costOf(key, version, body)+1), fill, version)
		var tooMuch *CostError
		var err error
		took := allocated(func() { err = Check(key, version, body) })
		if !errors.As(err, &tooMuch) || tooMuch.LimitBytes != most || took > 64<<10 {
			t.Errorf("%s: %v after taking %d bytes", name, err, took)
		}
	}
}

// TestTheLargestHonestAnswersAreBelieved has what the limits were made from.
func TestTheLargestHonestAnswersAreBelieved(t *testing.T) {
	metadata := &kmsg.MetadataResponse{Version: 13, Brokers: make([]kmsg.MetadataResponseBroker, 1000)}
	for i := range metadata.Brokers {
		metadata.Brokers[i].Host = "broker-0123.kafka.production.example.com"
	}
	topic := kmsg.MetadataResponseTopic{Partitions: make([]kmsg.MetadataResponseTopicPartition, 120_000)}
	for i := range topic.Partitions {
		topic.Partitions[i].Replicas, topic.Partitions[i].ISR = []int32{1, 2, 3}, []int32{1, 2, 3}
	}
	metadata.Topics = append(metadata.Topics, topic)
	producers := costly()["producers"](100_000)
	tags := &kmsg.ApiVersionsResponse{Version: 4, ApiKeys: make([]kmsg.ApiVersionsResponseApiKey, 200)}
	for i := range tags.ApiKeys {
		tags.ApiKeys[i].UnknownTags.Set(1, make([]byte, 8))
	}
	for _, r := range []kmsg.Response{metadata, producers, tags} {
		body := r.AppendTo(nil)
		if err := Check(r.Key(), r.GetVersion(), body); err != nil || len(body) > BytesMax(r.Key()) {
			t.Errorf("%s of %d bytes: %v", kmsg.NameForKey(r.Key()), len(body), err)
		}
	}
}

func TestNullListsPass(t *testing.T) {
	// Topics is null, which the schema does not allow and Event Hubs sends.
	body := binary.BigEndian.AppendUint32([]byte{0, 0}, 0xffffffff)
	if err := Check(keyAPIVersions, 0, body); err != nil {
		t.Error(err)
	}
}

// costOf is what Check counts, or -1 if it refuses the body.
func costOf(key, version int16, body []byte) int {
	a := answers[key]
	w := walk{reader: wire.NewReader(body), version: version, flexible: version >= a.flexible, left: 1 << 40}
	w.structure(&a.structure)
	if w.reader.Err() != nil {
		return -1
	}
	return 1<<40 - w.left
}

// allocated is what f allocates, in bytes.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func FuzzAnswers(f *testing.F) {
	for _, key := range described() {
		for _, version := range []int16{0, kmsg.ResponseForKey(key).MaxVersion()} {
			r := response(key, version)
			random(rand.New(rand.NewPCG(7, 7)), reflect.ValueOf(r).Elem(), 2)
			r.SetVersion(version)
			f.Add(key, version, r.AppendTo(nil))
		}
	}
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		known, described := kmsg.ResponseForKey(key), answers[key].bytesMax > 0
		if !described || version < 0 || version > known.MaxVersion() {
			return
		}
		var err error
		if took := allocated(func() { err = Check(key, version, body) }); took > 256<<10 {
			t.Fatalf("checking %d bytes took %d", len(body), took)
		}
		if err != nil {
			return
		}
		r, cost := response(key, version), costOf(key, version, body)
		if took := allocated(func() { err = r.ReadFrom(body) }); took > 2*cost+256<<10 {
			t.Fatalf("%d bytes taken, %d counted", took, cost)
		}
		if err != nil {
			t.Fatalf("accepted, but kmsg says %v", err)
		}
		if err := Check(key, version, r.AppendTo(nil)); err != nil {
			t.Fatalf("what kmsg read and wrote again is refused: %v", err)
		}
	})
}
