package wire

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusal is an answer about so many partitions, each refused for so many records.
func refusal(partitions, records int, message string) *kmsg.ProduceResponse {
	r := &kmsg.ProduceResponse{Version: 9, Topics: make([]kmsg.ProduceResponseTopic, 1)}
	for i := range partitions {
		p := kmsg.NewProduceResponseTopicPartition()
		p.Partition, p.ErrorCode, p.ErrorMessage = int32(i), 87, &message
		for index := range records {
			e := kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: int32(index), ErrorMessage: &message}
			p.ErrorRecords = append(p.ErrorRecords, e)
		}
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
	}
	return r
}

func TestParseProduceResponseBelievesNoMorePartitionsThanTheCallerAskedAbout(t *testing.T) {
	body := refusal(5, 0, "").AppendTo(nil)
	for most, ok := range map[int]bool{0: true, 4: false, 5: true, 6: true} {
		got := ProduceResponse{PartitionsMax: most}
		if err := ParseProduceResponse(9, body, &got); (err == nil) != ok {
			t.Errorf("5 partitions, at most %d: %v", most, err)
		}
		if cap(got.Partitions) > 8 || !ok && cap(got.Partitions) > 0 {
			t.Errorf("at most %d: room for %d", most, cap(got.Partitions))
		}
	}
	two := refusal(3, 0, "")
	two.Topics = append(two.Topics, two.Topics[0])
	got := ProduceResponse{PartitionsMax: 5}
	if err := ParseProduceResponse(9, two.AppendTo(nil), &got); err == nil {
		t.Error("twice 3 partitions were accepted, 5 are the most")
	}
}

func TestParseProduceResponseKeepsABoundedNumberOfRecordErrors(t *testing.T) {
	var got ProduceResponse
	if err := ParseProduceResponse(9, refusal(3, recordErrorsMax*2/3, "").AppendTo(nil), &got); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for i, p := range got.Partitions {
		kept += cap(p.Errors)
		for j, e := range p.Errors {
			if int(e.Index) != j {
				t.Fatalf("partition %d: error %d is about record %d", i, j, e.Index)
			}
		}
		if p.Code != 87 || len(p.Errors) > recordErrorsMax*2/3 {
			t.Errorf("partition %d: code %d, %d errors", i, p.Code, len(p.Errors))
		}
	}
	if kept < recordErrorsMax || kept > recordErrorsMax*9/8 {
		t.Errorf("room for %d errors", kept)
	}
	if err := ParseProduceResponse(9, refusal(3, 1, "").AppendTo(nil), &got); err != nil || cap(got.Partitions[0].Errors) > keptMax {
		t.Errorf("the next answer keeps room for %d errors, %v", cap(got.Partitions[0].Errors), err)
	}
}

func TestParseProduceResponseKeepsABoundedNumberOfNodes(t *testing.T) {
	k := &kmsg.ProduceResponse{Version: 10, Brokers: make([]kmsg.ProduceResponseBroker, nodesMax+500)}
	for i := range k.Brokers {
		k.Brokers[i].NodeID = int32(i)
	}
	var got ProduceResponse
	if err := ParseProduceResponse(10, k.AppendTo(nil), &got); err != nil || len(got.Nodes) != nodesMax || got.Nodes[nodesMax-1].ID != nodesMax-1 {
		t.Errorf("%d nodes, %v", len(got.Nodes), err)
	}
	empty := &kmsg.ProduceResponse{Version: 10}
	if err := ParseProduceResponse(10, empty.AppendTo(nil), &got); err != nil || cap(got.Nodes) > keptMax {
		t.Errorf("the next answer keeps room for %d nodes, %v", cap(got.Nodes), err)
	}
}

func TestABrokersWordsCannotHarmALog(t *testing.T) {
	for said, want := range map[string]string{
		"Größe überschritten":             "Größe überschritten",
		"\x1b[2J\x1b]0;owned\x07gone":     "?[2J?]0;owned?gone",
		"one\nlevel=ERROR msg=\"forged\"": "one level=ERROR msg=\"forged\"",
		"\u202egnp.exe \xff":              "?gnp.exe ?",
	} {
		var got ProduceResponse
		if err := ParseProduceResponse(9, refusal(1, 1, said).AppendTo(nil), &got); err != nil {
			t.Fatal(err)
		}
		if p := got.Partitions[0]; p.Message != want || p.Errors[0].Message != want {
			t.Errorf("%q became %q and %q, want %q", said, p.Message, p.Errors[0].Message, want)
		}
	}
	var got ProduceResponse
	if err := ParseProduceResponse(9, refusal(1, 0, strings.Repeat("ä", 9000)).AppendTo(nil), &got); err != nil {
		t.Fatal(err)
	}
	if m := got.Partitions[0].Message; len(m) > messageBytesMax || len(m) < messageBytesMax-8 || !utf8.ValidString(m) || !strings.HasSuffix(m, "…") {
		t.Errorf("%d bytes: %q", len(m), m)
	}
}
