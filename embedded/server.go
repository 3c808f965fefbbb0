package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// connectionsMax bounds how many clients are served at once; one more is refused.
	connectionsMax = 1000
	// acceptRetry is the pause after a failed accept, such as one for want of file descriptors.
	acceptRetry = 50 * time.Millisecond
	// dropLogInterval is how often a dropped connection is worth a line in the log.
	dropLogInterval = time.Second
)

// server is the listener handed to kfake: it filters what comes in, bounds how many may come, and shuts everything at
// once when the disk fails. kfake gives up listening after the first error from Accept, so Accept returns one only when
// the server has been closed.
type server struct {
	net.Listener
	advertise net.Addr
	known     knownVersions
	memory    *memory
	logger    *slog.Logger
	ready     chan struct{} // closed when clients may come
	closed    chan struct{}
	topics    *topicNames
	durable   *entrySyncer // nil without a directory, or if nothing is synced

	mu struct {
		sync.Mutex
		connections map[*filterConn]struct{}
		failed      error
		closed      bool
		droppedAt   time.Time
		droppedMore int
	}
}

func newServer(cfg Config, topics *topicNames, durable *entrySyncer) (*server, error) {
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded: listen on %q: %w", cfg.Listen, err)
	}
	s := &server{
		Listener:  listener,
		advertise: listener.Addr(),
		known:     readableVersions(),
		memory:    newMemory(),
		topics:    topics,
		durable:   durable,
		logger:    cfg.Logger,
		ready:     make(chan struct{}),
		closed:    make(chan struct{}),
	}
	if cfg.Advertise != "" {
		s.advertise = address(cfg.Advertise)
	}
	s.mu.connections = make(map[*filterConn]struct{})
	return s, nil
}

// address is a host:port that clients are told, whatever the socket is bound to.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// Addr is the address that kfake tells clients to connect to.
func (s *server) Addr() net.Addr { return s.advertise }

// open lets clients in. kfake listens before anybody can put hooks before its work.
func (s *server) open() { close(s.ready) }

// Accept waits for the next client. It returns an error only after Close.
func (s *server) Accept() (net.Conn, error) {
	select {
	case <-s.ready:
	case <-s.closed:
		return nil, net.ErrClosed
	}
	for {
		conn, err := s.Listener.Accept()
		if err == nil {
			if accepted := s.admit(conn); accepted != nil {
				return accepted, nil
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		s.logger.Warn("embedded broker: cannot accept a connection", "error", err)
		select {
		case <-s.closed:
			return nil, net.ErrClosed
		case <-time.After(acceptRetry):
		}
	}
}

// admit wraps conn, or closes it and returns nil when there are too many.
func (s *server) admit(conn net.Conn) net.Conn {
	wrapped := &filterConn{Conn: conn, server: s}
	s.mu.Lock()
	full := len(s.mu.connections) >= connectionsMax
	refused := full || s.mu.closed
	if !refused {
		s.mu.connections[wrapped] = struct{}{}
	}
	s.mu.Unlock()
	if !refused {
		return wrapped
	}
	if full {
		s.dropped(conn, fmt.Errorf("%w: %d connections are open already", errNotKafka, connectionsMax))
	}
	conn.Close()
	return nil
}

func (s *server) forget(conn *filterConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.connections, conn)
}

// dropped logs why a connection ends, if it is not the client's own wish, at most once a dropLogInterval.
func (s *server) dropped(conn net.Conn, err error) {
	if !errors.Is(err, errNotKafka) {
		return
	}
	now := time.Now()
	s.mu.Lock()
	quiet := now.Sub(s.mu.droppedAt) < dropLogInterval
	more := s.mu.droppedMore
	if quiet {
		s.mu.droppedMore++
	} else {
		s.mu.droppedAt, s.mu.droppedMore = now, 0
	}
	s.mu.Unlock()
	if !quiet {
		s.logger.Warn("embedded broker: connection dropped", "client", conn.RemoteAddr(), "reason", err, "others_unlogged", more)
	}
}

// beforeAnswer makes durable what the answer says is done; if that fails, no answer leaves any more. Records in the answer are
// given their producers' ids back.
func (s *server) beforeAnswer(request outstanding, answer []byte) {
	if request.key == keyFetch {
		s.topics.rejoin(request.version, answer)
	}
	if s.durable == nil {
		return
	}
	if err := s.durable.finish(request, answer); err != nil {
		s.fail(fmt.Errorf("embedded: the disk failed, nothing more is acknowledged: %w", err))
	}
}

// Close stops listening. Connections stay open until kfake has answered what it has begun.
func (s *server) Close() error {
	s.mu.Lock()
	already := s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	close(s.closed)
	return s.Listener.Close()
}

// fail ends every connection for good; from now on no answer leaves. Only the first reason is kept.
func (s *server) fail(reason error) {
	s.mu.Lock()
	if s.mu.failed == nil {
		s.mu.failed = reason
	}
	open := make([]net.Conn, 0, len(s.mu.connections))
	for conn := range s.mu.connections {
		open = append(open, conn.Conn)
	}
	s.mu.Unlock()
	s.Close()
	for _, conn := range open {
		conn.Close()
	}
}

// failure is the reason given to fail, or nil.
func (s *server) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.failed
}
