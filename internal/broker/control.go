package broker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/omnibus-kafka/omnibus/internal/wire/shape"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// correlationIDOffset is where a request's frame has it, in bytes: after length, key and version.
const correlationIDOffset = 8

// controlCall is a request other than Produce. Its frame is laid out by the caller of Do, all but the correlation id.
type controlCall struct {
	frame     []byte
	flexible  bool
	response  kmsg.Response // filled by the read loop, then handed to the caller through done
	done      chan error    // has room for the one outcome, so that nobody waits for a caller that has gone
	abandoned atomic.Bool   // the caller has gone: its answer is dropped without being decoded
}

// Do sends a request and waits for its answer, in the highest version that both sides know, which it sets in request.
// It blocks until the answer is there, the connection ends, or ctx ends; then the connection lives on and the answer is
// dropped when it comes. The request may be changed again when Do returns. An answer's throttle time is the caller's
// to obey (kmsg.ThrottleResponse).
//
// The answer is believed up to the limits of package shape.
//
// Errors: ErrUnsupported if there is no common version (nothing was sent), ctx's error, or why the connection ended.
// The broker's own error codes are in the response.
func (c *Conn) Do(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return c.do(ctx, request, false)
}

// do is Do, also for the renewal of the authentication.
func (c *Conn) do(ctx context.Context, request kmsg.Request, renewal bool) (kmsg.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	version, err := c.commonVersion(request)
	if err != nil {
		return nil, err
	}
	limit := shape.BytesMax(request.Key())
	if limit == 0 {
		return nil, fmt.Errorf("%w: package shape does not describe what %s is answered", ErrUnsupported,
			kmsg.NameForKey(request.Key()))
	}
	request.SetVersion(version)
	control := &controlCall{
		frame:    c.format.AppendRequest(nil, request, 0),
		flexible: request.IsFlexible() && request.Key() != apiVersionsKey,
		response: request.ResponseKind(),
		done:     make(chan error, 1),
	}
	now := time.Now()
	accepted := c.enqueue(call{
		control:       control,
		key:           request.Key(),
		version:       version,
		responseLimit: limit,
		expectsAnswer: true,
		renewal:       renewal,
		queuedAt:      now,
		deadline:      now.Add(c.cfg.requestTimeout()),
	})
	if !accepted {
		return nil, c.closedBy()
	}
	select {
	case err := <-control.done:
		if err != nil {
			return nil, err
		}
		return control.response, nil
	case <-ctx.Done():
		control.abandoned.Store(true)
		return nil, fmt.Errorf("%s to %s: no answer yet: %w", kmsg.NameForKey(request.Key()), c.address, ctx.Err())
	}
}

func (c *Conn) closedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.cause
}

func (c *Conn) commonVersion(request kmsg.Request) (int16, error) {
	theirs, ok := c.versions[request.Key()]
	if !ok {
		return 0, fmt.Errorf("%w: %s does not know %s", ErrUnsupported, c.address, kmsg.NameForKey(request.Key()))
	}
	version := min(request.MaxVersion(), theirs.max)
	if version < theirs.min {
		return 0, fmt.Errorf("%w: %s, this client %d at most", ErrUnsupported, theirs.describe(request.Key()),
			request.MaxVersion())
	}
	return version, nil
}

// parse decodes the answer, which keeps the frame: bytes and unknown fields in it are views.
func (c *controlCall) parse(frame []byte) error {
	_, body, err := wire.ParseResponseHeader(c.flexible, frame)
	if err != nil || c.abandoned.Load() {
		return err
	}
	return decode(c.response, body)
}

// decode fills a response whose version is set, after its bytes were found to be an answer that can be afforded.
func decode(into kmsg.Response, body []byte) error {
	if err := shape.Check(into.Key(), into.GetVersion(), body); err != nil {
		return err
	}
	return into.ReadFrom(body)
}
