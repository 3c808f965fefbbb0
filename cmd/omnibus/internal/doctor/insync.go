package doctor

import (
	"fmt"
	"math"
	"slices"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
)

// examineInSync compares the replicas that keep up with those that an acknowledgement needs.
func (e *examination) examineInSync(subject string) []Finding {
	least, known := number(e.topicSettings, "min.insync.replicas")
	var few, behind, away []int32
	replicas := math.MaxInt
	for _, p := range e.found.Partitions {
		replicas = min(replicas, len(p.Replicas))
		if len(p.ISR) < len(p.Replicas) {
			behind = append(behind, p.Partition)
			away = append(away, slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.ISR, id) })...)
		}
		if int64(len(p.ISR)) < least {
			few = append(few, p.Partition)
		}
	}
	slices.Sort(away)
	restart := "bring back the brokers whose replicas are behind: " + admin.IDs(slices.Compact(away))
	switch {
	case known && int64(replicas) < least:
		return e.ifAll(fault{
			fmt.Sprintf("min.insync.replicas is %d, and the topic has %s: no record can ever be acknowledged", least, replicasOf(replicas)),
			fmt.Sprintf("lower it: kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config min.insync.replicas=%d, or add replicas", e.topic, max(replicas-1, 1)),
		}, subject)
	case len(few) > 0:
		return e.ifAll(fault{
			fmt.Sprintf("%s fewer in-sync replicas than min.insync.replicas, which is %d: records are refused (NOT_ENOUGH_REPLICAS)", have(few), least),
			restart,
		}, subject)
	case len(behind) > 0:
		return []Finding{fault{have(behind) + " replicas that are not in sync", restart}.warns("in-sync", subject)}
	case known && least < 2 && replicas > 1:
		return []Finding{fault{
			fmt.Sprintf("min.insync.replicas is %d: with acks=all a record still counts as acknowledged when the leader alone has it", least),
			fmt.Sprintf("raise it: kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config min.insync.replicas=2", e.topic),
		}.warns("in-sync", subject)}
	case !known:
		return []Finding{pass("in-sync", subject, "every replica is in sync")}
	}
	return []Finding{pass("in-sync", subject, "every replica is in sync, and min.insync.replicas is %d", least)}
}

// ifAll is a failure for a producer that waits for all in-sync replicas, and a warning for others.
func (e *examination) ifAll(what fault, subject string) []Finding {
	if e.values["acks"] == "all" {
		return []Finding{what.fails("in-sync", subject)}
	}
	what.text += "; that is for acks=all, which this producer does not ask for"
	return []Finding{what.warns("in-sync", subject)}
}

// replicasOf is a count of replicas in words.
func replicasOf(n int) string {
	if n == 1 {
		return "one replica"
	}
	return fmt.Sprintf("%d replicas", n)
}
