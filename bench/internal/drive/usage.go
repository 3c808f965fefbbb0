package drive

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
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

// tick is the unit in which the kernel tells another process's CPU time: USER_HZ, which is 100 wherever Linux runs.
const tick = 10 * time.Millisecond

// CPUTime is the CPU time of another process so far, all its threads together.
func CPUTime(process string) (user, system time.Duration, err error) {
	stat, err := os.ReadFile(filepath.Join("/proc", process, "stat"))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the program's name, which may be any
	fields := strings.Fields(rest)
	const userAt, systemAt = 11, 12
	if len(fields) <= systemAt {
		return 0, 0, fmt.Errorf("%d fields in the state of process %s", len(fields), process)
	}
	userTicks, err := strconv.Atoi(fields[userAt])
	if err != nil {
		return 0, 0, err
	}
	systemTicks, err := strconv.Atoi(fields[systemAt])
	return time.Duration(userTicks) * tick, time.Duration(systemTicks) * tick, err
}

// ForgetPeakRSS gives memory that nobody uses back to the operating system and begins this process's PeakRSS anew, where the
// system can do that (Linux: see clear_refs in proc(5)).
func ForgetPeakRSS() {
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // elsewhere there is no such file
}

// PeakRSS is the most memory that a process ever had, in bytes; it is named by its id, or "self". getrusage has it too,
// but there a process inherits the peak of the one that started it. 0 where there is no /proc.
func PeakRSS(process string) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", process, "status"))
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
