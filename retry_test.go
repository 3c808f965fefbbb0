package omnibus_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

// A broker recognizes a batch that comes again by its number and its boundaries. What it cannot see, and must not be, is
// another content under the same number.
func TestARetryAfterALostResponseIsByteIdenticalOnTheWire(t *testing.T) {
	endings := map[string]sim.Ending{"cut before": sim.CutBefore, "cut after": sim.CutAfter, "answer swallowed": sim.AnswerSwallowed}
	for _, codec := range []omnibus.Compression{omnibus.CompressionNone, omnibus.CompressionLZ4, omnibus.CompressionZstd} {
		for name, end := range endings {
			t.Run(fmt.Sprintf("%v %s", codec, name), func(t *testing.T) {
				inBubble(t, 1, omnibus.Config{Compression: codec}, func(r *rig) {
					r.send(record("first"))
					r.cluster.SetScript(sim.First(3, sim.Produce, sim.Fate{End: end}))
					values := []string{"first"}
					for i := range 20 {
						values = append(values, fmt.Sprint(i, strings.Repeat(" and on it goes", 300)))
						r.enqueue(record(values[i+1]))
						time.Sleep(3 * time.Millisecond)
					}
					r.flush()
					r.holds(0, values...)
					if r.sentAgain() == 0 {
						t.Error("no batch went twice: nothing was shown")
					}
				})
			})
		}
	}
}

// sentAgain counts batches that went again under the number that they had, and holds them against their first attempt.
func (r *rig) sentAgain() (again int) {
	r.Helper()
	type number struct {
		epoch    int16
		sequence int32
	}
	first := make(map[number][]byte)
	for _, request := range r.cluster.Requests(sim.Produce) {
		for _, sent := range request.Batches {
			if sent.Err != nil {
				r.Fatal(sent.Err)
			}
			n := number{sent.Batch.ProducerEpoch, sent.Batch.Sequence}
			before, known := first[n]
			if !known {
				first[n] = bytes.Clone(sent.Batch.Raw())
				continue
			}
			again++
			if !bytes.Equal(before, sent.Batch.Raw()) {
				r.Errorf("epoch %d, sequence %d: %d bytes went again as %d others", n.epoch, n.sequence, len(before), len(sent.Batch.Raw()))
			}
		}
	}
	return again
}
