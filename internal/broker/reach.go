package broker

import "sync/atomic"

// Reach is how a broker can be reached over its present or next connection, for whoever must say why a record takes so
// long. One goroutine writes it, and any may read it.
type Reach struct {
	// Dialing watches the attempts to connect.
	Dialing Dialing
	conn    atomic.Pointer[Conn]
	lost    atomic.Pointer[error] // why there is no connection, once there was one or an attempt failed
}

// Connected notes that there is a connection.
func (r *Reach) Connected(conn *Conn) {
	r.lost.Store(nil)
	r.conn.Store(conn)
}

// Failed notes why there is no connection; nil if it was not needed any more.
func (r *Reach) Failed(err error) {
	r.conn.Store(nil)
	if err == nil {
		r.lost.Store(nil)
	} else {
		r.lost.Store(&err)
	}
}

// Away says why there is no connection, nil if there is one or none was needed. A failure says more than the attempt after it.
func (r *Reach) Away() error {
	if err := r.lost.Load(); err != nil {
		return *err
	}
	return r.Dialing.Err()
}

// Slow says how long the broker has owed an answer, nil if it owes none.
func (r *Reach) Slow() error {
	if conn := r.conn.Load(); conn != nil {
		return conn.Unanswered()
	}
	return nil
}
