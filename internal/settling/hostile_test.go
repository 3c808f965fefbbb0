package settling

import (
	"encoding/binary"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/idempotence"
)

// TestABoundedNumberOfOwnBatchesIsKept reads back a log that never ends, as a hostile broker can make one up.
func TestABoundedNumberOfOwnBatchesIsKept(t *testing.T) {
	q := &Question{ID: idempotence.ProducerID{ID: 7}, AckedOffset: -1}
	r := reading{question: q, evidence: new(Evidence)}
	header := make([]byte, headerLen)
	binary.BigEndian.PutUint32(header[8:], headerLen-12)
	binary.BigEndian.PutUint64(header[43:], 7)
	const batches = 3 * ownMax
	for i := range batches {
		binary.BigEndian.PutUint64(header, uint64(i))
		binary.BigEndian.PutUint32(header[53:], uint32(i))
		r.scan(header)
	}
	own := r.evidence.Own
	if len(own) > ownMax || cap(own) > 2*ownMax || own[len(own)-1].Offset != batches-1 {
		t.Errorf("%d batches are kept, the last of them at %d", len(own), own[len(own)-1].Offset)
	}
	for i := range own {
		if want := int64(batches - len(own) + i); own[i].Offset != want || own[i].First != int32(want) {
			t.Fatalf("batch %d is at %d, want %d", i, own[i].Offset, want)
		}
	}
}
