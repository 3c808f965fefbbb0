package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answered is an answer to a request of the test: partitions of topics.
func answered(version int16, partitions ...wire.ProduceResult) *wire.ProduceResponse {
	resp := &wire.ProduceResponse{Partitions: partitions}
	for i := range resp.Partitions {
		if version > produceVersionMaxByName {
			resp.Partitions[i].TopicID, resp.Partitions[i].Topic = [16]byte{resp.Partitions[i].Topic[0]}, nil
		}
	}
	return resp
}

// result is a broker's word on a partition.
func result(topic string, partition int32) wire.ProduceResult {
	return wire.ProduceResult{Topic: []byte(topic), Partition: partition, LogAppendTime: -1}
}

// requestFor asks about partitions 0, 4 and 2 of "a" and 0 of "b".
func requestFor() *ProduceRequest {
	r := new(ProduceRequest)
	for _, topic := range []string{"a", "b"} {
		r.Wire.Topics = append(r.Wire.Topics, wire.ProduceTopic{Name: topic, ID: [16]byte{topic[0]}})
	}
	r.Wire.Topics[0].Partitions = []wire.ProducePartition{{Index: 0}, {Index: 4}, {Index: 2}}
	r.Wire.Topics[1].Partitions = []wire.ProducePartition{{Index: 0}}
	return r
}

func TestAnAnswerNamesPartitionsOfItsRequestOnceEach(t *testing.T) {
	a0, a4, a2, b0 := result("a", 0), result("a", 4), result("a", 2), result("b", 0)
	for _, test := range []struct {
		name, wanted string
		told         []wire.ProduceResult
	}{
		{"as asked", "", []wire.ProduceResult{a0, a4, a2, b0}},
		{"in another order", "", []wire.ProduceResult{b0, a2, a0, a4}},
		{"one missing", "", []wire.ProduceResult{a0, a2, b0}},
		{"all missing", "", nil},
		{"a foreign partition", "partition 1 of topic", []wire.ProduceResult{a0, result("a", 1), a2, b0}},
		{"an extra one", "was not in the request", []wire.ProduceResult{a0, a4, a2, b0, result("b", 1)}},
		{"a foreign topic", "was not in the request", []wire.ProduceResult{a0, a4, a2, result("c", 0)}},
		{"one twice", "is in it twice", []wire.ProduceResult{a0, a4, a4, b0}},
		{"one twice and all others", "is in it twice", []wire.ProduceResult{a0, a4, a2, b0, b0}},
	} {
		for _, version := range []int16{12, 13} {
			err := requestFor().checkAnswer(version, answered(version, append([]wire.ProduceResult{}, test.told...)...))
			if test.wanted == "" && err != nil {
				t.Errorf("%s, version %d: %v", test.name, version, err)
			}
			if test.wanted != "" && (!errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), test.wanted)) {
				t.Errorf("%s, version %d: %v, wanted %q", test.name, version, err, test.wanted)
			}
		}
	}
}

func TestNumbersThatCannotBeAreTakenForNotTold(t *testing.T) {
	for _, test := range []struct{ offset, appended, wantOffset, wantAppended int64 }{
		{7, 1_700_000_000_000, 7, 1_700_000_000_000},
		{-1, -1, -1, -1},
		{-2, -2, -1, -1},
		{math.MinInt64, math.MinInt64, -1, -1},
		{math.MaxInt64, math.MaxInt64, -1, -1},
		{math.MaxInt64 - 100, latestMillis + 1, -1, -1},
	} {
		r := result("t", 0)
		r.BaseOffset, r.LogAppendTime = test.offset, test.appended
		resp := &wire.ProduceResponse{ThrottleMillis: -5, Partitions: []wire.ProduceResult{r}}
		if err := request(-1, 1).checkAnswer(9, resp); err != nil {
			t.Fatal(err)
		}
		got := resp.Partitions[0]
		if got.BaseOffset != test.wantOffset || got.LogAppendTime != test.wantAppended || resp.ThrottleMillis != 0 {
			t.Errorf("%d and %d became %d and %d, throttle %d", test.offset, test.appended, got.BaseOffset, got.LogAppendTime,
				resp.ThrottleMillis)
		}
	}
}

// TestAnAnswerAboutOthersIsNotBelieved has what the unit tests above check arrive at a connection.
func TestAnAnswerAboutOthersIsNotBelieved(t *testing.T) {
	for name, spoil := range map[string]func(r *kmsg.ProduceResponse){
		"foreign":  func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].Partition = 3 },
		"too many": func(r *kmsg.ProduceResponse) { r.Topics = append(r.Topics, r.Topics[0]) },
		"thousands": func(r *kmsg.ProduceResponse) {
			r.Topics[0].Partitions = make([]kmsg.ProduceResponseTopicPartition, 9000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, r := start(t, scripted(t, func(b *scriptedBroker) {
					b.handshake()
					answer := produced(5)
					spoil(answer)
					b.answer(b.read(), answer)
					b.tryRead()
				}))
				mustProduce(t, c, request(-1, 10))
				if o := <-r.told; !o.written || !errors.Is(o.err, ErrProtocol) {
					t.Errorf("outcome %v", o)
				}
				if n := cap(c.response.Partitions); n > 1 {
					t.Errorf("room for %d partitions was made, one was asked about", n)
				}
				<-r.end
			})
		})
	}
}

// tagBomb is an answer that ends in a count of four billion tagged fields. kmsg counts them all.
func tagBomb(a ask, response kmsg.Response) []byte {
	frame := frameFor(a, response)
	return withLength(append(frame[:len(frame)-1], 0xff, 0xff, 0xff, 0xff, 0x0f))
}

func TestControlAnswersAreCheckedBeforeTheyAreDecoded(t *testing.T) {
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.write(tagBomb(b.read(), kmsg.NewPtrMetadataResponse()))
			b.tryRead()
		}))
		if _, err := c.Do(t.Context(), metadataRequest(1)); !errors.Is(err, ErrProtocol) {
			t.Errorf("Do: %v", err)
		}
		<-r.end
		_, err := Connect(t.Context(), scripted(t, func(b *scriptedBroker) {
			b.write(tagBomb(b.read(), apiVersions(0, [3]int16{0, 3, 13})))
		}), "b1:9092")
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("Connect: %v", err)
		}
	})
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAnswersThatNobodyDescribedAreNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 13}, [3]int16{19, 0, 7}))
			if a, err := b.tryRead(); err == nil {
				t.Errorf("the broker was asked with key %d", a.key)
			}
		}))
		if _, err := c.Do(t.Context(), kmsg.NewPtrCreateTopicsRequest()); !errors.Is(err, ErrUnsupported) {
			t.Errorf("Do: %v", err)
		}
		c.Close(nil)
		<-r.end
	})
}

func TestLimitsOfControlAnswersGoByTheirKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 13}, [3]int16{22, 0, 5}))
			b.read()
			b.write([]byte{0, 1, 0, 0}) // 64 KiB for a producer id
			b.tryRead()
		}))
		_, err := c.Do(t.Context(), kmsg.NewPtrInitProducerIDRequest())
		if err == nil || !strings.Contains(err.Error(), "at most 16384") {
			t.Errorf("Do: %v", err)
		}
		<-r.end
	})
}

// TestBytesInAnAnswerAreTheCallers: kmsg does not copy them, and the next answer must not be read over them.
func TestBytesInAnAnswerAreTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := func(with byte) *kmsg.FetchResponse {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.RecordBatches = bytes.Repeat([]byte{with}, 1000)
			topic := kmsg.NewFetchResponseTopic()
			topic.Partitions = append(topic.Partitions, partition)
			response := kmsg.NewPtrFetchResponse()
			response.Topics = append(response.Topics, topic)
			return response
		}
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 13}, [3]int16{1, 4, 18}))
			b.answer(b.read(), records('a'))
			b.answer(b.read(), records('b'))
			b.tryRead()
		}))
		first, err := c.Do(t.Context(), kmsg.NewPtrFetchRequest())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(t.Context(), kmsg.NewPtrFetchRequest()); err != nil {
			t.Fatal(err)
		}
		if got := first.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches; !bytes.Equal(got, bytes.Repeat([]byte("a"), 1000)) {
			t.Errorf("the first answer's records begin with %q now", got[:1])
		}
		c.Close(nil)
		<-r.end
	})
}

func TestBytesInAHandshakesAnswerOutliveTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memPipe(memCapacity)
		c := newConn(&Config{}, "b1:9092", client)
		go func() {
			b := &scriptedBroker{t: t, conn: server}
			for _, code := range []int16{7, 9} {
				b.answer(b.read(), apiVersions(code))
			}
		}()
		first, err := c.exchange(kmsg.NewPtrApiVersionsRequest())
		if err != nil || first[1] != 7 {
			t.Fatal(first, err)
		}
		if second, err := c.exchange(kmsg.NewPtrApiVersionsRequest()); err != nil || second[1] != 9 || first[1] != 7 {
			t.Errorf("the first answer is % x after the second, % x: %v", first, second, err)
		}
		client.Close()
	})
}

// TestAnAnswerThatNobodyWaitsForIsNotDecoded sends one that could not be, after its caller has gone.
func TestAnAnswerThatNobodyWaitsForIsNotDecoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			first := b.read()
			time.Sleep(5 * time.Second)
			b.write(tagBomb(first, kmsg.NewPtrMetadataResponse()))
			b.answer(b.read(), kmsg.NewPtrMetadataResponse())
			b.tryRead()
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(ctx, metadataRequest(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do: %v", err)
		}
		if _, err := c.Do(t.Context(), metadataRequest(2)); err != nil {
			t.Errorf("the next Do: %v", err)
		}
		c.Close(nil)
		<-r.end
	})
}

func TestAConnectionThatEndsGivesItsShareBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.read()
			b.write(binary.BigEndian.AppendUint32(nil, 6<<20))
			b.write(append([]byte{0, 0, 0, 1}, make([]byte, 5<<20)...)) // and no more
		})
		c, r := start(t, cfg)
		if _, err := c.Do(t.Context(), metadataRequest(1)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Do: %v", err)
		}
		<-r.end
		if n := cfg.Counters.large.Load(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
	})
}

func TestADeadlineFiringEarlyLosesNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.answer(b.read(), produced(1))
			frame := frameFor(b.read(), produced(2)) // asked for 20 s after the first, whose deadline is still set
			time.Sleep(5 * time.Second)
			b.write(frame[:20])
			time.Sleep(10 * time.Second)
			b.write(frame[20:])
			b.tryRead()
		})
		c, r := start(t, cfg)
		mustProduce(t, c, request(-1, 10))
		<-r.told
		time.Sleep(20 * time.Second)
		mustProduce(t, c, request(-1, 10))
		if o := <-r.told; o.err != nil || o.offset != 2 {
			t.Errorf("outcome %v", o)
		}
		c.Close(nil)
	})
}

func TestWrongIDsAreFoundBeforeTheFrameIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := Connect(t.Context(), scripted(t, func(b *scriptedBroker) {
			b.read()
			b.write([]byte{0, 0, 0x12, 4, 0, 0, 0, 0, 0, 0}) // HTTP/2's SETTINGS, 4,612 bytes to Kafka
			b.ignore()
		}), "b1:9092")
		if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "HTTP/2") || time.Since(begun) != 0 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestVersionsThatCannotBeAreNotSpoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, scripted(t, func(b *scriptedBroker) {
			b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 13}, [3]int16{3, -5, -1}, [3]int16{22, 4, 2}, [3]int16{1, -1, 18}))
		}))
		for _, request := range []kmsg.Request{metadataRequest(1), kmsg.NewPtrInitProducerIDRequest(), kmsg.NewPtrFetchRequest()} {
			if version, err := c.commonVersion(request); !errors.Is(err, ErrUnsupported) {
				t.Errorf("key %d: version %d, %v", request.Key(), version, err)
			}
		}
		c.Close(nil)
	})
}

func FuzzHandshake(f *testing.F) {
	frame := func(response *kmsg.ApiVersionsResponse, version int16) []byte {
		return frameFor(ask{version: version, id: firstCorrelationID, key: apiVersionsKey}, response)
	}
	f.Add(frame(apiVersions(0, [3]int16{0, 3, 13}, [3]int16{3, 0, 13}), 4), []byte{})
	f.Add(frame(apiVersions(35, [3]int16{18, 0, 3}), 0), frameFor(ask{version: 3, id: 1, key: 18}, apiVersions(0, [3]int16{0, 3, 13})))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		synctest.Test(t, func(t *testing.T) {
			cfg := scripted(t, func(b *scriptedBroker) {
				for _, answer := range [][]byte{first, second} {
					if _, err := b.tryRead(); err != nil {
						return
					}
					b.write(answer)
				}
			})
			begun := time.Now()
			c, err := Connect(t.Context(), cfg, "b1:9092")
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("it took %v", time.Since(begun))
			}
			var failure *ConnectError
			switch {
			case err != nil && !errors.As(err, &failure):
				t.Fatal(err)
			case err != nil:
				_ = err.Error()
				return
			}
			version, ok := c.ProduceVersion(true)
			if !ok || version < wire.ProduceVersionMin || version > wire.ProduceVersionMax {
				t.Fatalf("Produce %d, %v", version, ok)
			}
			c.Close(nil)
		})
	})
}
