package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// AnyKey as a rule's key is for every request.
const AnyKey kmsg.Key = -1

// Action is what befalls a request.
type Action int

// The actions.
const (
	Pass             Action = iota // nothing
	Observe                        // it is counted, and other rules see it too
	Swallow                        // it is neither carried out nor answered
	SwallowAnswer                  // it is carried out; nothing on the connection is answered any more
	Disconnect                     // it is not carried out and the connection ends
	DisconnectAnswer               // it is carried out and the connection ends instead of the answer
	Delay                          // it is carried out later
)

// Filter says which requests a rule is for. What is nil or empty holds for all.
type Filter struct {
	Key       kmsg.Key
	Node      *int32
	Topic     string // of Produce and Metadata requests; no other carries one here
	Partition *int32 // of Produce requests
	When      func(kmsg.Request) bool
}

// Rule is a fault that was installed.
type Rule struct {
	Action Action
	Filter Filter
	Delay  time.Duration

	mu struct {
		sync.Mutex
		left    int // requests still to be hit; negative: no end
		hits    int
		changed chan struct{} // closed and replaced at each hit
	}
}

// Hits returns how many requests the rule has met so far.
func (r *Rule) Hits() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.hits
}

// Wait blocks until the rule has met n requests in all, or until ctx is done,
// whose error it then returns.
func (r *Rule) Wait(ctx context.Context, n int) error {
	for {
		r.mu.Lock()
		hits, changed := r.mu.hits, r.mu.changed
		r.mu.Unlock()
		if hits >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Remove ends the rule. What it has already done is not undone.
func (r *Rule) Remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.left = 0
}

// take counts a request and reports whether the rule had any left to give.
func (r *Rule) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.left == 0 {
		return false
	}
	if r.mu.left > 0 {
		r.mu.left--
	}
	r.mu.hits++
	close(r.mu.changed)
	r.mu.changed = make(chan struct{})
	return true
}

// spent reports whether the rule will never do anything again.
func (r *Rule) spent() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.left == 0
}

func (r *Rule) matches(s *Settings, req kmsg.Request) bool {
	f := &r.Filter
	if f.Key != AnyKey && f.Key.Int16() != req.Key() || f.Node != nil && *f.Node != s.Node {
		return false
	}
	if (f.Topic != "" || f.Partition != nil) && !f.carriedBy(s, req) {
		return false
	}
	return f.When == nil || f.When(req)
}

// carriedBy reports whether the request names the filter's topic and partition.
func (f *Filter) carriedBy(s *Settings, req kmsg.Request) bool {
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.ProduceRequestTopic) bool {
			return f.isTopic(s, t.Topic, t.TopicID) && (f.Partition == nil ||
				slices.ContainsFunc(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) bool {
					return p.Partition == *f.Partition
				}))
		})
	case *kmsg.MetadataRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.MetadataRequestTopic) bool {
			var name string
			if t.Topic != nil {
				name = *t.Topic
			}
			return f.isTopic(s, name, t.TopicID)
		})
	}
	return false
}

// isTopic compares names. Newer requests have the topic's id instead.
func (f *Filter) isTopic(s *Settings, name string, id [16]byte) bool {
	switch {
	case f.Topic == "":
		return true
	case name != "":
		return name == f.Topic
	case id == [16]byte{}:
		return false
	}
	return s.TopicName(id) == f.Topic
}

// Rules holds what a cluster's gates apply, in the order of installation. The zero
// value is ready.
type Rules struct {
	mu struct {
		sync.Mutex
		list []*Rule
	}
}

// Add installs a rule for the next times requests, all of them if times is
// negative.
func (l *Rules) Add(r *Rule, times int) {
	r.mu.left = times
	r.mu.changed = make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.list = append(l.mu.list, r)
}

// choose returns the first rule that takes the request, or one that does nothing.
// Observers see every request that they match.
func (l *Rules) choose(s *Settings, body []byte) *Rule {
	l.mu.Lock()
	l.mu.list = slices.DeleteFunc(l.mu.list, (*Rule).spent)
	list := slices.Clone(l.mu.list)
	l.mu.Unlock()
	chosen := &Rule{Action: Pass}
	if len(list) == 0 {
		return chosen
	}
	req := parseRequest(body)
	if req == nil {
		return chosen
	}
	for _, r := range list {
		if r.Action != Observe && chosen.Action != Pass {
			continue
		}
		if r.matches(s, req) && r.take() && r.Action != Observe {
			chosen = r
		}
	}
	return chosen
}
