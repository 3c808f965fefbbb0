package broker

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswersAreToldInTheOrderOfProduce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			var asks []ask
			for range 4 { // one of the five asks for no answer
				asks = append(asks, b.read())
				if len(asks) == 1 {
					time.Sleep(time.Second)
				}
			}
			b.read()
			for i, a := range asks {
				if a.version != 12 {
					b.t.Errorf("version %d, wanted 12 without topic ids", a.version)
				}
				if i != 2 { // the third was acks=0
					b.answer(a, produced(int64(i)))
				}
			}
			b.answer(ask{version: 12, id: asks[3].id + 1}, produced(4))
			b.conn.Read(make([]byte, 1))
		})
		c, r := start(t, cfg)
		var asked []*ProduceRequest
		for i := range 5 {
			acks := int16(-1)
			if i == 2 {
				acks = 0
			}
			asked = append(asked, mustProduce(t, c, request(acks, 2000)))
		}
		for i, wanted := range []int64{0, 1, -1, 3, 4} {
			o := <-r.told
			if o.request != asked[i] || o.offset != wanted || !o.written || o.err != nil {
				t.Errorf("outcome %d: %v, wanted offset %d of request %d", i, o, wanted, i)
			}
			answered := !o.request.AnsweredAt.IsZero()
			if o.request.QueuedAt.IsZero() || answered != (i != 2) {
				t.Errorf("request %d: queued %v answered %v", i, o.request.QueuedAt, o.request.AnsweredAt)
			}
		}
		c.Close(nil)
		if err := r.cause(); !errors.Is(err, ErrClosed) {
			t.Errorf("cause %v, wanted ErrClosed", err)
		}
	})
}

func TestTopicIDsAllowProduce13(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			a := b.read()
			if a.version != 13 {
				t.Errorf("version %d, wanted 13", a.version)
			}
			b.answer(a, produced(7))
		})
		c, r := start(t, cfg)
		req := request(1, 10)
		req.TopicIDs = true
		mustProduce(t, c, req)
		if o := <-r.told; o.offset != 7 || o.err != nil {
			t.Errorf("outcome %v", o)
		}
		<-r.end
	})
}

func TestAcksZeroIsDoneWhenWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		cfg := scriptedWithin(t, 512, func(b *scriptedBroker) {
			b.handshake()
			<-release
			b.read()
			b.conn.Read(make([]byte, 1))
		})
		c, r := start(t, cfg)
		mustProduce(t, c, request(0, 2000))
		synctest.Wait()
		if len(r.told) != 0 {
			t.Error("told before all bytes were taken")
		}
		close(release)
		if o := <-r.told; !o.written || o.err != nil || o.offset != -1 {
			t.Errorf("outcome %v", o)
		}
		c.Close(nil)
		<-r.end
	})
}

func TestOutcomesAreToldOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.answer(b.read(), produced(1))
			b.read()
			b.answer(b.read(), produced(3))
			b.tryRead()
		}))
		telling := false
		r.onDone = func(*ProduceRequest) {
			if telling {
				t.Error("told while another outcome was being told")
			}
			telling = true
			time.Sleep(time.Second)
			telling = false
		}
		mustProduce(t, c, request(-1, 10))
		first := <-r.told
		mustProduce(t, c, request(0, 10)) // written while the first is still being told
		mustProduce(t, c, request(-1, 10))
		if second := <-r.told; second.at.Sub(first.at) != time.Second || second.err != nil {
			t.Errorf("after %v: %v", second.at.Sub(first.at), second)
		}
		if third := <-r.told; third.offset != 3 {
			t.Errorf("third: %v", third)
		}
		c.Close(nil)
		<-r.end
	})
}

func TestAcksZeroWrittenBeforeTheEndIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.read()
			b.read()
		}))
		mustProduce(t, c, request(-1, 10))
		mustProduce(t, c, request(0, 10))
		if o := <-r.told; o.err == nil {
			t.Errorf("unanswered request: %v", o)
		}
		if o := <-r.told; o.err != nil || !o.written {
			t.Errorf("acks=0 request: %v", o)
		}
		<-r.end
	})
}

func TestSilentBrokerLosesTheConnectionAtTheOldestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.answer(b.read(), produced(1))
			for {
				if _, err := b.tryRead(); err != nil {
					return
				}
			}
		})
		c, r := start(t, cfg)
		mustProduce(t, c, request(-1, 10))
		if o := <-r.told; o.err != nil {
			t.Fatal(o.err)
		}
		time.Sleep(20 * time.Second)
		begun := time.Now()
		mustProduce(t, c, request(-1, 10))
		time.Sleep(5 * time.Second)
		mustProduce(t, c, request(-1, 10))
		err := r.cause()
		var lost *LostError
		if !errors.As(err, &lost) || !errors.Is(err, ErrRequestTimeout) || lost.Request != "Produce v12" || lost.Waited != 30*time.Second {
			t.Errorf("cause %v", err)
		}
		for range 2 {
			o := <-r.told
			if o.at.Sub(begun) != 30*time.Second || !o.written || !errors.Is(o.err, ErrRequestTimeout) {
				t.Errorf("after %v: %v", o.at.Sub(begun), o)
			}
		}
	})
}

func TestOwnDeadlineOfARequestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.read()
			b.read()
			b.conn.Read(make([]byte, 1))
		})
		c, r := start(t, cfg)
		begun := time.Now()
		mustProduce(t, c, request(-1, 10))
		short := request(-1, 10)
		short.Deadline = begun.Add(2 * time.Second)
		mustProduce(t, c, short)
		if err := r.cause(); !errors.Is(err, ErrRequestTimeout) || time.Since(begun) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestStuckWriteEndsAtTheDeadlineAndWhatWasNotBegunIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scriptedWithin(t, 512, func(b *scriptedBroker) {
			b.handshake()
			b.ignore()
		})
		c, r := start(t, cfg)
		begun := time.Now()
		first, second := mustProduce(t, c, request(-1, 2000)), mustProduce(t, c, request(-1, 10))
		if err := r.cause(); !errors.Is(err, ErrRequestTimeout) || time.Since(begun) != 30*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if o := <-r.told; o.request != first || !o.written {
			t.Errorf("begun request: %v", o)
		}
		if o := <-r.told; o.request != second || o.written || o.err == nil || !o.request.AnsweredAt.IsZero() {
			t.Errorf("queued request: %v", o)
		}
	})
}

// slowWriteConn lets go of a request's bytes only some time after the connection was closed.
type slowWriteConn struct {
	*memConn
	returned time.Time
}

func (c *slowWriteConn) Write(p []byte) (int, error) {
	n, err := c.memConn.Write(p)
	if err != nil {
		time.Sleep(3 * time.Second)
	}
	c.returned = time.Now()
	return n, err
}

func TestNoOutcomeBeforeTheWriteHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memPipe(512)
		defer server.Close()
		slow := &slowWriteConn{memConn: client}
		c := newConn(&Config{}, "b1:9092", slow)
		c.versions = map[int16]versionRange{0: {3, 12}}
		r := newRecorder()
		c.Start(r)
		mustProduce(t, c, request(-1, 2000))
		synctest.Wait()
		c.Close(nil)
		if o := <-r.told; !o.written || !errors.Is(o.err, ErrClosed) || o.at.Before(slow.returned) {
			t.Errorf("told at %v, write returned at %v: %v", o.at, slow.returned, o)
		}
		if slow.returned.IsZero() {
			t.Error("told before the write returned")
		}
		<-r.end
	})
}

func TestAnAnswerWaitsForItsWriteToReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memPipe(memCapacity)
		held := &heldWriteConn{memConn: client, release: make(chan struct{})}
		c := newConn(&Config{}, "b1:9092", held)
		c.versions = map[int16]versionRange{0: {3, 12}}
		r := newRecorder()
		c.Start(r)
		mustProduce(t, c, request(-1, 10))
		b := &scriptedBroker{t: t, conn: server}
		b.answer(b.read(), produced(5))
		synctest.Wait()
		if len(r.told) != 0 {
			t.Error("told while the request was still being written")
		}
		close(held.release)
		if o := <-r.told; o.offset != 5 || o.err != nil {
			t.Errorf("outcome %v", o)
		}
		c.Close(nil)
		<-r.end
		server.Close()
	})
}

// heldWriteConn delivers at once but returns late.
type heldWriteConn struct {
	*memConn
	release chan struct{}
}

func (c *heldWriteConn) Write(p []byte) (int, error) {
	n, err := c.memConn.Write(p)
	<-c.release
	return n, err
}

func TestAnswersThatCameAreToldAfterAWriteFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scriptedWithin(t, 512, func(b *scriptedBroker) {
			b.handshake()
			a := b.read()
			time.Sleep(time.Second)
			b.answer(a, produced(3))
		})
		c, r := start(t, cfg)
		mustProduce(t, c, request(-1, 10))
		mustProduce(t, c, request(-1, 2000)) // does not fit: being written when the broker hangs up
		if o := <-r.told; o.err != nil || o.offset != 3 {
			t.Errorf("answered request: %v", o)
		}
		if o := <-r.told; o.err == nil || !o.written {
			t.Errorf("half-written request: %v", o)
		}
		<-r.end
	})
}

func TestIdleConnectionClosesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			a := b.read()
			time.Sleep(10 * time.Second)
			b.answer(a, produced(0))
			b.tryRead()
		})
		cfg.Idle = 9 * time.Minute
		c, r := start(t, cfg)
		time.Sleep(8 * time.Minute)
		mustProduce(t, c, request(-1, 10))
		<-r.told
		used := time.Now()
		if err := r.cause(); !errors.Is(err, ErrIdle) || time.Since(used) != 9*time.Minute {
			t.Errorf("after %v: %v", time.Since(used), err)
		}
		if opened, closed := cfg.Counters.Opened.Load(), cfg.Counters.Closed.Load(); opened != 1 || closed != 1 {
			t.Errorf("opened %d closed %d", opened, closed)
		}
	})
}

func TestBrokerHangingUpOnAnIdleConnectionIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := start(t, scripted(t, func(b *scriptedBroker) { b.handshake() }))
		var lost *LostError
		if err := r.cause(); !errors.Is(err, ErrPeerClosed) || errors.As(err, &lost) {
			t.Errorf("cause %v", err)
		}
	})
}

func TestHandlerMayProduceAndCloseInDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			for offset := int64(0); ; offset++ {
				a, err := b.tryRead()
				if err != nil {
					return
				}
				b.answer(a, produced(offset))
			}
		}))
		r := newRecorder()
		r.onDone = func(req *ProduceRequest) {
			if req.Deadline = (time.Time{}); len(r.told) < 10 {
				c.Produce(req)
			} else {
				c.Close(fmt.Errorf("enough"))
			}
		}
		mustProduce(t, c, request(-1, 10)) // accepted before Start, sent with it
		c.Start(r)
		if err := r.cause(); err.Error() != "enough" || len(r.told) != 10 {
			t.Errorf("%d outcomes, cause %v", len(r.told), err)
		}
	})
}

func TestTrafficIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.answer(b.read(), produced(0))
		})
		c, r := start(t, cfg)
		mustProduce(t, c, request(-1, 5000))
		<-r.end
		n := cfg.Counters
		if n.Requests.Load() != 2 || n.Responses.Load() != 2 || n.BytesOut.Load() < 5000 || n.BytesIn.Load() < 50 {
			t.Errorf("requests %d responses %d out %d in %d", n.Requests.Load(), n.Responses.Load(), n.BytesOut.Load(), n.BytesIn.Load())
		}
	})
}
