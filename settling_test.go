package omnibus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// Five batches are in the log, their answers are lost, and the broker restarts. It then recognizes the last of them only: a
// producer that answers "out of order" with a new epoch writes all five again.
func TestFiveLostAnswersAndARestartWriteNothingTwice(t *testing.T) {
	for _, mayRead := range []bool{true, false} {
		inBubble(t, 1, omnibus.Config{}, func(r *rig) {
			r.send(record("w"))
			r.cluster.Model(func(_ time.Time, m *model.Cluster) { m.Deny("t", model.Read, !mayRead) })
			r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.AnswerSwallowed}))
			var deliveries []omnibus.Delivery
			values := []string{"w"}
			for i := range 5 {
				values = append(values, fmt.Sprint(i))
				deliveries = append(deliveries, r.enqueue(record(values[i+1])))
				time.Sleep(20 * time.Millisecond)
			}
			if n := len(r.cluster.Log("t", 0)); n != 6 {
				t.Fatalf("%d batches in the log before the restart, want 6", n)
			}
			r.cluster.SetScript(nil)
			r.cluster.StopNode(1)
			if err := r.cluster.StartNode(1); err != nil {
				t.Fatal(err)
			}
			r.flush()
			r.holds(0, values...)
			for i, d := range deliveries {
				want := int64(i + 1)
				if !mayRead && i < 4 {
					want = -1 // known to be in, not where
				}
				if ack, err := d.Wait(t.Context()); err != nil || ack.Offset != want {
					t.Errorf("may read: %v: record %d: offset %d, want %d (%v)", mayRead, i, ack.Offset, want, err)
				}
			}
			r.settles(6, 0, 0)
		})
	}
}
