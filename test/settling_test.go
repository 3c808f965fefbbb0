package test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// TestNothingIsLostOrWrittenTwiceOnOneBroker is what happens on a broker whose partitions have no other replica, with Java's
// producer and franz-go beside.
func TestNothingIsLostOrWrittenTwiceOnOneBroker(t *testing.T) {
	kafkatest.RequireKafka(t)
	noLeaks(t)
	k := kafkatest.StartKafka(t, 1, kafkatest.BehindProxies(),
		kafkatest.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		kafkatest.Property("allow.everyone.if.no.acl.found", "true"))
	java := startJavas(t)
	defer java.end()
	t.Run("the first batch is refused while the second is on its way", func(t *testing.T) {
		firstBatchRefused(t, k, java)
	})
	t.Run("answers are lost and the broker is killed", func(t *testing.T) {
		lostOnOneBroker(t, k, java, "kill", (*kafkatest.Node).Kill)
	})
	t.Run("answers are lost and the broker is terminated", func(t *testing.T) {
		lostOnOneBroker(t, k, java, "terminate", (*kafkatest.Node).Stop)
	})
	t.Run("the disk loses what was acknowledged", func(t *testing.T) {
		diskLosesRecords(t, k)
	})
}

// TestNothingIsLostOrWrittenTwiceOnThreeBrokers is what happens with three replicas of which two must be in sync.
func TestNothingIsLostOrWrittenTwiceOnThreeBrokers(t *testing.T) {
	kafkatest.RequireKafka(t)
	noLeaks(t)
	k := kafkatest.StartKafka(t, 3, kafkatest.BehindProxies(), kafkatest.Property("auto.leader.rebalance.enable", "false"))
	java := startJavas(t)
	defer java.end()
	t.Run("one partition takes another epoch while another is in doubt", func(t *testing.T) {
		epochChangesBesideDoubt(t, k, java)
	})
	t.Run("answers are lost, the followers are restarted and the leader is killed", func(t *testing.T) {
		lostOnThreeBrokers(t, k, java)
	})
}

// lostOnOneBroker has four entrants: one may only write to its topic.
func lostOnOneBroker(t *testing.T, k *kafkatest.Kafka, java *javas, kind string, stop func(*kafkatest.Node)) {
	s := &lostAnswersScenario{k: k, leader: 1, by: newBystander(t, k)}
	reading, one := openOurs(t, k.Brokers())
	writing, two := openOurs(t, k.Brokers())
	two.name += ", write only"
	s.entrants = []entrant{
		{contender: one, ours: reading}, {contender: two, ours: writing},
		{contender: java.open(t, kind, k.Brokers())}, {contender: openFranz(t, k.Brokers())},
	}
	for i := range s.entrants {
		e := &s.entrants[i]
		defer e.close()
		e.topic = fmt.Sprint("lost-", kind, "-", i)
		k.CreateTopic(e.topic, 1, nil)
	}
	s.entrants[1].allow = s.by.forbidReading(s.entrants[1].topic)
	s.run(t, func() {
		stop(k.Node(1))
		k.Node(1).Start()
		k.WaitReady()
	})
}

// forbidReading takes the right to read a topic from everybody, until the returned function is called.
func (b *bystander) forbidReading(topic string) (allow func()) {
	b.t.Helper()
	admin := kadm.NewClient(b.client)
	rules := kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).
		Allow("User:ANONYMOUS").AllowHosts().Operations(kadm.OpWrite, kadm.OpDescribe)
	created, err := admin.CreateACLs(b.t.Context(), rules)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range created {
		if r.Err != nil {
			b.t.Fatal(r.Err)
		}
	}
	return func() {
		b.t.Helper()
		if _, err := admin.DeleteACLs(b.t.Context(), rules); err != nil {
			b.t.Fatal(err)
		}
	}
}

// lostOnThreeBrokers has the leader's answers lost. Its followers are restarted in order, one after the other, and each is in
// sync again before the next fault: so both know one batch of each producer when one of them takes over.
func lostOnThreeBrokers(t *testing.T, k *kafkatest.Kafka, java *javas) {
	s := &lostAnswersScenario{k: k, leader: 1, by: newBystander(t, k)}
	mine, one := openOurs(t, k.Brokers())
	s.entrants = []entrant{
		{contender: one, ours: mine}, {contender: java.open(t, "replicas", k.Brokers())}, {contender: openFranz(t, k.Brokers())},
	}
	for i := range s.entrants {
		e := &s.entrants[i]
		defer e.close()
		e.topic = fmt.Sprint("replicas-", i)
		s.by.createLed(e.topic, 1)
	}
	s.run(t, func() {
		for _, follower := range []int32{2, 3} {
			k.Node(follower).Restart()
			k.WaitReady()
			for _, e := range s.entrants {
				k.WaitInSync(e.topic)
			}
		}
		for _, e := range s.entrants {
			if leader := k.Leader(e.topic, 0); leader != 1 {
				t.Fatalf("the scenario is not what it should be: broker %d leads %s", leader, e.topic)
			}
		}
		k.Node(1).Kill()
	})
}

// firstBatchRefused is KAFKA-15591: on a partition that knows nothing of a producer, a broker takes the second batch although
// it refused the first, which can then never be written any more. So the first has to go alone.
func firstBatchRefused(t *testing.T, k *kafkatest.Kafka, java *javas) {
	proxy, by := k.Proxy(1), newBystander(t, k)
	target := proxy.Target()
	gate, address := startFirstRefused(t, target)
	proxy.Retarget(address)
	defer func() {
		proxy.Retarget(target)
		gate.cut()
	}()
	_, mine := openOurs(t, k.Brokers())
	javas := java.open(t, "fresh", k.Brokers(), "request.timeout.ms=1500", "delivery.timeout.ms=2500") // it never gets out of it
	for i, c := range []*contender{mine, javas, openFranz(t, k.Brokers())} {
		topic := fmt.Sprint("fresh-", i)
		k.CreateTopic(topic, 1, nil)
		want := []string{"r1", "r2", "r3"}
		for _, value := range want {
			c.send(line{topic: topic, value: value})
			pause(50 * time.Millisecond)
		}
		failed := c.flush()
		got := by.values(topic)[0]
		t.Logf("%-19s %v; failed: %v", c.name, got, failed)
		if i == 0 && (!slices.Equal(got, want) || len(failed) > 0) {
			t.Errorf("the log has %v, want %v; failed: %v", got, want, failed)
		}
		c.close()
	}
}

// epochChangesBesideDoubt is librdkafka's issue 4953: while batches of partition 1 are in its log without an answer, a record
// that partition 0 refuses makes that one go on in another epoch; then partition 1 gets another leader. Where the epoch is the
// producer's instead of the partition's, partition 1 takes its batches again under the new one.
func epochChangesBesideDoubt(t *testing.T, k *kafkatest.Kafka, java *javas) {
	by := newBystander(t, k)
	mine, one := openOurs(t, k.Brokers())
	contenders := []*contender{one, java.open(t, "epochs", k.Brokers()), openFranz(t, k.Brokers())}
	topic := func(i int) string { return fmt.Sprint("epochs-", i) }
	for i, c := range contenders {
		defer c.close()
		by.createLed(topic(i), 2, 1)
		for partition := range int32(2) {
			c.send(line{topic: topic(i), partition: partition, value: fmt.Sprint("w", partition)})
		}
		if failed := c.flush(); len(failed) > 0 {
			t.Fatalf("%s: %v", c.name, failed)
		}
	}
	want := [][]string{{"w0", "a1", "a2"}, {"w1", "r1", "r2", "r3"}}
	k.Proxy(1).SwallowResponses(true)
	for i, c := range contenders {
		for n, value := range want[1][1:] {
			c.send(line{topic: topic(i), partition: 1, value: value})
			by.waitEnd(topic(i), 1, int64(2+n))
		}
		c.send(line{topic: topic(i), partition: 0, value: "bad", at: time.Now().Add(200 * time.Hour)})
		for _, value := range want[0][1:] {
			c.send(line{topic: topic(i), partition: 0, value: value})
			if i == 0 { // the others may wait for the partition in doubt
				eventually(t, time.Minute, "partition 0 goes on", func() bool { return mine.Stats().Pending == 3 })
			}
		}
	}
	if s := mine.Stats(); s.RequestsInFlight != 3 || s.NotWritten != 1 || s.Acked != 4 {
		t.Fatalf("the scenario is not what it should be: %+v", s.RecordStats)
	}
	for i := range contenders {
		preferLeader(t, by.client, topic(i), 1, 3)
	}
	k.Proxy(1).CutAll()
	k.Proxy(1).SwallowResponses(false)
	for i, c := range contenders {
		failed := c.flush()
		got := by.values(topic(i))
		t.Logf("%-19s %d records twice: %v; failed: %v", c.name, twice(got[0])+twice(got[1]), got, failed)
		if i > 0 {
			continue
		}
		if len(failed) != 1 || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
			t.Errorf("the logs have %v, want %v; failed: %v", got, want, failed)
		}
		if !omnibus.NotWritten(mine.outcomes["bad"].Err) {
			t.Errorf("what the broker refused: %v", mine.outcomes["bad"].Err)
		}
		log := kafkatest.ReadTopic(t, k.DirectBrokers(), topic(i))
		if before, after, beside := log[0][0], log[0][1], log[1][3]; before.ProducerEpoch != 0 || after.ProducerEpoch != 1 || beside.ProducerEpoch != 0 {
			t.Errorf("epochs %d, then %d, and %d of the other partition; want 0, 1, 0", before.ProducerEpoch, after.ProducerEpoch, beside.ProducerEpoch)
		}
	}
}

// diskLosesRecords takes the end of a log away while the broker is down, as a disk does that lied about its cache, and an
// unclean election where there are replicas. The producer cannot bring back what it no longer has, but it says exactly what is
// gone, and goes on.
func diskLosesRecords(t *testing.T, k *kafkatest.Kafka) {
	const topic, kept, lost = "truncated", 3, 4
	by := newBystander(t, k)
	k.CreateTopic(topic, 1, nil)
	mine, c := openOurs(t, k.Brokers())
	defer c.close()
	var want []string
	write := func(value string) {
		t.Helper()
		c.send(line{topic: topic, value: value})
		if failed := c.flush(); len(failed) > 0 {
			t.Fatal(failed)
		}
		if got := mine.outcomes[value].Ack.Offset; got != int64(len(want)) {
			t.Errorf("%s is said to be at offset %d, want %d", value, got, len(want))
		}
		want = append(want, value)
	}
	for i := range kept + lost {
		write(fmt.Sprint("r", i))
	}
	k.Node(1).Kill()
	truncate(t, filepath.Join(k.DataDir(1), topic+"-0"), kept)
	k.Node(1).Start()
	k.WaitReady()
	want = want[:kept]
	if got := by.values(topic)[0]; !slices.Equal(got, want) {
		t.Fatalf("the scenario is not what it should be: the log has %v", got)
	}
	write("s0")
	write("s1")
	if got := by.values(topic)[0]; !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
	mine.losses.Lock()
	defer mine.losses.Unlock()
	told := omnibus.DataLoss{Topic: topic, FromOffset: kept, ToOffset: kept + lost - 1}
	if !slices.Equal(mine.losses.all, []omnibus.DataLoss{told}) || mine.Stats().DataLosses != 1 {
		t.Errorf("told of %+v, %d counted; want %+v", mine.losses.all, mine.Stats().DataLosses, told)
	}
}

// truncate cuts a partition's log behind its first batches, and removes what was derived from the rest.
func truncate(t *testing.T, dir string, batches int) {
	t.Helper()
	file := filepath.Join(dir, "00000000000000000000.log")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	end := 0
	for range batches {
		end += 12 + int(binary.BigEndian.Uint32(data[end+8:]))
	}
	if err := os.Truncate(file, int64(end)); err != nil {
		t.Fatal(err)
	}
	for _, derived := range []string{"*.index", "*.timeindex", "*.snapshot"} {
		files, err := filepath.Glob(filepath.Join(dir, derived))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}
