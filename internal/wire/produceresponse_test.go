package wire

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sampleResponse uses every field that some version has.
func sampleResponse(version int16) *kmsg.ProduceResponse {
	message, culprit, rack := "batch refused", "bad timestamp", "rack-a"
	tags := func() (t kmsg.Tags) {
		t.Set(40, []byte("unknown"))
		return t
	}
	ok := kmsg.NewProduceResponseTopicPartition()
	ok.Partition, ok.BaseOffset, ok.LogAppendTime, ok.LogStartOffset = 3, 1<<40, 1700000000000, 12
	moved := kmsg.NewProduceResponseTopicPartition()
	moved.Partition, moved.ErrorCode, moved.BaseOffset = 4, 6, -1
	moved.CurrentLeader.LeaderID, moved.CurrentLeader.LeaderEpoch = 2, 9
	refused := kmsg.NewProduceResponseTopicPartition()
	refused.Partition, refused.ErrorCode, refused.BaseOffset = math.MaxInt32, 87, -1
	refused.ErrorMessage = &message
	refused.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{
		{RelativeOffset: 1, ErrorMessage: &culprit, UnknownTags: tags()}, {RelativeOffset: 5},
	}
	refused.UnknownTags, moved.UnknownTags = tags(), tags()
	k := &kmsg.ProduceResponse{
		Version: version, ThrottleMillis: 250, UnknownTags: tags(),
		Topics: []kmsg.ProduceResponseTopic{
			{Topic: "orders", TopicID: [16]byte{1, 15: 2}, UnknownTags: tags(), Partitions: []kmsg.ProduceResponseTopicPartition{ok, moved}},
			{Topic: "empty", TopicID: [16]byte{2}},
			{Topic: strings.Repeat("t", 249), TopicID: [16]byte{3}, Partitions: []kmsg.ProduceResponseTopicPartition{refused}},
		},
	}
	k.Brokers = []kmsg.ProduceResponseBroker{
		{NodeID: 2, Host: "broker-2", Port: 9092, Rack: &rack, UnknownTags: tags()}, {NodeID: 3, Host: "::1", Port: 1},
	}
	return k
}

// flatten is what we should make of k.
func flatten(k *kmsg.ProduceResponse) *ProduceResponse {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return printable([]byte(*s))
	}
	left := recordErrorsMax
	want := &ProduceResponse{ThrottleMillis: k.ThrottleMillis}
	for _, t := range k.Topics {
		for _, p := range t.Partitions {
			result := ProduceResult{
				Partition: p.Partition, Code: p.ErrorCode, BaseOffset: p.BaseOffset,
				LogAppendTime: p.LogAppendTime, LogStartOffset: p.LogStartOffset, LeaderID: -1, LeaderEpoch: -1,
			}
			if k.Version >= 13 {
				result.TopicID = t.TopicID
			} else {
				result.Topic = []byte(t.Topic)
			}
			if k.Version >= 8 {
				result.Message = text(p.ErrorMessage)
				for _, e := range p.ErrorRecords {
					if left--; left >= 0 {
						result.Errors = append(result.Errors, RecordError{e.RelativeOffset, text(e.ErrorMessage)})
					}
				}
			}
			if k.Version >= 10 {
				result.LeaderID, result.LeaderEpoch = p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch
			}
			want.Partitions = append(want.Partitions, result)
		}
	}
	for _, b := range k.Brokers {
		if k.Version < 10 {
			break // kmsg knows the tag in every flexible version, the schema from 10 on
		}
		rack := ""
		if b.Rack != nil {
			rack = *b.Rack
		}
		want.Nodes = append(want.Nodes, NodeEndpoint{b.NodeID, b.Host, b.Port, rack})
	}
	want.Nodes = want.Nodes[:min(len(want.Nodes), nodesMax)]
	return want
}

// same compares what a user sees of two responses.
func same(a, b *ProduceResponse) bool {
	return fmt.Sprintf("%d %+v %+v", a.ThrottleMillis, a.Partitions, a.Nodes) == fmt.Sprintf("%d %+v %+v", b.ThrottleMillis, b.Partitions, b.Nodes)
}

func TestParseProduceResponseReadsKmsgsInEveryVersion(t *testing.T) {
	var got ProduceResponse // the same one throughout: nothing may be left from the version before
	for _, version := range []int16{13, 7, 12, 8, 11, 9, 10, 13, 7} {
		k := sampleResponse(version)
		if err := ParseProduceResponse(version, k.AppendTo(nil), &got); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		if want := flatten(k); !same(&got, want) {
			t.Errorf("version %d: %+v, want %+v", version, got, *want)
		}
		empty := &kmsg.ProduceResponse{Version: version}
		if err := ParseProduceResponse(version, empty.AppendTo(nil), &got); err != nil || len(got.Partitions)+len(got.Nodes) != 0 {
			t.Errorf("version %d, empty: %+v, %v", version, got, err)
		}
	}
}

func TestParseProduceResponseRefusesEveryTruncationAndTrailingBytes(t *testing.T) {
	var got ProduceResponse
	for version := int16(ProduceVersionMin); version <= ProduceVersionMax; version++ {
		body := sampleResponse(version).AppendTo(nil)
		for n := range body {
			if err := ParseProduceResponse(version, body[:n:n], &got); err == nil {
				t.Errorf("version %d: the first %d of %d bytes were accepted", version, n, len(body))
			}
		}
		err := ParseProduceResponse(version, append(body, 0), &got)
		if err == nil || !strings.Contains(err.Error(), "1 bytes too many") {
			t.Errorf("version %d: one byte too many gives %v", version, err)
		}
	}
}

func TestParseProduceResponseRefusesCountsThatCannotFit(t *testing.T) {
	for _, c := range []struct {
		version int16
		body    string
		want    string
	}{
		{6, "", "version 6: wanted 7 to 13"},
		{14, "", "version 14: wanted 7 to 13"},
		{7, "\x7f\xff\xff\xff\x00\x00\x00\x00", "array length at offset 0: 2147483647 elements"},
		{7, "\xff\xff\xff\xfe\x00\x00\x00\x00", "array length at offset 0: -2 is negative"},
		{7, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00", "array length at offset 6: 9 elements of at least 30"},
		{9, "\xff\xff\xff\xff\x0f\x00", "compact array length at offset 0: 4294967294 elements"},
		{9, "\x02\x01\x81\x01\x00\x00\x00\x00\x00", "compact array length at offset 2: 128 elements of at least 30"},
		{10, "\x01\x00\x00\x00\x00\x01\x00\x02\x7f\x00", "compact array length at offset 8: 126 elements of at least 11"},
		{10, "\x01\x00\x00\x00\x00\x01\x00\x02\x01\x00", "tagged field 0 at offset 7: 1 bytes too many"},
	} {
		var got ProduceResponse
		err := ParseProduceResponse(c.version, []byte(c.body), &got)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want an error with %q, got %v", c.want, err)
		}
		if n := responseBytes(&got); n > 4096 {
			t.Errorf("%s: %d bytes allocated", c.want, n)
		}
	}
}

func TestParseProduceResponseAllocatesNothingForSuccesses(t *testing.T) {
	k := &kmsg.ProduceResponse{Version: 13, Topics: []kmsg.ProduceResponseTopic{{Partitions: make([]kmsg.ProduceResponseTopicPartition, 50)}}}
	for i := range k.Topics[0].Partitions {
		k.Topics[0].Partitions[i].Default()
	}
	body := k.AppendTo(nil)
	var got ProduceResponse
	if n := testing.AllocsPerRun(100, func() {
		if err := ParseProduceResponse(13, body, &got); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseResponseHeader(t *testing.T) {
	for _, c := range []struct {
		flexible bool
		frame    string
		body     string
	}{
		{false, "\x00\x00\x00\x07body", "body"},
		{true, "\x00\x00\x00\x07\x00body", "body"},
		{true, "\x00\x00\x00\x07\x01\x05\x02abbody", "body"},
		{false, "\x00\x00\x00\x07", ""},
	} {
		id, body, err := ParseResponseHeader(c.flexible, []byte(c.frame))
		if id != 7 || string(body) != c.body || err != nil {
			t.Errorf("%q: %d, %q, %v", c.frame, id, body, err)
		}
	}
	for _, frame := range []string{"", "\x00\x00\x07", "\x00\x00\x00\x07", "\x00\x00\x00\x07\x01\x05\x02a"} {
		if _, body, err := ParseResponseHeader(true, []byte(frame)); err == nil || body != nil {
			t.Errorf("%q was accepted", frame)
		}
	}
}

// responseBytes is what a response that has been parsed into once holds on the heap.
func responseBytes(resp *ProduceResponse) int {
	n := cap(resp.Partitions)*int(unsafe.Sizeof(ProduceResult{})) + cap(resp.Nodes)*int(unsafe.Sizeof(NodeEndpoint{}))
	for _, p := range resp.Partitions[:cap(resp.Partitions)] {
		n += cap(p.Errors)*int(unsafe.Sizeof(RecordError{})) + len(p.Message)
		for _, e := range p.Errors {
			n += len(e.Message)
		}
	}
	for _, node := range resp.Nodes {
		n += len(node.Host) + len(node.Rack)
	}
	return n
}

func FuzzParseProduceResponse(f *testing.F) {
	for version := int16(ProduceVersionMin); version <= ProduceVersionMax; version++ {
		f.Add(version, sampleResponse(version).AppendTo(nil))
	}
	f.Add(int16(9), []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Add(int16(10), []byte("\x01\x00\x00\x00\x00\x01\x00\x02\x7f\x00"))
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		var got, again ProduceResponse
		before := bytes.Clone(body)
		err := ParseProduceResponse(version, body, &got)
		if n, limit := responseBytes(&got), 20*len(body)+4096; n > limit {
			t.Fatalf("%d bytes allocated for an input of %d", n, len(body))
		}
		if !bytes.Equal(body, before) {
			t.Fatal("parsing changed its input")
		}
		if err != nil {
			return
		}
		k := &kmsg.ProduceResponse{Version: version}
		if err := k.ReadFrom(body); err == nil && !same(flatten(k), &got) {
			t.Fatalf("kmsg reads %+v, we %+v", *k, got)
		}
		if err := ParseProduceResponse(version, body, &again); err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("parsed twice: %+v, %+v, %v", got, again, err)
		}
	})
}
