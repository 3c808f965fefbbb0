package check

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Held is what a process holds at a moment: goroutines, and open files and sockets where the system lists them.
type Held struct {
	goroutines  map[string]string // stacks by number
	descriptors map[string]string // what they are of
}

// Hold notes what the process holds now.
func Hold() *Held { return &Held{goroutines: goroutines(), descriptors: descriptors()} }

// leakPatience is how long something may take to end by itself.
const leakPatience = 5 * time.Second

// Leaked tells what the process holds now and did not hold then: the stacks of goroutines, and lines that begin with
// "descriptor". ignore, which may be nil, says of either whether it is no concern. What is about to end gets a few
// seconds for it. nil is well.
func (h *Held) Leaked(ignore func(what string) bool) []string {
	began := time.Now()
	for wait := time.Millisecond; ; wait *= 2 {
		leaked := h.more(ignore)
		if len(leaked) == 0 || time.Since(began) > leakPatience {
			return leaked
		}
		<-time.After(wait)
	}
}

// more tells what there is more now.
func (h *Held) more(ignore func(what string) bool) (leaked []string) {
	now := Hold()
	add := func(what string) {
		if ignore == nil || !ignore(what) {
			leaked = append(leaked, what)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(now.goroutines)) {
		if _, before := h.goroutines[id]; !before {
			add(now.goroutines[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(now.descriptors)) {
		if target := now.descriptors[id]; h.descriptors[id] != target {
			add(fmt.Sprintf("descriptor %s: %s", id, target))
		}
	}
	return leaked
}

// goroutines returns the stacks of all goroutines but the caller's, by their number.
func goroutines() map[string]string {
	dump := make([]byte, 1<<20)
	for {
		if n := runtime.Stack(dump, true); n < len(dump) {
			dump = dump[:n]
			break
		}
		dump = make([]byte, 2*len(dump))
	}
	all := make(map[string]string)
	for i, stack := range strings.Split(string(dump), "\n\n") {
		if i == 0 {
			continue // the caller
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
		all[id] = stack
	}
	return all
}

// descriptors returns what each open descriptor is of, without those of the runtime. Only Linux lists them.
func descriptors() map[string]string {
	const folder = "/proc/self/fd"
	all := make(map[string]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return all
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(folder, e.Name()))
		if err != nil || strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, folder) || strings.HasPrefix(target, "/proc/") {
			continue // gone again, of the poller, or of the folder that was just read
		}
		all[e.Name()] = target
	}
	return all
}
