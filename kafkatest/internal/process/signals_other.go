//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package process

import (
	"errors"
	"os/exec"
	"syscall"
)

// Supported says whether this system has the signals and locks that this package
// needs.
const Supported = false

// Signals for Process.Signal.
const (
	Terminate = syscall.Signal(15)
	Pause     = syscall.Signal(19)
	Continue  = syscall.Signal(18)
)

func signalGroup(int, syscall.Signal) error { return errors.ErrUnsupported }

func killGroup(int) error { return errors.ErrUnsupported }

// LockFile is not supported here.
func LockFile(string) (unlock func(), err error) { return nil, errors.ErrUnsupported }

func tieToUs(*exec.Cmd) {}

func watch(*exec.Cmd) (stop func()) { return func() {} }
