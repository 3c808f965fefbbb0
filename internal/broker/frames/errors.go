package frames

import (
	"errors"
	"fmt"
	"strings"
)

// ErrProtocol is in every error that says what came is not an answer to what was asked.
var ErrProtocol = errors.New("protocol violation")

// ForeignError is a frame whose length cannot be meant: above what its request may bring, or below what every answer has.
// Mostly the peer does not speak Kafka at all, and the four bytes then are the beginning of what it does speak.
type ForeignError struct {
	head       [4]byte
	size       int32
	limitBytes int
}

// IsTLS reports whether the peer speaks TLS: an alert, or a handshake.
func (e *ForeignError) IsTLS() bool {
	const alert, handshake, majorVersion = 0x15, 0x16, 0x03
	return (e.head[0] == alert || e.head[0] == handshake) && e.head[1] == majorVersion
}

func (e *ForeignError) isText() bool {
	for _, b := range e.head {
		if b != '\r' && b != '\n' && (b < ' ' || b > '~') {
			return false
		}
	}
	return true
}

// Error says what the bytes look like.
func (e *ForeignError) Error() string {
	switch {
	case e.IsTLS():
		return "the port answers in TLS; configure TLS for it, or use the plaintext listener's port"
	case string(e.head[:]) == "HTTP":
		return "the port answers in HTTP; this is a web server's address, not a broker's"
	case e.isText():
		return fmt.Sprintf("the port answers with text (%q); it does not speak Kafka", strings.TrimSpace(string(e.head[:])))
	}
	return fmt.Sprintf("response frame of %d bytes (first bytes % x), at most %d are possible here",
		e.size, e.head, e.limitBytes)
}

// Permanent reports whether the next attempt would meet the same.
func (e *ForeignError) Permanent() bool { return e.IsTLS() }

// Unwrap makes every ForeignError a protocol violation.
func (e *ForeignError) Unwrap() error { return ErrProtocol }

// strangerError is a frame that is not the answer which is due.
type strangerError struct {
	head     [8]byte
	id, want int32
}

// isHTTP2 reports the frame with which an HTTP/2 server begins: type 4, SETTINGS, on stream 0.
func (e *strangerError) isHTTP2() bool {
	return e.head[0] == 0 && e.head[3] == 4 && e.head[4] <= 1 && e.head[5]|e.head[6]|e.head[7] == 0
}

// Error says what the frame looks like.
func (e *strangerError) Error() string {
	if e.isHTTP2() {
		return "the port answers in HTTP/2; this is a web or gRPC server's address, not a broker's"
	}
	return fmt.Sprintf("answer with correlation id %d, expected %d", e.id, e.want)
}

// Unwrap makes every strangerError a protocol violation.
func (e *strangerError) Unwrap() error { return ErrProtocol }
