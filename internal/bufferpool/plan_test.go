package bufferpool

import "testing"

func TestPlanCoversTheRequestAndWastesLittle(t *testing.T) {
	for hint := Class1K; hint <= Class64K; hint++ {
		for bytes := int64(0); bytes < 300<<10; bytes += 97 {
			pl := planFor(bytes, hint)
			sum := int64(0)
			smallest := Class64K
			for c := Class64K; ; c-- {
				sum += int64(pl.slabs[c] * c.Bytes())
				if pl.slabs[c] > 0 {
					smallest = c
				}
				if c == Class1K {
					break
				}
			}
			waste := pl.charge - max(bytes, 1)
			switch {
			case sum != pl.charge:
				t.Fatalf("%d bytes, hint %d: slabs of %d bytes are charged as %d", bytes, hint, sum, pl.charge)
			case waste < 0:
				t.Fatalf("%d bytes, hint %d: only %d are covered", bytes, hint, pl.charge)
			case waste >= int64(hint.Bytes()) && 4*waste > bytes+waste:
				t.Fatalf("%d bytes, hint %d: %d bytes are wasted", bytes, hint, waste)
			case smallest < hint:
				t.Fatalf("%d bytes, hint %d: a slab of class %d", bytes, hint, smallest)
			}
		}
	}
}

func TestPlanUsesFewLargeSlabs(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		hint  Class
		want  [classes]int
	}{
		{1, Class1K, [classes]int{1, 0, 0, 0}},
		{1, Class16K, [classes]int{0, 0, 1, 0}},
		{2 << 10, Class1K, [classes]int{2, 0, 0, 0}},
		{3 << 10, Class1K, [classes]int{0, 1, 0, 0}},
		{12 << 10, Class1K, [classes]int{0, 0, 1, 0}},
		{17 << 10, Class16K, [classes]int{0, 0, 2, 0}},
		{70 << 10, Class1K, [classes]int{2, 1, 0, 1}},
		{1 << 20, Class4K, [classes]int{0, 0, 0, 16}},
	} {
		if got := planFor(c.bytes, c.hint); got.slabs != c.want {
			t.Errorf("%d bytes, hint %d: %v, want %v", c.bytes, c.hint, got.slabs, c.want)
		}
	}
}

func TestExactPlanSparesLessThanAKiB(t *testing.T) {
	for bytes := int64(1); bytes < 200<<10; bytes += 61 {
		pl := planExact(bytes)
		sum := int64(0)
		for c, n := range pl.slabs {
			sum += int64(n * Class(c).Bytes())
		}
		if sum != pl.charge || sum < bytes || sum-bytes >= unitBytes {
			t.Fatalf("%d bytes: slabs of %d, charged %d", bytes, sum, pl.charge)
		}
	}
}

func TestClassForIsTheSmallestThatFits(t *testing.T) {
	for bytes, want := range map[int]Class{
		0: Class1K, 1024: Class1K, 1025: Class4K, 4097: Class16K, 16385: Class64K, 1 << 20: Class64K,
	} {
		if got := ClassFor(bytes); got != want {
			t.Errorf("%d bytes: class %d, want %d", bytes, got, want)
		}
	}
}
