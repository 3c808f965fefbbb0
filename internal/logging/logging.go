// Package logging stands between the producer and the user's logger: a broker that is away must not fill a disk with the
// same line, and a handler that panics must not take the producer down.
package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How many lines of one message the log takes in a span of time; what is beyond is counted and told with the next one
// that passes.
const (
	logBurst = 5
	logSpan  = 10 * time.Second
)

// Limited is a logger over to's handler with a rate limit for each message and a guard against the handler's panics.
func Limited(to *slog.Logger) *slog.Logger {
	return slog.New(&limitedHandler{Handler: to.Handler(), limits: newLogLimits()})
}

// limitedHandler passes on what the limits allow.
type limitedHandler struct {
	slog.Handler
	limits *logLimits
}

// Handle passes a record on unless its message came too often lately. A handler's panic is dropped: there is nobody left
// to tell.
func (h *limitedHandler) Handle(ctx context.Context, r slog.Record) (err error) {
	pass, dropped := h.limits.take(r.Message, r.Time)
	if !pass {
		return nil
	}
	if dropped > 0 {
		r.AddAttrs(slog.Int("similar_dropped", dropped))
	}
	defer func() { _ = recover() }()
	return h.Handler.Handle(ctx, r)
}

// WithAttrs and WithGroup keep the limits, which go by message.
func (h *limitedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limitedHandler{h.Handler.WithAttrs(attrs), h.limits}
}

// WithGroup is slog.Handler's.
func (h *limitedHandler) WithGroup(name string) slog.Handler {
	return &limitedHandler{h.Handler.WithGroup(name), h.limits}
}

// logLimits count messages in spans of time. The messages are the library's own, so there are few.
type logLimits struct {
	mu struct {
		sync.Mutex
		spans map[string]*logCount
	}
}

// logCount is one message's share of the present span.
type logCount struct {
	began   time.Time
	passed  int
	dropped int
}

func newLogLimits() *logLimits {
	l := new(logLimits)
	l.mu.spans = make(map[string]*logCount)
	return l
}

// take reports whether a message may pass at a time, and how many alike were dropped before it.
func (l *logLimits) take(message string, at time.Time) (pass bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.mu.spans[message]
	if c == nil {
		c = &logCount{began: at}
		l.mu.spans[message] = c
	}
	if at.Sub(c.began) >= logSpan {
		c.began, c.passed = at, 0
	}
	if c.passed >= logBurst {
		c.dropped++
		return false, 0
	}
	c.passed++
	dropped, c.dropped = c.dropped, 0
	return true, dropped
}
