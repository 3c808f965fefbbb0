// Package measure runs one client with one workload against a null-ack broker and says what it cost.
package measure

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what this process has used up to a moment.
type usage struct {
	at           time.Time
	user, system time.Duration
	mallocs      uint64
	heapBytes    uint64
}

// usageNow looks at the process. CPU time is the kernel's account of all its threads, the garbage collector's included.
func usageNow() (usage, error) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	u := usage{at: time.Now(), mallocs: memory.Mallocs, heapBytes: memory.TotalAlloc}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, os.NewSyscallError("getrusage", err)
	}
	u.user, u.system = time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
	return u, nil
}

// peakRSS is the most memory that the process ever had, in bytes. getrusage has it too, but there a process inherits the
// peak of the one that started it. 0 where there is no /proc.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}
