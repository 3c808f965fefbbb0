// Package realkafka runs Apache Kafka brokers: one Java process each, in KRaft mode
// with every node broker and controller, from jars that Maven brings. It knows
// nothing of tests; errors say what went wrong.
//
//	cache/kafka-4.3.1/*.jar      Installation, shared by all processes of the user
//	tmp/kafkatest-*/node-N/      server.properties, data/, server.log, output.txt
//
// Each node has three listeners: for clients (behind a proxy if asked), for the
// other brokers and this package (never behind one), for controllers.
package realkafka

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/loopback"
)

const (
	portRetries = 3  // starts tried when another process took one of the ports
	tailLines   = 60 // of each node's log and of its output, in Tails
)

// Settings says what cluster to start.
type Settings struct {
	Nodes      int         // at least 1
	Properties [][2]string // lines of server.properties that come last, so they win
	JVMFlags   []string    // after this package's own
	FullSpeed  bool        // without the flags for a fast start
	Proxies    bool        // one before each node's listener for clients
	Secured    *Secured    // more listeners for clients, with TLS and SASL; nil for none
}

// Ensemble is a running cluster. Its methods are for one goroutine at a time,
// except those of its servers.
type Ensemble struct {
	install  Installation
	settings Settings
	dir      string
	servers  []*Server
	readyIn  time.Duration
	endOnce  sync.Once
}

// Start starts a cluster and waits until it is ready.
func Start(ctx context.Context, inst Installation, settings Settings) (*Ensemble, error) {
	for attempt := 1; ; attempt++ {
		e, err := try(ctx, inst, settings)
		if err == nil {
			return e, nil
		}
		if attempt == portRetries || !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
}

func try(ctx context.Context, inst Installation, settings Settings) (*Ensemble, error) {
	begin := time.Now()
	dir, err := os.MkdirTemp("", "kafkatest-")
	if err != nil {
		return nil, err
	}
	e := &Ensemble{install: inst, settings: settings, dir: dir}
	err = e.prepare(ctx)
	if err == nil {
		err = e.launch(ctx)
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, e.Tails())
		e.Close()
		return nil, err
	}
	e.readyIn = time.Since(begin)
	return e, nil
}

// prepare writes each node's files and formats its directory, all at once.
func (e *Ensemble) prepare(ctx context.Context) error {
	portsPerNode := 3
	if e.settings.Secured != nil {
		portsPerNode += len(securedListeners)
	}
	ports, err := loopback.FreePorts(e.settings.Nodes * portsPerNode)
	if err != nil {
		return err
	}
	id := newClusterID()
	for i := range e.settings.Nodes {
		s, err := newServer(e, i+1, ports[i*portsPerNode:(i+1)*portsPerNode])
		if err != nil {
			return err
		}
		e.servers = append(e.servers, s)
	}
	errs := make(chan error, len(e.servers))
	for _, s := range e.servers {
		go func() { errs <- s.format(ctx, id) }()
	}
	var failed error
	for range e.servers {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	return failed
}

func (e *Ensemble) launch(ctx context.Context) error {
	for _, s := range e.servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	return Poll(ctx, e.Ready)
}

// Heal brings back whatever was stopped, paused or disturbed, and waits until the
// cluster is ready.
func (e *Ensemble) Heal(ctx context.Context) error {
	for _, s := range e.servers {
		if s.proxy != nil {
			if err := s.proxy.Reset(); err != nil {
				return err
			}
		}
		if err := s.Resume(); err != nil {
			return err
		}
	}
	return e.launch(ctx)
}

// Close kills every node and removes the files. It may be called more than once.
func (e *Ensemble) Close() {
	e.endOnce.Do(func() {
		for _, s := range e.servers {
			s.close()
		}
		os.RemoveAll(e.dir)
	})
}

// Servers returns the nodes, in the order of ids.
func (e *Ensemble) Servers() []*Server { return e.servers }

// ReadyIn returns how long the start took, without fetching the jars.
func (e *Ensemble) ReadyIn() time.Duration { return e.readyIn }

// Tails returns the end of each node's log and output.
func (e *Ensemble) Tails() string {
	var b strings.Builder
	for _, s := range e.servers {
		fmt.Fprintf(&b, "--- Kafka node %d, last %d lines\n%s%s", s.id, tailLines,
			lastLines(s.readFile(outputFile), tailLines), lastLines(s.readFile(logFile), tailLines))
	}
	return b.String()
}
