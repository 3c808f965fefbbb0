package fault

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPlansAreReadAsTheyWereWritten(t *testing.T) {
	plan := Plan{
		{At: 1, Target: Broker(2), Kind: Kill, For: 300},
		{At: 5, Target: Partition("a/b", 7), Kind: Error, N: 19},
		{At: 5, Target: Topic("t"), Kind: Deny},
		{At: 9, Target: Producer, Kind: NoID, For: 10},
	}
	again, err := Read(strings.NewReader("\n" + plan.String()))
	if err != nil || !reflect.DeepEqual(plan, again) {
		t.Fatalf("%v, error %v", again, err)
	}
	if again[0].BrokerID() != 2 || again[0].PartitionNumber() != -1 || again[0].TopicName() != "" {
		t.Errorf("the target of %+v is not the broker 2", again[0])
	}
	if again[1].TopicName() != "a/b" || again[1].PartitionNumber() != 7 || again[1].BrokerID() != 0 {
		t.Errorf("the target of %+v is not the partition", again[1])
	}
	if again[2].TopicName() != "t" || again[2].PartitionNumber() != -1 {
		t.Errorf("the target of %+v is not the topic", again[2])
	}
}

func TestPlansAreReadInTheOrderOfTime(t *testing.T) {
	plan, err := Read(strings.NewReader(`{"t":9,"target":"broker/1","kind":"kill"}
{"t":3,"target":"broker/2","kind":"kill"}`))
	if err != nil || plan[0].At != 3 {
		t.Errorf("%v, error %v", plan, err)
	}
}

func TestWhatIsNoFaultIsRefusedByItsLine(t *testing.T) {
	for _, text := range []string{`{"t":1,"target":"broker/1"}`, `{"t":-1,"target":"broker/1","kind":"kill"}`, `kill`, `{"t":1,"targets":"x"}`} {
		if _, err := Read(strings.NewReader("\n" + text)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestShrinkLeavesWhatItTakesToFail(t *testing.T) {
	var plan Plan
	for at := range int64(40) {
		plan = append(plan, Fault{At: at, Target: Producer, Kind: NoID})
	}
	has := func(p Plan, at int64) bool {
		return slices.ContainsFunc(p, func(f Fault) bool { return f.At == at })
	}
	fails := func(p Plan) bool { return has(p, 3) && has(p, 4) && has(p, 31) }
	shrunk := Shrink(plan, 1000, fails)
	if len(shrunk) != 3 || !fails(shrunk) {
		t.Errorf("shrunk to %v", shrunk)
	}
	if got := Shrink(plan, 1000, func(Plan) bool { return true }); len(got) != 0 {
		t.Errorf("what fails without faults was shrunk to %v", got)
	}
	if got := Shrink(plan, 3, fails); !fails(got) {
		t.Errorf("out of budget it does not fail any more: %v", got)
	}
}
