package sim

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Exchange is a request that a broker has begun to serve, for those who have connections and a time of their own: nothing
// here waits.
type Exchange struct {
	// Request is the request. A script has decided its fate.
	Request Request

	cluster       *Cluster
	correlationID int32
	producing     *producing    // of a Produce request
	response      kmsg.Response // of the others
}

// Begin has a broker serve a request, a frame without its size that the exchange keeps. decide, which may be nil, says what
// refusal there is in its answer; the rest of a fate is the caller's to do. The broker must be up. The error is of bytes
// that are no request.
func (c *Cluster) Begin(node int32, frame []byte, decide Script) (*Exchange, error) {
	raw, correlationID, err := parseRequest(frame)
	if err != nil {
		return nil, err
	}
	x := &Exchange{Request: c.describe(node, raw), cluster: c, correlationID: correlationID}
	fate := Fate{}
	if decide != nil {
		fate = decide(x.Request)
	}
	if produce, ok := raw.(*kmsg.ProduceRequest); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		begun := reply{Cluster: c, node: node, now: time.Now(), fate: fate}
		x.producing = begun.beginProduce(&x.Request, produce)
		return x, nil
	}
	x.response = c.respond(c.nodes[node-1], &x.Request, fate)
	return x, nil
}

// Over reports whether the broker is done with the request: it answers, or never will.
func (x *Exchange) Over() bool {
	if x.producing == nil {
		return true
	}
	x.cluster.mu.Lock()
	defer x.cluster.mu.Unlock()
	return x.producing.answer.Done() || x.producing.answer.Lost()
}

// Response is the answer of an exchange that is over, which the caller may change and give to Frame; nil if there is none.
func (x *Exchange) Response() kmsg.Response {
	if x.producing == nil {
		return x.response
	}
	x.cluster.mu.Lock()
	defer x.cluster.mu.Unlock()
	if !x.producing.answer.Done() {
		return nil
	}
	return x.producing.finish()
}

// Failed reports whether a Produce request that is over was answered with an error.
func (x *Exchange) Failed() bool {
	response, ok := x.Response().(*kmsg.ProduceResponse)
	return ok && failed(response)
}

// Frame lays out an answer as it goes over the wire.
func (x *Exchange) Frame(response kmsg.Response) []byte { return frame(response, x.correlationID) }
