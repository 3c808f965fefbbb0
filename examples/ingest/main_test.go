package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

func TestTheAnswerSaysWhatBecameOfTheRecord(t *testing.T) {
	cluster, err := sim.Start(sim.Options{AutoCreate: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	p, err := omnibus.Open(t.Context(), omnibus.Config{
		Brokers: cluster.Brokers(), Dial: cluster.Dial, Logger: slog.New(slog.DiscardHandler), CloseTimeout: omnibus.None,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	post := func(ctx context.Context, topic, value string) (int, string) {
		answer := httptest.NewRecorder()
		handler(p).ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/topics/"+topic+"?key=42", strings.NewReader(value)))
		return answer.Code, answer.Body.String()
	}

	if code, body := post(t.Context(), "orders", "paid"); code != http.StatusOK || body != "{\"partition\":0,\"offset\":0}\n" {
		t.Errorf("a record: %d %s", code, body)
	}
	if code, body := post(t.Context(), "no%20name", "paid"); code != http.StatusBadRequest {
		t.Errorf("a topic that cannot be: %d %s", code, body)
	}
	if code, body := post(t.Context(), "orders", strings.Repeat("x", bodyBytesMax+1)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a value above the bound: %d %s", code, body)
	}
	const policyViolation = 44
	cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Refusal: &sim.Refusal{Code: policyViolation}}))
	if code, body := post(t.Context(), "orders", "paid"); code != http.StatusServiceUnavailable {
		t.Errorf("a refusal: %d %s", code, body)
	}
	cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.RequestSwallowed}))
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if code, body := post(short, "orders", "paid"); code != http.StatusAccepted {
		t.Errorf("a caller that went on: %d %s", code, body)
	}
	if records := cluster.Records("orders", 0); len(records) != 1 || string(records[0].Key) != "42" {
		t.Errorf("the log has %v", records)
	}
}
