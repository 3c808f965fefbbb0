package model

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rig is a cluster with one topic, "t", of one partition, and a producer with the id 7.
type rig struct {
	*testing.T
	*Cluster
	at  TopicPartition
	now time.Time
}

func newRig(t *testing.T, options Options, topic TopicOptions) *rig {
	r := &rig{T: t, Cluster: New(options), at: TopicPartition{"t", 0}, now: time.UnixMilli(1_000_000_000_000)}
	r.CreateTopic(r.now, "t", 1, topic)
	return r
}

// pass lets a time pass.
func (r *rig) pass(d time.Duration) {
	r.now = r.now.Add(d)
	r.Tick(r.now)
}

// send sends a batch of one record to a broker.
func (r *rig) send(node int32, acks int16, sequence int32) *Produced {
	return r.Produce(r.now, node, &ProduceRequest{Acks: acks, Timeout: time.Second, Sent: []Sent{{
		Topic: "t", Batch: &Batch{ProducerID: 7, Sequence: sequence, Count: 1, MaxTimestamp: r.now.UnixMilli()},
	}}})
}

// must fails the test unless a batch of one record is answered so, at once.
func (r *rig) must(node int32, acks int16, sequence int32, want string) {
	r.Helper()
	if got := text(r.send(node, acks, sequence)); got != want {
		r.Errorf("sequence %d at broker %d: %s, want %s", sequence, node, got, want)
	}
}

// text is what an answer says.
func text(a *Produced) string {
	switch {
	case a.Lost():
		return "lost"
	case !a.Done():
		return "waits"
	case a.Parts[0].Code == 0:
		return fmt.Sprint(a.Parts[0].BaseOffset)
	}
	return fmt.Sprint(kerr.ErrorForCode(a.Parts[0].Code).(*kerr.Error).Message, " ", a.Parts[0].BaseOffset)
}

// is fails the test unless an answer says so.
func (r *rig) is(a *Produced, want string) {
	r.Helper()
	if got := text(a); got != want {
		r.Errorf("%s, want %s", got, want)
	}
}

// known fails the test unless a broker knows the producer's last sequence, or not at all (-1).
func (r *rig) known(node, want int32) {
	r.Helper()
	states, code := r.DescribeProducers(r.now, node, r.at)
	got := int32(-1)
	for _, s := range states {
		got = s.LastSequence
	}
	if code != 0 || got != want {
		r.Errorf("broker %d knows %d (%+v, code %d), want %d", node, got, states, code, want)
	}
}

func TestAnAnswerWaitsUntilEveryFollowerInSyncHasAskedForMore(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Stepwise: true}, TopicOptions{MinInSync: 2})
	a := r.send(1, -1, 0)
	for i, node := range []int32{2, 3, 2, 3} {
		r.is(a, "waits")
		if high, end := r.Watermark(r.at, 1); high != 0 || end != 1 {
			t.Errorf("after %d fetches: high watermark %d, end %d", i, high, end)
		}
		r.Replicate(r.now, r.at, node)
	}
	r.is(a, "0")
	if high, _ := r.Watermark(r.at, 2); high != 0 {
		t.Errorf("the follower knows of %d before it asked again", high)
	}
	r.must(1, 1, 1, "1")
}

func TestARepetitionWaitsForTheHighWatermarkToo(t *testing.T) {
	r := newRig(t, Options{Nodes: 2, Stepwise: true}, TopicOptions{})
	r.must(1, 1, 0, "0")
	again := r.send(1, -1, 0)
	r.is(again, "waits")
	r.Replicate(r.now, r.at, 2)
	r.Replicate(r.now, r.at, 2)
	r.is(again, "0")
}

func TestAnAnswerThatTakesTooLongSaysSoWithTheOffset(t *testing.T) {
	r := newRig(t, Options{Nodes: 2, Stepwise: true}, TopicOptions{})
	a := r.send(1, -1, 0)
	if next := r.Next(); !next.Equal(r.now.Add(time.Second)) {
		t.Errorf("next at %v, now %v", next, r.now)
	}
	r.pass(time.Second)
	r.is(a, "REQUEST_TIMED_OUT 0")
	if !r.Next().IsZero() {
		t.Error("somebody waits")
	}
}

func TestAFollowerThatStaysAwayLeavesTheInSyncSetAndNobodyWaitsForIt(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Stepwise: true}, TopicOptions{MinInSync: 2})
	r.Isolate(r.now, 3)
	a := r.Produce(r.now, 1, &ProduceRequest{Acks: -1, Timeout: time.Hour, Sent: []Sent{{Topic: "t", Batch: &Batch{ProducerID: -1, Count: 1}}}})
	for range 4 {
		r.pass(10 * time.Second)
		r.Replicate(r.now, r.at, 2)
		r.Replicate(r.now, r.at, 2)
	}
	r.is(a, "waits")
	for now := r.Next(); !a.Done() && now.Before(r.now.Add(time.Minute)); now = r.Next() {
		r.Tick(now)
	}
	r.is(a, "0")
	if state := r.TopicNamed(r.Cluster.now, 1, "t"); len(state.Partitions[0].ISR) != 2 {
		t.Errorf("%+v", state)
	}
}

func TestALeaderThatIsCutOffGoesOnAndLosesItAll(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Election: true}, TopicOptions{MinInSync: 2})
	r.must(1, -1, 0, "0")
	r.Isolate(r.now, 1)
	r.Fence(r.now, 1)
	a := r.send(1, -1, 1) // it does not know
	r.is(a, "waits")
	r.must(1, 1, 2, "2")
	r.known(1, 2)
	r.known(2, 0)
	r.must(2, -1, 1, "1")
	if state := r.TopicNamed(r.now, 1, "t"); state.Partitions[0].Leader != 1 {
		t.Errorf("it says %+v", state)
	}
	if state := r.TopicNamed(r.now, 3, "t"); state.Partitions[0].Leader != 2 || state.Partitions[0].Epoch != 1 {
		t.Errorf("the others say %+v", state)
	}
	r.Rejoin(r.now, 1)
	r.is(a, "NOT_LEADER_FOR_PARTITION 1")
	r.known(1, 1)
	r.must(1, -1, 2, "NOT_LEADER_FOR_PARTITION -1")
	if log := r.Log(r.at, 1); len(log) != 2 || log[1] != r.Log(r.at, 2)[1] {
		t.Errorf("%d batches", len(log))
	}
}

func TestWhoWaitsForABrokerThatDiesGetsNoAnswer(t *testing.T) {
	r := newRig(t, Options{Nodes: 2, Stepwise: true}, TopicOptions{})
	a := r.send(1, -1, 0)
	r.Kill(r.now, 1)
	r.is(a, "lost")
	r.must(1, -1, 0, "lost")
}

func TestARestartForgetsProducersWhoseRecordsAreOldAndAllBatchesButTheLast(t *testing.T) {
	r := newRig(t, Options{ProducerCheck: time.Hour * 1000}, TopicOptions{})
	r.must(1, -1, 0, "0")
	r.must(1, -1, 1, "1")
	r.pass(23 * time.Hour)
	r.Kill(r.now, 1)
	r.Start(r.now, 1)
	r.must(1, -1, 0, "OUT_OF_ORDER_SEQUENCE_NUMBER -1")
	r.must(1, -1, 1, "1")
	r.pass(time.Hour)
	r.known(1, 1) // no check was due
	r.Kill(r.now, 1)
	r.Start(r.now, 1)
	r.known(1, -1)
	r.must(1, -1, 1, "2")
}

func TestATailThatIsCutOffLeavesWhatTheRestOfTheLogTells(t *testing.T) {
	r := newRig(t, Options{}, TopicOptions{})
	for sequence := range int32(8) {
		r.must(1, -1, sequence, fmt.Sprint(sequence))
	}
	r.Truncate(r.now, r.at, 1, 6)
	r.known(1, 5)
	r.must(1, -1, 1, "1") // restored from the batches, of which five are recognized
	r.must(1, -1, 0, "OUT_OF_ORDER_SEQUENCE_NUMBER -1")
	r.must(1, -1, 7, "OUT_OF_ORDER_SEQUENCE_NUMBER -1")
	r.must(1, -1, 6, "6")

	r.Kill(r.now, 1)
	r.Start(r.now, 1)
	for sequence := int32(7); sequence < 10; sequence++ {
		r.must(1, -1, sequence, fmt.Sprint(sequence))
	}
	r.Truncate(r.now, r.at, 1, 9)
	r.must(1, -1, 6, "6") // the snapshot's one, and those behind it
	r.must(1, -1, 5, "OUT_OF_ORDER_SEQUENCE_NUMBER -1")
}

func TestBrokersBefore25DoNotTakeWhatTheyCannotPlace(t *testing.T) {
	r := newRig(t, Options{UnknownProducerID: true}, TopicOptions{})
	r.must(1, -1, 3, "UNKNOWN_PRODUCER_ID -1")
	r.must(1, -1, 0, "0")
}

func TestADeletedTopicIsAnotherOneWhenItIsCreatedAgain(t *testing.T) {
	r := newRig(t, Options{}, TopicOptions{})
	old := r.TopicNamed(r.now, 1, "t").ID
	r.must(1, -1, 0, "0")
	if id := r.CreateTopic(r.now, "t", 1, TopicOptions{}); id == old || r.NameOf(old) != "" || r.NameOf(id) != "t" {
		t.Errorf("id %v after %v", id, old)
	}
	by := func(id ID) string {
		return text(r.Produce(r.now, 1, &ProduceRequest{Acks: -1, ByID: true, Sent: []Sent{{TopicID: id, Batch: &Batch{ProducerID: 7, Sequence: 1, Count: 1}}}}))
	}
	if got := by(old); got != "UNKNOWN_TOPIC_ID -1" {
		t.Error(got)
	}
	if got := by(r.TopicNamed(r.now, 1, "t").ID); got != "0" {
		t.Error(got)
	}
}

func TestConsumersReadBelowTheHighWatermarkWithinTheirLimit(t *testing.T) {
	r := newRig(t, Options{Nodes: 2, Stepwise: true}, TopicOptions{})
	for range 5 {
		r.Produce(r.now, 1, &ProduceRequest{Acks: 1, Sent: []Sent{{Topic: "t", Batch: &Batch{ProducerID: -1, Count: 2, Bytes: 100}}}})
	}
	read := func(f FetchRequest) string {
		f.At, f.Epoch = r.at, -1
		got := r.Fetch(r.now, 1, f)
		return fmt.Sprint(got.Code, " ", got.High, " ", len(got.Batches))
	}
	if got := read(FetchRequest{}); got != "0 0 0" {
		t.Errorf("nothing is committed: %s", got)
	}
	r.Replicate(r.now, r.at, 2)
	r.Replicate(r.now, r.at, 2)
	for _, test := range []struct {
		request FetchRequest
		want    string
	}{
		{FetchRequest{}, "0 10 5"}, {FetchRequest{Offset: 3}, "0 10 4"}, {FetchRequest{Offset: 10}, "0 10 0"},
		{FetchRequest{Offset: 11}, "1 -1 0"}, {FetchRequest{BytesMax: 250}, "0 10 3"}, {FetchRequest{BytesMax: 1}, "0 10 1"},
	} {
		if got := read(test.request); got != test.want {
			t.Errorf("%+v: %s, want %s", test.request, got, test.want)
		}
	}
}

func TestALeaderTellsNoEndBeforeItKnowsWhatIsCommittedInItsEpoch(t *testing.T) {
	r := newRig(t, Options{Nodes: 2, Stepwise: true}, TopicOptions{})
	r.must(1, 1, 0, "0")
	r.Replicate(r.now, r.at, 2)
	r.Elect(r.now, r.at, 2) // which has the batch, and has not heard that the other one knows
	if _, code := r.ListOffset(r.now, 2, r.at, -1, Latest); code != kerr.OffsetNotAvailable.Code {
		t.Errorf("code %d", code)
	}
	r.Replicate(r.now, r.at, 1)
	r.Replicate(r.now, r.at, 1)
	if end, code := r.ListOffset(r.now, 2, r.at, -1, Latest); end != 1 || code != 0 {
		t.Errorf("offset %d, code %d", end, code)
	}
}

func TestWhatAnIsolatedLeaderTookIsCutAwayAlsoWhereOthersDeletedTheirs(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Election: true}, TopicOptions{})
	r.must(1, -1, 0, "0")
	r.Isolate(r.now, 1)
	foreign := &Batch{ProducerID: -1, Sequence: -1, Count: 5} // to the offsets 1 to 5, which nobody else has
	r.Produce(r.now, 1, &ProduceRequest{Acks: 1, Sent: []Sent{{Topic: "t", Batch: foreign}}})
	r.Fence(r.now, 1)
	for sequence := range int32(4) {
		r.must(2, -1, 1+sequence, fmt.Sprint(1+sequence))
	}
	r.DeleteRecords(r.now, r.at, 3)
	r.Rejoin(r.now, 1)
	for _, node := range []int32{1, 2} {
		log := r.Log(r.at, node)
		if len(log) != 2 || log[0].Offset != 3 || log[0].Sequence != 3 {
			t.Errorf("broker %d has %d batches", node, len(log))
		}
	}
}

func TestNoReplicaRemembersABatchThatWasCutAwayWhereTheLogsCannotBeCompared(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Election: true}, TopicOptions{})
	r.must(1, -1, 0, "0")
	r.Isolate(r.now, 1)
	r.send(1, 1, 1) // at the offset 1, where the others get something else
	r.Fence(r.now, 1)
	foreign := &Batch{ProducerID: -1, Sequence: -1, Count: 1}
	r.Produce(r.now, 2, &ProduceRequest{Acks: 1, Sent: []Sent{{Topic: "t", Batch: foreign}}})
	r.DeleteRecords(r.now, r.at, 2)
	r.Rejoin(r.now, 1)
	if _, end := r.Watermark(r.at, 1); end != 2 {
		t.Errorf("the log ends at %d", end)
	}
	r.known(2, 0)
	r.known(1, -1)
}

func TestAFollowerThatHasEverythingRemembersItsProducersWhenAllIsDeleted(t *testing.T) {
	r := newRig(t, Options{Nodes: 3, Election: true}, TopicOptions{})
	r.must(1, -1, 0, "0")
	r.DeleteRecords(r.now, r.at, 1)
	r.must(1, -1, 1, "1")
	r.known(2, 1)
	r.Fence(r.now, 1)
	r.must(2, -1, 0, "0")
}
