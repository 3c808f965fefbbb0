package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/serde"
	"github.com/twmb/franz-go/pkg/kerr"
)

// recorder is an interceptor that notes its calls in a diary shared by a chain.
type recorder struct {
	name   string
	diary  *diary
	before func(*omnibus.Outgoing) error
	after  func(omnibus.Ack, error)
}

// diary is what a chain did, in order.
type diary struct {
	mu struct {
		sync.Mutex
		lines []string
	}
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.lines = append(d.mu.lines, fmt.Sprintf(format, args...))
}

func (d *diary) read() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.mu.lines, ", ")
}

func (i *recorder) Before(_ context.Context, r *omnibus.Outgoing) (any, error) {
	i.diary.note("before %s", i.name)
	if i.before != nil {
		if err := i.before(r); err != nil {
			return nil, err
		}
	}
	return i.name + "'s state", nil
}

func (i *recorder) After(state any, ack omnibus.Ack, err error) {
	i.diary.note("after %s with %v, failed: %v", i.name, state, err != nil)
	if i.after != nil {
		i.after(ack, err)
	}
}

func TestInterceptorsRunInOrderAndBackwardsWithTheirState(t *testing.T) {
	d := new(diary)
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: d}, &recorder{name: "b", diary: d}}}
	inBubble(t, 1, config, func(r *rig) {
		r.enqueueFunc(record("x"), func(omnibus.Ack, error) { d.note("callback") })
		r.flush()
		synctest.Wait()
		const want = "before a, before b, after b with b's state, failed: false, after a with a's state, failed: false, callback"
		if got := d.read(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestAfterRunsForEveryVerb(t *testing.T) {
	d := new(diary)
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: d}}}
	inBubble(t, 1, config, func(r *rig) {
		r.send(record("x"))
		r.enqueue(record("x"))
		r.enqueueFunc(record("x"), nil)
		if _, err := r.producer.TryEnqueue(r.Context(), record("x")); err != nil {
			t.Error(err)
		}
		r.producer.SendAll(r.Context(), []omnibus.Record{record("x"), record("x")})
		r.flush()
		synctest.Wait()
		if n := strings.Count(d.read(), "after a"); n != 6 {
			t.Errorf("%d of 6: %s", n, d.read())
		}
	})
}

func TestAnInterceptorMayChangeTheRecord(t *testing.T) {
	at := time.UnixMilli(12345)
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: new(diary), before: func(o *omnibus.Outgoing) error {
		o.Topic, o.Partition, o.Timestamp = "u", omnibus.At(1), at
		o.Headers = append(o.Headers, omnibus.Header{Key: "trace", Value: []byte("1")})
		o.Key, o.Value = append([]byte("k"), o.Key.([]byte)...), []byte(nil)
		o.Tag++
		return nil
	}}}}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.AddTopic("u", 2, sim.TopicOptions{})
		given := omnibus.Record{Topic: "t", Key: []byte("ey"), Value: []byte("v"), Headers: []omnibus.Header{{Key: "own"}}, Tag: 7}
		ack := r.send(given)
		if ack.Topic != "u" || ack.Partition != 1 || !ack.Timestamp.Equal(at) || ack.Tag != 8 {
			t.Errorf("%+v", ack)
		}
		got := r.cluster.Records("u", 1)[0]
		if string(got.Key) != "key" || got.Value != nil || !got.Timestamp.Equal(at) || len(got.Headers) != 2 || got.Headers[0].Key != "own" || got.Headers[1].Key != "trace" {
			t.Errorf("%+v", got)
		}
		if given.Topic != "t" || len(given.Headers) != 1 {
			t.Errorf("the caller's record was changed: %+v", given)
		}
	})
}

func TestAnInterceptorThatRefusesIsHeard(t *testing.T) {
	d := new(diary)
	no := errors.New("not on Sundays")
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{
		&recorder{name: "a", diary: d, after: func(ack omnibus.Ack, err error) {
			if !errors.Is(err, no) || ack.Offset != -1 || ack.Topic != "t" || ack.Tag != 5 {
				d.note("told %+v, %v", ack, err)
			}
		}},
		&recorder{name: "b", diary: d, before: func(*omnibus.Outgoing) error { return no }},
		&recorder{name: "c", diary: d},
	}}
	inBubble(t, 1, config, func(r *rig) {
		called := false
		err := r.producer.EnqueueFunc(r.Context(), omnibus.Record{Topic: "t", Tag: 5}, func(omnibus.Ack, error) { called = true })
		if e := r.failed(err, true, "not on Sundays", "interceptor 1"); e.Where != "interceptor" || e.Tag != 5 || !errors.Is(err, no) {
			t.Errorf("%+v", e)
		}
		synctest.Wait()
		if got := d.read(); called || got != "before a, before b, after a with a's state, failed: true" {
			t.Errorf("callback called: %v; %s", called, got)
		}
		if s := r.producer.Stats(); s.Refused != 1 || s.Accepted != 0 {
			t.Errorf("%d refused, %d accepted", s.Refused, s.Accepted)
		}
	})
}

func TestInterceptorsSeeRecordsThatAreRefusedBehindThem(t *testing.T) {
	d := new(diary)
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: d}}, MaxBlock: time.Second}
	inBubble(t, 1, config, func(r *rig) {
		for _, topic := range []string{"missing", "not a name"} {
			_, err := r.producer.Send(r.Context(), omnibus.Record{Topic: topic})
			r.failed(err, true)
		}
		if n := strings.Count(d.read(), "after a with a's state, failed: true"); n != 2 {
			t.Error(d.read())
		}
	})
}

func TestInterceptorsAreToldOfFailuresToo(t *testing.T) {
	d := new(diary)
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: d}}}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, refuse(kerr.PolicyViolation.Code)))
		_, err := r.producer.Send(r.Context(), record("x"))
		r.failed(err, true)
		synctest.Wait()
		if got := d.read(); got != "before a, after a with a's state, failed: true" {
			t.Error(got)
		}
	})
}

func TestAnInterceptorMustKeepTheTypes(t *testing.T) {
	for what, change := range map[string]func(*omnibus.Outgoing) error{
		"key":   func(o *omnibus.Outgoing) error { o.Key = "text"; return nil },
		"value": func(o *omnibus.Outgoing) error { o.Value = 5; return nil },
	} {
		d := new(diary)
		config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: d, before: change}}}
		inBubble(t, 1, config, func(r *rig) {
			_, err := r.producer.Send(r.Context(), record("x"))
			r.failed(err, true, what, "type must stay")
			typed := omnibus.ForTopic(r.producer, "t", serde.Bytes, serde.Bytes)
			_, err = typed.Send(r.Context(), []byte("k"), []byte("v"))
			r.failed(err, true, what, "type must stay")
			if n := strings.Count(d.read(), "after a"); n != 2 {
				t.Errorf("%s: %s", what, d.read())
			}
		})
	}
}

func TestAPanickingInterceptorRefusesItsRecordOnly(t *testing.T) {
	d := new(diary)
	panics := true
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{
		&recorder{name: "a", diary: d, after: func(omnibus.Ack, error) { panic("after") }},
		&recorder{name: "b", diary: d, before: func(*omnibus.Outgoing) error {
			if panics {
				panic("before")
			}
			return nil
		}},
	}}
	inBubble(t, 1, config, func(r *rig) {
		_, err := r.producer.Send(r.Context(), record("x"))
		r.failed(err, true, "before")
		if !errors.Is(err, omnibus.ErrPanic) {
			t.Error(err)
		}
		panics = false
		called := make(chan struct{})
		r.enqueueFunc(record("y"), func(omnibus.Ack, error) { close(called) })
		<-called
		if n := r.producer.Stats().Panics; n != 3 {
			t.Errorf("%d panics, want one in Before and two in After", n)
		}
		r.holds(0, "y")
	})
}

func TestTypedTopicsShowInterceptorsTheirTypes(t *testing.T) {
	type order struct{ Number int }
	var seen []string
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: new(diary), before: func(o *omnibus.Outgoing) error {
		seen = append(seen, fmt.Sprintf("%T %T", o.Key, o.Value))
		if v, ok := o.Value.(order); ok {
			v.Number++
			o.Value = v
		}
		return nil
	}}}}
	inBubble(t, 1, config, func(r *rig) {
		orders := omnibus.ForTopic(r.producer, "t", serde.String, serde.JSON[order])
		if _, err := orders.Send(r.Context(), "k", order{41}); err != nil {
			t.Fatal(err)
		}
		if _, err := orders.Delete(r.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if want := []string{"string omnibus_test.order", "string <nil>"}; !slices.Equal(seen, want) {
			t.Errorf("%q", seen)
		}
		log := r.cluster.Records("t", 0)
		if string(log[0].Value) != `{"Number":42}` || log[1].Value != nil {
			t.Errorf("%s, %v", log[0].Value, log[1].Value)
		}
	})
}

func TestATypedTopicCarriesEverything(t *testing.T) {
	inBubble(t, 4, omnibus.Config{}, func(r *rig) {
		at := time.UnixMilli(99)
		plain := omnibus.ForTopic(r.producer, "t", serde.String, serde.Int64)
		ack, err := plain.SendRecord(r.Context(), omnibus.TopicRecord[string, int64]{
			Key: "k", Value: 7, Partition: omnibus.At(3), Timestamp: at, Headers: []omnibus.Header{{Key: "h"}}, Tag: 5,
		})
		if err != nil || ack.Partition != 3 || ack.Tag != 5 || !ack.Timestamp.Equal(at) {
			t.Errorf("%+v, %v", ack, err)
		}
		got := r.cluster.Records("t", 3)[0]
		if string(got.Key) != "k" || !sameBytes(got.Value, []byte{0, 0, 0, 0, 0, 0, 0, 7}) || len(got.Headers) != 1 || got.Headers[0].Value != nil {
			t.Errorf("%+v", got)
		}
		d, err := plain.Enqueue(r.Context(), "k", 1)
		if err != nil {
			t.Fatal(err)
		}
		if ack, err := d.Wait(r.Context()); err != nil || ack.Partition != omnibus.JavaPartition([]byte("k"), 4) {
			t.Error(ack, err)
		}
		var seen ledger
		if err := plain.EnqueueFunc(r.Context(), "k", 2, seen.note); err != nil {
			t.Error(err)
		}
		if _, err := plain.TryEnqueueRecord(r.Context(), omnibus.TopicRecord[string, int64]{Key: "k"}); err != nil {
			t.Error(err)
		}
		r.flush()
		synctest.Wait()
		if all := seen.all(); len(all) != 1 || all[0].err != nil || all[0].ack.Offset != 1 {
			t.Errorf("%+v", all)
		}
	})
}

func TestNullAndEmptyAreDifferentForTypedTopics(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		texts := omnibus.ForTopic(r.producer, "t", serde.String, serde.String)
		raw := omnibus.ForTopic(r.producer, "t", serde.NoKey, serde.Bytes)
		for _, send := range []func() (omnibus.Ack, error){
			func() (omnibus.Ack, error) { return texts.Send(r.Context(), "", "") },
			func() (omnibus.Ack, error) { return texts.Delete(r.Context(), "") },
			func() (omnibus.Ack, error) { return raw.Send(r.Context(), struct{}{}, nil) },
			func() (omnibus.Ack, error) { return raw.Send(r.Context(), struct{}{}, []byte{}) },
		} {
			if _, err := send(); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, rec := range r.cluster.Records("t", 0) {
			got = append(got, fmt.Sprint(rec.Key == nil, rec.Value == nil))
		}
		if want := []string{"false false", "false true", "true true", "true false"}; !slices.Equal(got, want) {
			t.Errorf("null keys and values: %v, want %v", got, want)
		}
	})
}

func TestSerializersMayAddHeaders(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		schema := func(dst []byte, m serde.Meta, v string) ([]byte, error) {
			if m.Topic != "t" || m.IsKey || m.Context == nil {
				t.Errorf("%+v", m)
			}
			m.Headers.Add("schema", []byte{byte(m.Headers.Len())})
			return append(dst, v...), nil
		}
		typed := omnibus.ForTopic(r.producer, "t", serde.String, schema)
		for range 2 { // the second finds nothing of the first
			_, err := typed.SendRecord(r.Context(), omnibus.TopicRecord[string, string]{Value: "v", Headers: []omnibus.Header{{Key: "own", Value: []byte("1")}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, rec := range r.cluster.Records("t", 0) {
			if len(rec.Headers) != 2 || rec.Headers[0].Key != "own" || rec.Headers[1].Key != "schema" || rec.Headers[1].Value[0] != 1 {
				t.Errorf("%+v", rec.Headers)
			}
		}
	})
}

func TestASerializerThatFailsOrPanicsRefusesItsRecordOnly(t *testing.T) {
	broken := errors.New("no such field")
	fails := func([]byte, serde.Meta, int) ([]byte, error) { return nil, broken }
	panics := func([]byte, serde.Meta, int) ([]byte, error) { panic("oh no") }
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		_, err := omnibus.ForTopic(r.producer, "t", serde.String, fails).Send(r.Context(), "k", 1)
		if e := r.failed(err, true, "no such field"); e.Where != "value serializer" || !errors.Is(err, broken) {
			t.Errorf("%+v", e)
		}
		_, err = omnibus.ForTopic(r.producer, "t", panics, serde.String).Send(r.Context(), 1, "v")
		if e := r.failed(err, true, "oh no"); e.Where != "key serializer" || !errors.Is(err, omnibus.ErrPanic) {
			t.Errorf("%+v", e)
		}
		if s := r.producer.Stats(); s.Panics != 1 || s.Refused != 2 {
			t.Errorf("%d panics, %d refused", s.Panics, s.Refused)
		}
		r.send(record("fine"))
		r.holds(0, "fine")
	})
}

func TestBytesThatASerializerKeepsAreNotOverwritten(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		kept := append(make([]byte, 0, 1024), "kept"...)
		typed := omnibus.ForTopic(r.producer, "t", serde.NoKey, func(dst []byte, _ serde.Meta, v string) ([]byte, error) {
			if v == "" {
				return kept, nil // against the rule, but an easy mistake
			}
			return append(dst, v...), nil
		})
		for _, v := range []string{"", "other", strings.Repeat("long", 300), "", "other"} {
			if _, err := typed.Send(r.Context(), struct{}{}, v); err != nil {
				r.Fatal(err)
			}
		}
		if string(kept) != "kept" {
			r.Errorf("the application's bytes became %q", kept)
		}
	})
}
