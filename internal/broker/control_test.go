package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataFor answers with a controller id that comes back from the request's first topic.
func metadataFor(t *testing.T, a ask) *kmsg.MetadataResponse {
	asked := kmsg.NewPtrMetadataRequest()
	asked.Version = a.version
	if err := asked.ReadFrom(a.frame[2+len("test")+1:]); err != nil {
		t.Error(err)
	}
	response := kmsg.NewPtrMetadataResponse()
	fmt.Sscanf(*asked.Topics[0].Topic, "t%d", &response.ControllerID)
	return response
}

func metadataRequest(i int) *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(fmt.Sprintf("t%d", i))
	request.Topics = append(request.Topics, topic)
	return request
}

func TestConcurrentDoGetsItsOwnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			for {
				a, err := b.tryRead()
				if err != nil {
					return
				}
				if a.key == produceKey {
					b.answer(a, produced(1))
				} else {
					b.answer(a, metadataFor(t, a))
				}
			}
		}))
		r := newRecorder()
		c.Start(r)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if i%5 == 0 {
					mustProduce(t, c, request(-1, 100))
				}
				response, err := c.Do(t.Context(), metadataRequest(i))
				if err != nil {
					t.Error(err)
				} else if got := response.(*kmsg.MetadataResponse).ControllerID; got != int32(i) || response.GetVersion() != 13 {
					t.Errorf("request %d got answer %d, version %d", i, got, response.GetVersion())
				}
			})
		}
		all.Wait()
		if len(r.told) != 10 {
			t.Errorf("%d Produce outcomes, wanted 10", len(r.told))
		}
		c.Close(nil)
		if _, err := c.Do(t.Context(), metadataRequest(0)); !errors.Is(err, ErrClosed) {
			t.Errorf("Do after Close: %v", err)
		}
	})
}

func TestDoLeavesTheConnectionWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			late := b.read()
			time.Sleep(10 * time.Second)
			b.answer(late, metadataFor(t, late))
			next := b.read()
			b.answer(next, metadataFor(t, next))
		}))
		c.Start(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Do(ctx, metadataRequest(1)); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		response, err := c.Do(t.Context(), metadataRequest(2))
		if err != nil || response.(*kmsg.MetadataResponse).ControllerID != 2 {
			t.Errorf("next request: %v %v", response, err)
		}
	})
}

func TestDoEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, scripted(t, func(b *scriptedBroker) { b.handshake(); b.ignore() }))
		c.Start(nil)
		begun := time.Now()
		_, err := c.Do(t.Context(), metadataRequest(1))
		if !errors.Is(err, ErrRequestTimeout) || time.Since(begun) != 30*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestDoRefusesWhatTheBrokerDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, scripted(t, func(b *scriptedBroker) {
			b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 9}, [3]int16{3, 90, 99}))
			b.tryRead()
		}))
		c.Start(nil)
		for _, request := range []kmsg.Request{kmsg.NewPtrInitProducerIDRequest(), metadataRequest(1)} {
			if _, err := c.Do(t.Context(), request); !errors.Is(err, ErrUnsupported) {
				t.Errorf("key %d: %v", request.Key(), err)
			}
		}
		c.Close(nil)
	})
}
