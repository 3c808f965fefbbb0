package broker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An authentication is renewed after renewShare of its lifetime, as Java does (SaslClientAuthenticator), less up to
// renewJitter of it, so that what connected together does not renew together.
const (
	renewShare  = 0.85
	renewJitter = 0.05
	// renewPauseMin keeps from renewing faster than brokers allow, which is once a second.
	renewPauseMin = 1100 * time.Millisecond
)

// renewal is the renewing of a connection's authentication (KIP-368), if that has a lifetime. It runs on a timer's
// goroutine, of which there is one at most: the mechanism may fetch a token, which no loop can wait for.
//
// What is in flight stays there. While the exchange runs, the requests behind it wait, for a broker hangs up at any other
// request in the middle of one; those that were written before are answered before it, since answers come in order.
type renewal struct {
	timer *time.Timer
	// live ends with the connection.
	live context.Context
	end  context.CancelFunc
	// running holds back all requests but the exchange's.
	running bool
}

// renewLater plans the renewal of an authentication that begins now.
func (c *Conn) renewLater(lifetime time.Duration) {
	if lifetime <= 0 {
		return
	}
	ends := time.Now().Add(lifetime)
	c.renewIn(time.Duration((renewShare-renewJitter*rand.Float64())*float64(lifetime)), ends)
}

func (c *Conn) renewIn(pause time.Duration, ends time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return
	}
	if c.mu.renewal.end == nil {
		c.mu.renewal.live, c.mu.renewal.end = context.WithCancel(context.Background())
	}
	live := c.mu.renewal.live
	c.mu.renewal.timer = time.AfterFunc(max(pause, renewPauseMin), func() { c.renew(live, ends) })
}

// renew authenticates again. A refusal ends the connection, as the broker does by itself.
func (c *Conn) renew(live context.Context, ends time.Time) {
	ctx, cancel := context.WithTimeout(live, c.cfg.requestTimeout())
	defer cancel()
	attempt, err := authn.Begin(ctx, c.cfg.SASL, c.address)
	if err != nil {
		c.cannotRenew(ends, err)
		return
	}
	c.holdBack(true)
	lifetime, err := attempt.Run(func(request kmsg.Request) (kmsg.Response, error) { return c.do(live, request, true) })
	c.holdBack(false)
	if err != nil {
		c.Close(&LostError{Address: c.address, Err: notRenewed(err)})
		return
	}
	c.logger.Debug("authentication renewed", "lifetime", lifetime)
	c.renewLater(lifetime)
}

func notRenewed(err error) error { return fmt.Errorf("authentication was not renewed: %w", err) }

// renewalRefused is the broker's no, if that is what a call was answered with. The read loop ends with it, since the broker
// hangs up at once, and that is the lesser reason.
func (c *Conn) renewalRefused(answered *call) error {
	if !answered.renewal {
		return nil
	}
	if refusal := authn.Refusal(c.mechanism, answered.control.response); refusal != nil {
		return notRenewed(refusal)
	}
	return nil
}

// cannotRenew is for a mechanism that has nothing to offer: whoever gives out tokens may be away for a moment. It is asked
// again in half of the time that is left. When none is left, the broker would hang up at the next request.
func (c *Conn) cannotRenew(ends time.Time, err error) {
	left := time.Until(ends)
	if left < renewPauseMin {
		c.Close(&LostError{Address: c.address, Err: fmt.Errorf("authentication ended and could not be renewed: %w", err)})
		return
	}
	c.logger.Warn("authentication cannot be renewed yet", "error", err, "ends_in", left)
	c.renewIn(left/2, ends)
}

// holdBack lets the write loop send nothing but the exchange, or everything again.
func (c *Conn) holdBack(running bool) {
	c.mu.Lock()
	c.mu.renewal.running = running
	c.mu.sendable.Signal()
	c.mu.Unlock()
}

// stopRenewalLocked ends what is planned, and what a mechanism waits for.
func (c *Conn) stopRenewalLocked() {
	if c.mu.renewal.end != nil {
		c.mu.renewal.timer.Stop()
		c.mu.renewal.end()
	}
}

// heldBackLocked reports whether nothing may be sent now: there is nothing, or it must wait for the renewal.
func (c *Conn) heldBackLocked() bool {
	calls := &c.mu.calls
	return calls.begun == calls.tail || c.mu.renewal.running && !calls.at(calls.begun).renewal
}
