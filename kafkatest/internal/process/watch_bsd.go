//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package process

import (
	"os/exec"
	"strconv"
	"syscall"
)

func tieToUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// watch starts a shell that reads a pipe of ours and kills the process's group at
// its end, which comes when this process ends, however it ends.
func watch(cmd *exec.Cmd) (stop func()) {
	guard := exec.Command("/bin/sh", "-c", `read line; [ "$line" = done ] || kill -9 -"$1"`, "sh", strconv.Itoa(cmd.Process.Pid))
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := guard.StdinPipe()
	if err != nil || guard.Start() != nil {
		return func() {}
	}
	return func() {
		pipe.Write([]byte("done\n"))
		pipe.Close()
		guard.Wait()
	}
}
