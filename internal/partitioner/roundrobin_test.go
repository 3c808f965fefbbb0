package partitioner

import (
	"math"
	"slices"
	"testing"
)

func TestRoundRobinTakesPartitionsWithLeadersInTurn(t *testing.T) {
	r := NewRoundRobin(1)
	var got []int32
	for range 4 {
		got = append(got, r.Next(&View{Partitions: 9, Available: []int32{2, 5, 8}}))
	}
	for range 3 {
		got = append(got, r.Next(&View{Partitions: 4}))
	}
	if want := []int32{5, 8, 2, 5, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if p := r.Next(&View{}); p != -1 {
		t.Errorf("a topic without partitions: %d, want -1", p)
	}
}

func TestRoundRobinSurvivesTheEndOfItsCounter(t *testing.T) {
	r := NewRoundRobin(math.MaxInt32)
	for i := range 4 {
		if p := r.Next(view(7)); p < 0 || p > 6 {
			t.Fatalf("step %d: partition %d", i, p)
		}
	}
	r = NewRoundRobin(math.MaxUint32)
	for i := range 4 {
		if p := r.Next(view(7)); p < 0 || p > 6 {
			t.Fatalf("step %d: partition %d", i, p)
		}
	}
}
