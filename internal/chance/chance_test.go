package chance

import (
	"context"
	"testing"
)

func draws(s *Source) (all [3]any) {
	order := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	all[0], all[1] = s.Uint64(), s.Float64()
	all[2] = [10]int(order)
	return all
}

func TestASeedAlwaysDrawsTheSame(t *testing.T) {
	one, other := From(With(context.Background(), 7)), From(With(context.Background(), 7))
	if split := one.Split(); draws(split) != draws(other.Split()) || draws(one) != draws(other) {
		t.Error("the same seed draws differently")
	}
	if draws(From(With(context.Background(), 8))) == draws(From(With(context.Background(), 9))) {
		t.Error("two seeds draw the same")
	}
}

func TestWithoutASeedNothingIsDrawnTwice(t *testing.T) {
	s := From(context.Background())
	if s != nil || draws(s) == draws(s.Split()) {
		t.Error("a source without a seed repeats itself")
	}
	if f := s.Float64(); f < 0 || f >= 1 {
		t.Error(f)
	}
}
