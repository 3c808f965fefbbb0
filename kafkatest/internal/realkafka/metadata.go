package realkafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	waitMax      = 90 * time.Second // for any wait on the cluster as a whole
	pollInterval = 50 * time.Millisecond
)

// requestMax bounds one request to one node; a paused one would take for ever.
const requestMax = 5 * time.Second

// Poll calls fn until it returns nil, at most waitMax long. A *FinalError ends it
// at once.
func Poll(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, waitMax)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := fn(ctx)
		if final := (*FinalError)(nil); err == nil || errors.As(err, &final) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; waited since: %w", ctx.Err(), err)
		}
	}
}

// FinalError is one that waiting will not cure.
type FinalError struct{ error }

// Unwrap returns the error itself.
func (e *FinalError) Unwrap() error { return e.error }

// answering returns the servers that are meant to answer requests.
func (e *Ensemble) answering() ([]*Server, error) {
	var out []*Server
	for _, s := range e.servers {
		answers, err := s.state()
		if err != nil {
			return nil, &FinalError{err}
		}
		if answers {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, &FinalError{errors.New("no node is running")}
	}
	return out, nil
}

// ask sends a request to one node, past any proxy. Brokers pass on to the
// controller what is for the controller.
func ask[R kmsg.Response](ctx context.Context, s *Server, req kmsg.Request) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, requestMax)
	defer cancel()
	var none R
	resp, err := s.admin.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return none, fmt.Errorf("ask node %d: %w", s.id, err)
	}
	return resp.(R), nil
}

// metadata asks a node for topics, or for the brokers alone if none is named.
func (s *Server) metadata(ctx context.Context, topics ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
	}
	return ask[*kmsg.MetadataResponse](ctx, s, req)
}

// Ready returns nil when every node that is meant to run knows all the others
// and a controller.
func (e *Ensemble) Ready(ctx context.Context) error {
	servers, err := e.answering()
	if err != nil {
		return err
	}
	for _, s := range servers {
		resp, err := s.metadata(ctx)
		if err != nil {
			return err
		}
		if resp.ControllerID < 0 {
			return fmt.Errorf("node %d knows no controller", s.id)
		}
		for _, other := range servers {
			if !slices.ContainsFunc(resp.Brokers, func(b kmsg.MetadataResponseBroker) bool { return int(b.NodeID) == other.id }) {
				return fmt.Errorf("node %d does not see node %d", s.id, other.id)
			}
		}
	}
	return nil
}

// Placed returns nil when every node that is meant to run shows all partitions of
// the topic with a leader, and with a full ISR if inSync.
func (e *Ensemble) Placed(ctx context.Context, topic string, partitions int, inSync bool) error {
	servers, err := e.answering()
	if err != nil {
		return err
	}
	for _, s := range servers {
		resp, err := s.metadata(ctx, topic)
		if err != nil {
			return err
		}
		t := resp.Topics[0]
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("node %d on topic %q: %w", s.id, topic, err)
		}
		if len(t.Partitions) < partitions {
			return fmt.Errorf("node %d sees %d partitions of topic %q: want %d", s.id, len(t.Partitions), topic, partitions)
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("node %d sees no leader of %s-%d", s.id, topic, p.Partition)
			}
			if inSync && len(p.ISR) < len(p.Replicas) {
				return fmt.Errorf("node %d sees %s-%d with ISR %v of replicas %v", s.id, topic, p.Partition, p.ISR, p.Replicas)
			}
		}
	}
	return nil
}

// Describe returns what the first running node knows of the topic.
func (e *Ensemble) Describe(ctx context.Context, topic string) (kmsg.MetadataResponseTopic, error) {
	servers, err := e.answering()
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	resp, err := servers[0].metadata(ctx, topic)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	return resp.Topics[0], kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

// Change sends a request until a node carries it out; result reads the error code
// and its text from the response. Retriable answers, as during an election, and
// lost connections lead to another try; if the first was carried out after all,
// the second one's "exists already" or "is gone" is well.
func (e *Ensemble) Change(ctx context.Context, req kmsg.Request, result func(kmsg.Response) (int16, *string)) error {
	doubt := false
	return Poll(ctx, func(ctx context.Context) error {
		servers, err := e.answering()
		if err != nil {
			return err
		}
		resp, err := ask[kmsg.Response](ctx, servers[0], req)
		if err != nil {
			doubt = true
			return err
		}
		code, message := result(resp)
		kerror := kerr.TypedErrorForCode(code)
		switch {
		case kerror == nil:
			return nil
		case doubt && (kerror == kerr.TopicAlreadyExists || kerror == kerr.UnknownTopicOrPartition || kerror == kerr.InvalidPartitions):
			return nil
		case kerror.Retriable && kerror != kerr.UnknownTopicOrPartition:
			doubt = doubt || kerror == kerr.RequestTimedOut
			return kerror
		}
		if message == nil {
			message = &kerror.Description
		}
		return &FinalError{fmt.Errorf("%w: %s", kerror, *message)}
	})
}
