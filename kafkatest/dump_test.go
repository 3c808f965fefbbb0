package kafkatest

import (
	"strings"
	"testing"
)

func TestParseDumpReadsEachBatch(t *testing.T) {
	const dump = `Dumping /data/t-0/00000000000000000000.log
Log starting offset: 0
baseOffset: 0 lastOffset: 1 count: 2 baseSequence: 7 lastSequence: 8 producerId: 1000 producerEpoch: 3 partitionLeaderEpoch: 5 isTransactional: true isControl: false deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: 1700000000000 size: 88 magic: 2 compresscodec: zstd crc: 12 isvalid: true
| offset: 0 CreateTime: 1700000000000 keySize: -1 valueSize: 1 sequence: 7 headerKeys: []
| offset: 1 CreateTime: 1700000000000 keySize: -1 valueSize: 1 sequence: 8 headerKeys: []
baseOffset: 2 lastOffset: 2 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 5 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty position: 88 CreateTime: 1700000000001 size: 69 magic: 2 compresscodec: none crc: 13 isvalid: false
`
	got, err := parseDump(strings.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	want := []Batch{{
		File: "/data/t-0/00000000000000000000.log", LastOffset: 1, Count: 2, Records: 2, BaseSequence: 7, LastSequence: 8,
		ProducerID: 1000, ProducerEpoch: 3, LeaderEpoch: 5, Transactional: true, Timestamp: 1700000000000,
		SizeBytes: 88, Magic: 2, Codec: "zstd", Valid: true,
	}, {
		File: "/data/t-0/00000000000000000000.log", BaseOffset: 2, LastOffset: 2, Count: 1, BaseSequence: -1, LastSequence: -1,
		ProducerID: -1, ProducerEpoch: -1, LeaderEpoch: 5, Position: 88, Timestamp: 1700000000001,
		SizeBytes: 69, Magic: 2, Codec: "none",
	}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseDumpRefusesComplaints(t *testing.T) {
	for _, complaint := range []string{
		"Non-consecutive offsets in /data/t-0/00000000000000000000.log :",
		"baseOffset: zero lastOffset: 1",
	} {
		if _, err := parseDump(strings.NewReader(complaint)); err == nil {
			t.Errorf("%q was taken for a batch", complaint)
		}
	}
}
