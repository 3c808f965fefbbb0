package realkafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/loopback"
	"github.com/omnibus-kafka/omnibus/kafkatest/internal/process"
	"github.com/omnibus-kafka/omnibus/kafkatest/internal/tcpproxy"
)

// stopMax is how long a broker may take to shut down in order.
const stopMax = 60 * time.Second

// Files of a node, in its own directory beside data/.
const (
	logFile        = "server.log"
	outputFile     = "output.txt"
	propertiesFile = "server.properties"
	log4jFile      = "log4j2.properties"
)

// Server is one node: what stays when its process comes and goes.
type Server struct {
	ensemble *Ensemble
	id       int
	dir      string
	ports    []int           // for clients, for brokers and this package, for controllers, and the secured ones
	proxy    *tcpproxy.Proxy // or nil
	admin    *kgo.Client

	mu struct {
		sync.Mutex
		process *process.Process // nil before the first start
		wanted  bool             // it should be running: its end would be a failure
		paused  bool
	}
}

func newServer(e *Ensemble, id int, ports []int) (*Server, error) {
	s := &Server{ensemble: e, id: id, ports: ports, dir: filepath.Join(e.dir, "node-"+strconv.Itoa(id))}
	if err := os.MkdirAll(s.DataDir(), 0o755); err != nil {
		return nil, err
	}
	var err error
	if e.settings.Proxies {
		if s.proxy, err = tcpproxy.Start(loopback.Addr(ports[0])); err != nil {
			return nil, err
		}
	}
	s.admin, err = kgo.NewClient(kgo.SeedBrokers(s.InternalAddr()), kgo.ClientID("kafkatest"))
	return s, err
}

// ID returns the node.id; ids count from 1.
func (s *Server) ID() int32 { return int32(s.id) }

// DataDir returns the log.dirs.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// LogPath returns the file that the broker logs to.
func (s *Server) LogPath() string { return filepath.Join(s.dir, logFile) }

// Log returns the broker's log over all its lives.
func (s *Server) Log() string { return s.readFile(logFile) }

// Proxy returns the proxy before the listener for clients, nil if there is none.
func (s *Server) Proxy() *tcpproxy.Proxy { return s.proxy }

// InternalAddr returns the address of the listener for brokers, which no proxy
// stands before.
func (s *Server) InternalAddr() string { return loopback.Addr(s.ports[1]) }

// Addr returns the address that is advertised to clients.
func (s *Server) Addr() string {
	if s.proxy != nil {
		return s.proxy.Addr()
	}
	return loopback.Addr(s.ports[0])
}

// format writes the node's configuration and formats its data directory.
func (s *Server) format(ctx context.Context, clusterID string) error {
	files := map[string]string{propertiesFile: s.properties(), log4jFile: log4jProperties}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	cmd := s.ensemble.install.command(ctx, fastFlags(), "kafka.tools.StorageTool", "format",
		"-t", clusterID, "-c", filepath.Join(s.dir, propertiesFile))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := process.Run(cmd); err != nil {
		return fmt.Errorf("format node %d: %w: %s", s.id, err, out.String())
	}
	return nil
}

// newClusterID returns 16 random bytes as Kafka's Uuid writes them. It never
// begins with '-', which the tool would take for an option.
func newClusterID() string {
	for {
		var b [16]byte
		rand.Read(b[:])
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id
		}
	}
}

func fastFlags() []string { return []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"} }

// Start starts the process unless it is running.
func (s *Server) Start() error {
	if s.running() {
		return nil
	}
	flags := []string{"-Xms128m", "-Xmx512m"}
	if !s.ensemble.settings.FullSpeed {
		flags = append(flags, fastFlags()...)
	}
	flags = append(flags, s.ensemble.settings.Secured.flags()...)
	flags = append(flags, s.ensemble.settings.JVMFlags...)
	flags = append(flags, "-Dkafkatest.log="+filepath.Join(s.dir, logFile),
		"-Dlog4j2.configurationFile="+filepath.Join(s.dir, log4jFile))
	cmd := s.ensemble.install.command(context.Background(), flags,
		"kafka.Kafka", filepath.Join(s.dir, propertiesFile))
	p, err := s.spawn(cmd)
	if err != nil {
		return fmt.Errorf("start node %d: %w", s.id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.process, s.mu.wanted, s.mu.paused = p, true, false
	return nil
}

// spawn starts cmd with its output added to the node's file.
func (s *Server) spawn(cmd *exec.Cmd) (*process.Process, error) {
	out, err := os.OpenFile(filepath.Join(s.dir, outputFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own descriptor
	cmd.Stdout, cmd.Stderr = out, out
	return process.Start(cmd)
}

func (s *Server) current() *process.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.process
}

func (s *Server) running() bool {
	p := s.current()
	return p != nil && p.Running()
}

// signal signals the process if it runs, and keeps the books on pauses.
func (s *Server) signal(sig syscall.Signal) error {
	p := s.current()
	if p == nil {
		return nil
	}
	s.mu.Lock()
	s.mu.paused = sig == process.Pause || s.mu.paused && sig != process.Continue
	s.mu.Unlock()
	return p.Signal(sig)
}

// Pid returns the id of the process, 0 when it does not run.
func (s *Server) Pid() int {
	if p := s.current(); p != nil && p.Running() {
		return p.Pid()
	}
	return 0
}

// Pause freezes the process by SIGSTOP.
func (s *Server) Pause() error { return s.signal(process.Pause) }

// Resume lets a paused process go on, by SIGCONT.
func (s *Server) Resume() error { return s.signal(process.Continue) }

// Stop ends the process by SIGTERM and waits for its end. A paused one is resumed.
func (s *Server) Stop() error {
	s.release()
	p := s.current()
	if err := errors.Join(s.Resume(), s.signal(process.Terminate)); err != nil || p == nil {
		return err
	}
	select {
	case <-p.Done():
		return nil
	case <-time.After(stopMax):
		return fmt.Errorf("node %d has not stopped within %v of SIGTERM", s.id, stopMax)
	}
}

// release says that the process may end.
func (s *Server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wanted = false
}

// state says whether the node is meant to answer, and an error if its process has
// ended though it was.
func (s *Server) state() (answers bool, err error) {
	s.mu.Lock()
	wanted, paused, p := s.mu.wanted, s.mu.paused, s.mu.process
	s.mu.Unlock()
	if !wanted {
		return false, nil
	}
	if !p.Running() {
		return false, fmt.Errorf("node %d has ended by itself (%v)", s.id, p.Err())
	}
	return !paused, nil
}

// Kill ends the process by SIGKILL and waits until it is gone.
func (s *Server) Kill() {
	s.release()
	if p := s.current(); p != nil {
		p.Kill()
	}
}

func (s *Server) close() {
	s.Kill()
	if s.admin != nil {
		s.admin.Close()
	}
	if s.proxy != nil {
		s.proxy.Close()
	}
}

// readFile returns a file of the node, "" if it does not exist yet.
func (s *Server) readFile(name string) string {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return ""
	}
	return string(b)
}
