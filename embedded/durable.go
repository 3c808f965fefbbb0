package embedded

import (
	"errors"
	"io/fs"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

// entrySyncer makes directory entries durable before an answer leaves. kfake syncs the files that it writes, never the
// directories in which it creates them, so that a power cut could take a whole segment with everything acknowledged in it.
//
// Which partitions an answer speaks of stands in the answer, so there is nothing to remember between a request and its
// answer, and no moment at which another connection's answer could take the work away.
type entrySyncer struct {
	dir    string
	topics *topicNames

	mu struct {
		sync.Mutex
		newest map[partitionKey]int64 // the newest segment whose entry is durable
	}
}

type partitionKey struct {
	topic     string
	partition int32
}

func newEntrySyncer(dir string, topics *topicNames) *entrySyncer {
	s := &entrySyncer{dir: dir, topics: topics}
	s.mu.newest = make(map[partitionKey]int64)
	return s
}

// finish does what the answer to the request needs. The answer begins behind its correlation id.
func (s *entrySyncer) finish(request outstanding, answer []byte) error {
	switch request.key {
	case keyProduce:
		return s.finishProduce(request.version, answer)
	case keyDeleteTopics:
		s.forget() // a topic of that name may come again, with directories of its own
	}
	if writesState(kmsg.Key(request.key)) {
		return logdir.SyncDir(s.dir)
	}
	return nil
}

// writesState reports whether kfake may create or replace a file of its own directory in such a request: the topics'
// table, or the log of groups or of producers.
func writesState(key kmsg.Key) bool {
	switch key {
	case kmsg.OffsetCommit, kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.InitProducerID, kmsg.EndTxn, kmsg.TxnOffsetCommit,
		kmsg.AlterConfigs, kmsg.CreatePartitions, kmsg.DeleteGroups, kmsg.IncrementalAlterConfigs, kmsg.OffsetDelete:
		return true
	}
	return false
}

func (s *entrySyncer) finishProduce(version int16, answer []byte) error {
	response := kmsg.NewPtrProduceResponse()
	response.SetVersion(version)
	if response.IsFlexible() && len(answer) > 0 {
		answer = answer[1:] // no tagged fields
	}
	if err := response.ReadFrom(answer); err != nil {
		return err
	}
	var errs []error
	for i := range response.Topics {
		topic := &response.Topics[i]
		name := topic.Topic
		if topic.TopicID != ([16]byte{}) {
			name = s.topics.name(topic.TopicID)
		}
		for j := range topic.Partitions {
			if topic.Partitions[j].ErrorCode == 0 {
				errs = append(errs, s.sync(partitionKey{name, topic.Partitions[j].Partition}))
			}
		}
	}
	return errors.Join(errs...)
}

// sync makes the entries of the partition's segments durable, and on the first time those of the directories above.
func (s *entrySyncer) sync(partition partitionKey) error {
	path := logdir.PartitionDir(s.dir, partition.topic, partition.partition)
	newest, err := logdir.NewestBase(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	done, seen := s.done(partition)
	if seen && newest <= done {
		return nil
	}
	paths := []string{path}
	if !seen {
		paths = append(paths, logdir.PartitionsDir(s.dir), s.dir)
	}
	for _, path := range paths {
		if err := logdir.SyncDir(path); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.newest[partition] = newest
	return nil
}

func (s *entrySyncer) done(partition partitionKey) (newest int64, seen bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest, seen = s.mu.newest[partition]
	return newest, seen
}

func (s *entrySyncer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.mu.newest)
}
