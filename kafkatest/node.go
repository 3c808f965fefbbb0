package kafkatest

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// Node is one broker of a Kafka.
type Node struct {
	t      testing.TB
	server *realkafka.Server
}

// ID returns the node.id.
func (n *Node) ID() int32 { return n.server.ID() }

// Addr returns the address for clients, which is the proxy's if there is one.
func (n *Node) Addr() string { return n.server.Addr() }

// Pid returns the id of the Java process, 0 when it does not run.
func (n *Node) Pid() int { return n.server.Pid() }

// Stop ends the process in order, by SIGTERM, and waits for its end: it hands its
// leaderships over first. A paused node is resumed. Stopping more than a minority
// at once may take a minute, as they wait for each other; use Kill for that.
func (n *Node) Stop() {
	n.t.Helper()
	n.must(n.server.Stop())
}

// Kill ends the process by SIGKILL and waits until it is gone. What it had not
// written to its files is lost; what only the kernel's page cache holds is not.
func (n *Node) Kill() { n.server.Kill() }

// Pause freezes the process by SIGSTOP: its connections stay open, nothing on
// them is answered, and the kernel goes on accepting new ones.
func (n *Node) Pause() {
	n.t.Helper()
	n.must(n.server.Pause())
}

// Resume lets a paused process go on, by SIGCONT.
func (n *Node) Resume() {
	n.t.Helper()
	n.must(n.server.Resume())
}

// Start starts the process again, with the same ports and data, unless it runs.
// It does not wait: see Kafka.WaitReady and Kafka.WaitInSync.
func (n *Node) Start() {
	n.t.Helper()
	n.must(n.server.Start())
}

// Restart is Stop and Start.
func (n *Node) Restart() {
	n.t.Helper()
	n.Stop()
	n.Start()
}

// Log returns the whole log of the broker so far, over all its lives.
func (n *Node) Log() string { return n.server.Log() }

// LogPath returns the file that the broker logs to.
func (n *Node) LogPath() string { return n.server.LogPath() }

func (n *Node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatalf("kafkatest: node %d: %v", n.ID(), err)
	}
}
