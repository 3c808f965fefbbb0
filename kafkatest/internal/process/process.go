// Package process runs child processes that die with this one, whatever kills it:
// on Linux by the parent-death signal, on other Unixes by a shell that waits for
// the end of a pipe. Elsewhere Supported is false and nothing works.
package process

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Process is a child that was started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has been reaped
	err  error         // how it ended; set before done is closed
}

// Start starts cmd in a process group of its own. The goroutine that
// starts it keeps its thread until the child has ended, because on Linux the child
// dies with that thread.
func Start(cmd *exec.Cmd) (*Process, error) {
	tieToUs(cmd)
	if cmd.Cancel != nil { // made with a context: its end is to take the whole group
		cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		stopWatch := watch(cmd)
		started <- nil
		p.err = cmd.Wait()
		stopWatch()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Run starts cmd and waits for its end.
func Run(cmd *exec.Cmd) error {
	p, err := Start(cmd)
	if err != nil {
		return err
	}
	<-p.done
	return p.err
}

// Running reports whether the child has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Pid returns the child's process id, which is its group's too.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the child and all that it has started, if it runs.
func (p *Process) Signal(s syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	return signalGroup(p.Pid(), s)
}

// Kill ends the child by SIGKILL and returns when it is gone.
func (p *Process) Kill() {
	if p.Running() {
		// An error means that it ended by itself in between.
		_ = killGroup(p.Pid())
		<-p.done
	}
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the child ended, nil for status 0. It is to be called after Done.
func (p *Process) Err() error { return p.err }
