package test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/sim/scenario"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const (
	randomPartitions = 24
	randomRequests   = 60 // for each partition, half of them after a restart
)

// randomScript is a script of requests whose numbers are drawn from so few that they meet. A third of them are told what
// an honest producer would send.
func randomScript(random *rand.Rand) string {
	var script strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
	line("topic t partitions=%d", randomPartitions)
	line("producer P")
	line("producer Q")
	next, epochs := make(map[string]int), make(map[string]int)
	for half := range 2 {
		for partition := range randomPartitions {
			for range randomRequests / 2 {
				name := string("PQ"[random.IntN(2)])
				key := fmt.Sprint(name, partition)
				epoch, sequence, count := epochs[key], next[key], 1+random.IntN(3)
				switch random.IntN(12) {
				case 0, 1, 2, 3, 4, 5:
					sequence = max(0, next[key]-random.IntN(9))
				case 6:
					sequence = random.IntN(12)
				case 7:
					epoch, sequence = epoch+random.IntN(2), random.IntN(2)
				case 8:
					epoch = random.IntN(epoch + 1)
				}
				if epoch > epochs[key] && sequence == 0 || epoch == epochs[key] && sequence == next[key] {
					epochs[key], next[key] = epoch, sequence+count
				}
				line("produce t/%d %s epoch=%d seq=%d count=%d acks=%d v=%d", partition, name, epoch, sequence, count,
					random.IntN(2)*2-1, 12+random.IntN(2))
			}
			line("describe t/%d", partition)
			line("offsets t/%d", partition)
			line("read t/%d from=%d", partition, random.IntN(20))
		}
		if half == 0 {
			line("kill 1\nstart 1")
			for partition := range randomPartitions {
				line("await t/%d leader=1", partition)
			}
		}
	}
	return script.String()
}

// playRandomly plays a script that nobody wrote on real Kafka and on the simulated cluster.
func playRandomly(t *testing.T, k *kafkatest.Kafka) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	script := randomScript(rand.New(rand.NewPCG(seed, 0)))
	simulated, err := scenario.NewSimulated(1)
	if err != nil {
		t.Fatal(err)
	}
	defer simulated.Close()
	model, err := scenario.Play(t.Context(), simulated, "", script)
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := scenario.Play(t.Context(), newKafkaTarget(t, k), "random-", script)
	if err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]int)
	differing := 0
	kafkaLines := strings.Split(kafka, "\n")
	for i, line := range strings.Split(model, "\n") {
		if _, answer, found := strings.Cut(line, " -> "); found && strings.HasPrefix(line, "produce") {
			answers[strings.Fields(answer)[0]]++
		}
		if line != kafkaLines[i] {
			if differing++; differing <= 10 {
				t.Errorf("line %d:\nmodel %s\nKafka %s", i+1, line, kafkaLines[i])
			}
		}
	}
	if differing > 0 {
		t.Errorf("%d of %d answers differ", differing, len(kafkaLines))
	}
	t.Logf("%d lines, the same answers: %v", len(kafkaLines), answers)
	if len(answers) < 3 {
		t.Errorf("the script is too tame: %v", answers)
	}
}
