package scenario

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// answerMax is how long a broker may take to answer.
	answerMax = 30 * time.Second
	// patience is how long await, and a broker that starts, may take.
	patience = 60 * time.Second
	// pollInterval is how often await looks.
	pollInterval = 50 * time.Millisecond
	// answerBytesMax keeps a wrong length from taking all memory.
	answerBytesMax = 16 << 20
)

// ask sends a request to a broker on a connection of its own and returns the answer.
func ask[R kmsg.Response](p *player, node int32, request kmsg.Request) (response R, err error) {
	conn, err := p.target.Dial(p.ctx, node)
	if err != nil {
		return response, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerMax)); err != nil {
		return response, err
	}
	answer, err := exchange(conn, request)
	if err != nil {
		return response, fmt.Errorf("ask node %d: %w", node, err)
	}
	return answer.(R), nil
}

// exchange writes a request and reads its answer.
func exchange(conn net.Conn, request kmsg.Request) (kmsg.Response, error) {
	const correlationID = 1
	raw := kmsg.NewRequestFormatter(kmsg.FormatterClientID("scenario")).AppendRequest(nil, request, correlationID)
	if _, err := conn.Write(raw); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(size[:])
	if length < 5 || length > answerBytesMax {
		return nil, fmt.Errorf("an answer of %d bytes", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	if id := binary.BigEndian.Uint32(body); id != correlationID {
		return nil, fmt.Errorf("correlation id %d, want %d", id, correlationID)
	}
	body = body[4:]
	if request.IsFlexible() {
		body = body[1:] // no tags
	}
	response := request.ResponseKind()
	return response, response.ReadFrom(body)
}

// pause lets a time pass.
func (p *player) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// errNotYet tells that what is awaited is not so yet.
var errNotYet = errors.New("not yet")

// until calls look again and again until it returns nil.
func (p *player) until(look func() error) error {
	for began := time.Now(); ; {
		err := look()
		if err == nil || time.Since(began) > patience {
			return err
		}
		if stopped := p.pause(pollInterval); stopped != nil {
			return stopped
		}
	}
}

// codeName is the protocol's name of an error code, "ok" for none.
func codeName(code int16) string {
	if code == 0 {
		return "ok"
	}
	if known, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code)); ok && known.Code == code {
		return known.Message
	}
	return fmt.Sprintf("error %d", code)
}
