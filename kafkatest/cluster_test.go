package kafkatest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

func newClient(t *testing.T, seeds []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(seeds...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func send(cl *kgo.Client, topic string, partition int32, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr()
}

func mustSend(t *testing.T, cl *kgo.Client, topic string, partition int32, value string) {
	t.Helper()
	if err := send(cl, topic, partition, value); err != nil {
		t.Fatal(err)
	}
}

func wantValues(t *testing.T, records []*kgo.Record, want ...string) {
	t.Helper()
	var got []string
	for _, r := range records {
		got = append(got, string(r.Value))
	}
	if len(got) != len(want) {
		t.Fatalf("got %d records %q, want %q", len(got), got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestClusterStoresWhatIsProduced(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 2))
	cl := newClient(t, c.Brokers())
	mustSend(t, cl, "orders", 0, "a")
	mustSend(t, cl, "orders", 1, "b")
	mustSend(t, cl, "orders", 1, "c")
	got := kafkatest.ReadTopic(t, c.Brokers(), "orders")
	if len(got) != 2 {
		t.Fatalf("got %d partitions, want 2", len(got))
	}
	wantValues(t, got[0], "a")
	wantValues(t, got[1], "b", "c")
}

func TestAutoCreateDecidesAboutUnknownTopics(t *testing.T) {
	for _, auto := range []bool{false, true} {
		var opts []kafkatest.Option
		if auto {
			opts = append(opts, kafkatest.AutoCreate(4))
		}
		c := kafkatest.Start(t, opts...)
		cl := newClient(t, c.Brokers(), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
		err := send(cl, "new", 3, "x")
		if auto && err != nil || !auto && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Errorf("auto-create %v: produce to an unknown topic returned %v", auto, err)
		}
	}
}

func TestFailedRequestsAreCounted(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 2))
	cl := newClient(t, c.Brokers())
	fault := c.Fail(kafkatest.Produce, kerr.NotEnoughReplicas.Code, 2, kafkatest.OnTopic("orders"), kafkatest.OnPartition(1))
	mustSend(t, cl, "orders", 0, "other partition")
	if fault.Hits() != 0 {
		t.Fatalf("partition 0 met a fault of partition 1")
	}
	mustSend(t, cl, "orders", 1, "a")
	if fault.Hits() != 2 {
		t.Fatalf("got %d hits, want 2", fault.Hits())
	}
	wantValues(t, c.Records("orders")[1], "a")
}

func TestFailCarriesCodesThatNobodyKnows(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 1))
	c.Fail(kafkatest.Produce, 31000, 1)
	conn, err := c.Dial(t.Context(), "tcp", c.Brokers()[c.Leader("orders", 0)])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks = 9, -1
	topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Topic, topic.Partitions = "orders", append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 7)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = 9
	if err := resp.ReadFrom(answer[9:n]); err != nil { // size, correlation id, tags
		t.Fatal(err)
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 31000 {
		t.Errorf("got error code %d, want 31000", code)
	}
}

func TestSwallowedRequestsAreNeitherCarriedOutNorAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.InMemory(), kafkatest.Topic("orders", 1))
		cl := newClient(t, c.Brokers(), kgo.Dialer(c.Dial), kgo.ProduceRequestTimeout(5*time.Second))
		mustSend(t, cl, "orders", 0, "first") // franz-go's first produce goes alone
		swallowed := c.Swallow(kafkatest.Produce, 1, kafkatest.OnTopic("orders"))
		begin := time.Now()
		mustSend(t, cl, "orders", 0, "second")
		if waited := time.Since(begin); waited < 5*time.Second {
			t.Errorf("the record came through after %v: its first request was answered", waited)
		}
		if swallowed.Hits() != 1 {
			t.Errorf("got %d hits, want 1", swallowed.Hits())
		}
		wantValues(t, c.Records("orders")[0], "first", "second")
	})
}

func TestSwallowedAnswersLeaveTheRecordInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.InMemory(), kafkatest.Topic("orders", 1))
		cl := newClient(t, c.Brokers(), kgo.Dialer(c.Dial), kgo.ProduceRequestTimeout(5*time.Second))
		fault := c.SwallowAnswer(kafkatest.Produce, 1)
		done := make(chan error)
		go func() { done <- send(cl, "orders", 0, "once") }()
		if err := fault.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantValues(t, c.Records("orders")[0], "once")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		wantValues(t, c.Records("orders")[0], "once") // the repetition was a duplicate
	})
}

func TestDisconnectsHappenBeforeOrAfterTheWork(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 1))
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "made", 1, 1
	create.Topics = append(create.Topics, topic)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, create, 1)
	for _, carriedOut := range []bool{false, true} {
		if carriedOut {
			c.DisconnectAnswer(kmsg.CreateTopics, 3) // the controller is one of three
		} else {
			c.Disconnect(kmsg.CreateTopics, 3)
		}
		for _, addr := range c.Brokers() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(frame)
			if answer, err := io.ReadAll(conn); len(answer) > 0 {
				t.Errorf("got the answer %x (%v), want none", answer, err)
			}
			conn.Close()
		}
		if made := c.Leader("made", 0) >= 0; made != carriedOut {
			t.Errorf("topic made: %v, want %v", made, carriedOut)
		}
	}
}

func TestDelayedRequestsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.InMemory(), kafkatest.Topic("orders", 1))
		cl := newClient(t, c.Brokers(), kgo.Dialer(c.Dial))
		mustSend(t, cl, "orders", 0, "a")
		c.Delay(3*time.Second, kafkatest.Produce, 1)
		begin := time.Now()
		mustSend(t, cl, "orders", 0, "b")
		if took := time.Since(begin); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
		begin = time.Now()
		mustSend(t, cl, "orders", 0, "c")
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the request after the delayed one took %v", took)
		}
	})
}

func TestObserveCountsWithoutDisturbing(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 1), kafkatest.Topic("others", 1))
	cl := newClient(t, c.Brokers())
	all := c.Observe(kafkatest.Produce)
	orders := c.Observe(kafkatest.Produce, kafkatest.OnTopic("orders"))
	big := c.Observe(kafkatest.Any, kafkatest.When(func(r kmsg.Request) bool { return r.Key() == 0 && len(r.AppendTo(nil)) > 1000 }))
	mustSend(t, cl, "orders", 0, "a")
	mustSend(t, cl, "others", 0, "b")
	mustSend(t, cl, "others", 0, "c")
	all.Remove()
	mustSend(t, cl, "others", 0, "d")
	if all.Hits() != 3 || orders.Hits() != 1 || big.Hits() != 0 {
		t.Errorf("got %d produce requests, %d to orders, %d big: want 3, 1, 0", all.Hits(), orders.Hits(), big.Hits())
	}
}

func TestStoppedBrokersAreRefusedAndTheirPartitionsMove(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		opts := []kafkatest.Option{kafkatest.Topic("orders", 6)}
		if inMemory {
			opts = append(opts, kafkatest.InMemory())
		}
		c := kafkatest.Start(t, opts...)
		c.MoveLeader("orders", 0, 1)
		cl := newClient(t, c.Brokers(), kgo.Dialer(c.Dial))
		mustSend(t, cl, "orders", 0, "a")
		c.StopBroker(1)
		if _, err := c.Dial(t.Context(), "tcp", c.Brokers()[1]); err == nil {
			t.Error("a stopped broker accepts connections")
		}
		for p := range int32(6) {
			if c.Leader("orders", p) == 1 {
				t.Errorf("partition %d is still led by the stopped broker", p)
			}
		}
		mustSend(t, cl, "orders", 0, "b")
		c.StartBroker(1)
		c.MoveLeader("orders", 0, 1)
		mustSend(t, cl, "orders", 0, "c")
		wantValues(t, c.Records("orders")[0], "a", "b", "c")
	}
}

func TestPartitionsCanBeAdded(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 1))
	c.AddPartitions("orders", 2)
	mustSend(t, newClient(t, c.Brokers()), "orders", 2, "a")
	if got := len(c.Records("orders")); got != 3 {
		t.Errorf("got %d partitions, want 3", got)
	}
}

func TestStrayBytesDoNotHarmTheCluster(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 1))
	for _, stray := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x0a\x7f\xff\x00\x00\x00\x00\x00\x01\xff\xff", "\xff\xff\xff\xff"} {
		conn, err := net.Dial("tcp", c.Brokers()[0])
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(stray))
		if answer, _ := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("%q was answered with %q", stray, answer)
		}
		conn.Close()
	}
	mustSend(t, newClient(t, c.Brokers()), "orders", 0, "a")
}

func TestFaultsSeeRequestsThatCameByTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	defer server.Close()
	c := kafkatest.Start(t, kafkatest.Topic("orders", 1), kafkatest.TLS(&tls.Config{Certificates: server.TLS.Certificates}))
	cl := newClient(t, c.Brokers(), kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true}))
	seen := c.Observe(kafkatest.Produce)
	mustSend(t, cl, "orders", 0, "a")
	if seen.Hits() != 1 {
		t.Errorf("got %d hits, want 1", seen.Hits())
	}
	wantValues(t, c.Records("orders")[0], "a")
}
