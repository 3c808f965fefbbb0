package bufferpool

import (
	"errors"
	"fmt"
	"time"
)

// ErrClosed is returned to whoever asks for memory after Close, or waits for it when Close is called.
var ErrClosed = errors.New("bufferpool: the pool is closed: nothing can be enqueued any more")

// ErrTimeout is what errors.Is finds in a TimeoutError.
var ErrTimeout = errors.New("bufferpool: no room in time")

// ErrTooLarge is what errors.Is finds in a TooLargeError.
var ErrTooLarge = errors.New("bufferpool: larger than all of buffer.memory")

// TimeoutError says that memory did not become free in time. It is Java's BufferExhaustedException: nothing was
// accepted, and trying again later may succeed.
type TimeoutError struct {
	Wanted int64         // bytes that the request asked for
	Waited time.Duration // how long it waited
	Used   int64         // bytes in use by all when it gave up
	Total  int64         // buffer.memory in bytes
}

// Error names the sizes and the remedy.
func (e *TimeoutError) Error() string {
	hint := "send less, wait longer (max.block.ms) or raise buffer.memory"
	if e.Wanted > e.Total/2 {
		hint = "a request above half of buffer.memory is served only while little is in use: raise buffer.memory"
	}
	return fmt.Sprintf("bufferpool: no room for %d bytes within %v: %d of %d bytes are in use: %s",
		e.Wanted, e.Waited, e.Used, e.Total, hint)
}

// Is makes errors.Is(err, ErrTimeout) true.
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout }

// Timeout is true, as net.Error has it.
func (e *TimeoutError) Timeout() bool { return true }

// TooLargeError says that a request can never be served.
type TooLargeError struct {
	Wanted int64 // bytes that the request asked for
	Most   int64 // the largest request that the pool accepts, in bytes
}

// Error names the sizes and the remedy.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("bufferpool: a request of %d bytes exceeds buffer.memory, which is %d bytes: raise buffer.memory",
		e.Wanted, e.Most)
}

// Is makes errors.Is(err, ErrTooLarge) true.
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }
