package accumulator

import (
	"testing"
	"unsafe"
)

func TestAPartitionIsLaidOutByOccasion(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("laid out for 64 bits")
	}
	var p Partition
	for line, fields := range [][2]uintptr{ // the first byte, and that behind the last one
		{unsafe.Offsetof(p.signals), unsafe.Offsetof(p.mu) + unsafe.Offsetof(p.mu.later)},
		{unsafe.Offsetof(p.mu) + unsafe.Offsetof(p.mu.later), unsafe.Offsetof(p.Sender) + unsafe.Sizeof(p.Sender)},
		{unsafe.Offsetof(p.Turns), unsafe.Offsetof(p.inbox) + unsafe.Sizeof(p.inbox)},
		{unsafe.Offsetof(p.Lane), unsafe.Offsetof(p.Lane) + unsafe.Sizeof(p.Lane)},
	} {
		if begin := uintptr(line) * 64; fields[0] != begin || fields[1] != begin+64 {
			t.Errorf("line %d has the bytes %d to %d, wanted %d to %d", line, fields[0], fields[1], begin, begin+64)
		}
	}
	if size := unsafe.Sizeof(p); size != 256 { // a size class of Go's, so that a Partition begins where a line does
		t.Errorf("a Partition has %d bytes", size)
	}
}
