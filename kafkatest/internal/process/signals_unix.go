//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package process

import (
	"os"
	"syscall"
)

// Supported says whether this system has the signals and locks that this package
// needs.
const Supported = true

// Signals for Process.Signal.
const (
	Terminate = syscall.SIGTERM
	Pause     = syscall.SIGSTOP
	Continue  = syscall.SIGCONT
)

// signalGroup signals a process that leads a group of its own, and all in it.
func signalGroup(pid int, s syscall.Signal) error { return syscall.Kill(-pid, s) }

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// LockFile blocks until this process alone holds the lock. The kernel releases it
// with the process, so no crash leaves it behind.
func LockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return func() { f.Close() }, nil
}
