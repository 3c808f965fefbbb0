package core

import (
	"sync/atomic"

	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// reach is how a node can be reached, for whoever must say why a record takes so long. The loop writes it, and any
// goroutine may read it.
type reach struct {
	Dialing broker.Dialing
	conn    atomic.Pointer[broker.Conn]
	lost    atomic.Pointer[error] // why there is no connection, once there was one or an attempt failed
}

// connected notes that there is a connection.
func (r *reach) Connected(conn *broker.Conn) {
	r.lost.Store(nil)
	r.conn.Store(conn)
}

// failed notes why there is no connection; nil if it was not needed any more.
func (r *reach) Failed(err error) {
	r.conn.Store(nil)
	if err == nil {
		r.lost.Store(nil)
	} else {
		r.lost.Store(&err)
	}
}

// away says why there is no connection, nil if there is one or none was needed. A failure says more than the attempt after it.
func (r *reach) away() error {
	if err := r.lost.Load(); err != nil {
		return *err
	}
	return r.Dialing.Err()
}

// slow says how long the broker has owed an answer, nil if it owes none.
func (r *reach) slow() error {
	if conn := r.conn.Load(); conn != nil {
		return conn.Unanswered()
	}
	return nil
}
