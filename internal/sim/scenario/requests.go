package scenario

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadata asks a broker about a topic of the script.
func (p *player) metadata(node int32, name string) (*kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 12
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(p.prefix + name)
	request.Topics = append(request.Topics, asked)
	response, err := ask[*kmsg.MetadataResponse](p, node, request)
	if err != nil {
		return nil, err
	}
	return &response.Topics[0], nil
}

// created waits until a topic that was just created is served, for its metadata come first, and remembers its id.
func (p *player) created(name string) error {
	if err := p.learnID(name); err != nil {
		return err
	}
	for number := range int32(p.topics[name].partitions) {
		if err := p.until(func() error { return p.served(1, name, number) }); err != nil {
			return err
		}
	}
	return nil
}

// served returns nil if the leader that a broker names serves the partition.
func (p *player) served(node int32, name string, number int32) error {
	told, err := p.metadata(node, name)
	if err != nil {
		return err
	}
	for _, part := range told.Partitions {
		if part.Partition == number && part.Leader > 0 {
			_, code, err := p.offset(part.Leader, name, number, -2)
			return cmp.Or(err, kerr.ErrorForCode(code))
		}
	}
	return fmt.Errorf("no leader: %w", errNotYet)
}

func (p *player) learnID(name string) error {
	return p.until(func() error {
		told, err := p.metadata(1, name)
		if err == nil {
			err = kerr.ErrorForCode(told.ErrorCode)
		}
		if err != nil {
			return err
		}
		t := p.topics[name]
		if len(t.ids) > 0 && t.ids[len(t.ids)-1] == told.TopicID {
			return fmt.Errorf("the old topic is still there: %w", errNotYet)
		}
		t.ids = append(t.ids, told.TopicID)
		return nil
	})
}

// producer gets a producer id. A coordinator that is not ready is asked again.
func (p *player) producer(c *command) (string, error) {
	name := c.next()
	made := &producer{txn: c.take("txn", "")}
	request := kmsg.NewPtrInitProducerIDRequest()
	request.Version, request.TransactionTimeoutMillis = 4, 60_000
	if made.txn != "" {
		request.TransactionalID = kmsg.StringPtr(p.prefix + made.txn)
	}
	var response *kmsg.InitProducerIDResponse
	err := p.until(func() (err error) {
		if response, err = ask[*kmsg.InitProducerIDResponse](p, c.node(), request); err != nil {
			return err
		}
		switch err := kerr.ErrorForCode(response.ErrorCode); {
		case err == kerr.ConcurrentTransactions:
			return err
		case kerr.IsRetriable(err):
			return errors.Join(err, p.findCoordinator(made.txn))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	made.id, made.epoch = response.ProducerID, response.ProducerEpoch
	p.producers[name], p.names[made.id] = made, name
	if response.ErrorCode != 0 {
		return codeName(response.ErrorCode), nil
	}
	return "", nil
}

// findCoordinator makes the cluster look for one.
func (p *player) findCoordinator(txn string) error {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.Version, request.CoordinatorType, request.CoordinatorKeys = 4, 1, []string{p.prefix + txn}
	_, err := ask[*kmsg.FindCoordinatorResponse](p, 1, request)
	return err
}

// end ends a transaction.
func (p *player) end(c *command) (string, error) {
	from := p.producers[c.next()]
	if from == nil {
		return "", fmt.Errorf("no such producer")
	}
	request := kmsg.NewPtrEndTxnRequest()
	request.Version, request.TransactionalID = 5, p.prefix+c.take("txn", from.txn)
	request.ProducerID, request.ProducerEpoch, request.Commit = from.id, from.epoch, c.next() != "abort"
	if c.take("epoch", "") == "last" {
		request.ProducerEpoch--
	}
	var response *kmsg.EndTxnResponse
	err := p.until(func() (err error) {
		response, err = ask[*kmsg.EndTxnResponse](p, 1, request)
		if err == nil && response.ErrorCode == kerr.ConcurrentTransactions.Code {
			return kerr.ConcurrentTransactions
		}
		return err
	})
	if err != nil || response.ErrorCode != 0 {
		return codeName(response.ErrorCode), err
	}
	step := response.ProducerEpoch - request.ProducerEpoch
	from.epoch = response.ProducerEpoch
	return fmt.Sprintf("ok epoch+%d", step), nil
}

// describe asks what a broker knows of producers.
func (p *player) describe(c *command) (string, error) {
	node := c.node()
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	part, err := p.producersOf(node, name, partition)
	if err != nil || part.ErrorCode != 0 {
		return codeName(part.ErrorCode), err
	}
	slices.SortFunc(part.ActiveProducers, func(a, b kmsg.DescribeProducersResponseTopicPartitionActiveProducer) int {
		return cmp.Compare(p.names[a.ProducerID], p.names[b.ProducerID])
	})
	var known []string
	for _, active := range part.ActiveProducers {
		text := fmt.Sprintf("%s epoch=%d last=%d", cmp.Or(p.names[active.ProducerID], "?"), active.ProducerEpoch, active.LastSequence)
		if active.CurrentTxnStartOffset >= 0 {
			text += fmt.Sprintf(" txn=%d", active.CurrentTxnStartOffset)
		}
		known = append(known, text)
	}
	return cmp.Or(strings.Join(known, ", "), "nobody"), nil
}

func (p *player) producersOf(node int32, name string, partition int32) (part kmsg.DescribeProducersResponseTopicPartition, err error) {
	asked := kmsg.NewDescribeProducersRequestTopic()
	asked.Topic, asked.Partitions = p.prefix+name, []int32{partition}
	request := kmsg.NewPtrDescribeProducersRequest()
	request.Topics = append(request.Topics, asked)
	response, err := ask[*kmsg.DescribeProducersResponse](p, node, request)
	if err != nil {
		return part, err
	}
	return response.Topics[0].Partitions[0], nil
}

// offsets asks for the first and the next offset.
func (p *player) offsets(c *command) (string, error) {
	node := c.node()
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	var said []string
	whiches := []int64{-2, -1}
	if age := c.duration("age", -1); age >= 0 {
		whiches = []int64{time.Now().Add(-age).UnixMilli()}
	}
	for _, which := range whiches {
		offset, code, err := p.offset(node, name, partition, which)
		switch {
		case err != nil:
			return "", err
		case code != 0:
			said = append(said, codeName(code))
		default:
			said = append(said, fmt.Sprint(offset))
		}
	}
	return strings.Join(said, ".."), nil
}

func (p *player) offset(node int32, name string, partition int32, which int64) (offset int64, code int16, err error) {
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.Timestamp = partition, which
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic, asked.Partitions = p.prefix+name, append(asked.Partitions, part)
	request := kmsg.NewPtrListOffsetsRequest()
	request.Version, request.ReplicaID, request.Topics = 6, -1, append(request.Topics, asked)
	response, err := ask[*kmsg.ListOffsetsResponse](p, node, request)
	if err != nil {
		return 0, 0, err
	}
	told := response.Topics[0].Partitions[0]
	return told.Offset, told.ErrorCode, nil
}

// epoch asks where a leader's epoch ends.
func (p *player) epoch(c *command) (string, error) {
	node := c.node()
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	part := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	part.Partition, part.LeaderEpoch, part.CurrentLeaderEpoch = partition, int32(c.integer("epoch", 0)), int32(c.integer("known", -1))
	asked := kmsg.NewOffsetForLeaderEpochRequestTopic()
	asked.Topic, asked.Partitions = p.prefix+name, append(asked.Partitions, part)
	request := kmsg.NewPtrOffsetForLeaderEpochRequest()
	request.Version, request.ReplicaID, request.Topics = 4, -1, append(request.Topics, asked)
	response, err := ask[*kmsg.OffsetForLeaderEpochResponse](p, node, request)
	if err != nil {
		return "", err
	}
	told := response.Topics[0].Partitions[0]
	if told.ErrorCode != 0 {
		return codeName(told.ErrorCode), nil
	}
	return fmt.Sprintf("epoch=%d end=%d", told.LeaderEpoch, told.EndOffset), nil
}

// read reads the headers of batches.
func (p *player) read(c *command) (string, error) {
	node := c.node()
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = partition, c.integer("from", 0), 1<<20
	part.CurrentLeaderEpoch = int32(c.integer("epoch", -1))
	asked := kmsg.NewFetchRequestTopic()
	asked.Topic, asked.Partitions = p.prefix+name, append(asked.Partitions, part)
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.MaxBytes, request.SessionEpoch = int16(c.integer("v", 12)), 1<<20, -1
	request.Topics = append(request.Topics, asked)
	response, err := ask[*kmsg.FetchResponse](p, node, request)
	if err != nil {
		return "", err
	}
	told := response.Topics[0].Partitions[0]
	if told.ErrorCode != 0 {
		return codeName(told.ErrorCode), nil
	}
	return p.headers(told.RecordBatches)
}

// headers writes down the headers of batches.
func (p *player) headers(raw []byte) (string, error) {
	var found []string
	for len(raw) > 0 {
		length := min(12+int(binary.BigEndian.Uint32(raw[8:])), len(raw))
		var b kmsg.RecordBatch
		if err := b.ReadFrom(bytes.Clone(raw[:length])); err != nil {
			return "", err
		}
		raw = raw[length:]
		text := fmt.Sprintf("%d: %s", b.FirstOffset, cmp.Or(p.names[b.ProducerID], "-"))
		switch {
		case b.Attributes&0x20 != 0:
			text += fmt.Sprintf(" epoch=%d marker", b.ProducerEpoch)
		case b.ProducerID >= 0:
			text += fmt.Sprintf(" epoch=%d seq=%d", b.ProducerEpoch, b.FirstSequence)
		}
		found = append(found, text+fmt.Sprintf(" count=%d", b.NumRecords))
	}
	return cmp.Or(strings.Join(found, ", "), "nothing"), nil
}

// leader asks who leads a partition and who is in sync.
func (p *player) leader(c *command) (string, error) {
	node := c.node()
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	told, err := p.metadata(node, name)
	if err != nil || told.ErrorCode != 0 {
		return codeName(told.ErrorCode), err
	}
	for _, part := range told.Partitions {
		if part.Partition == partition {
			return leaderText(&part), nil
		}
	}
	return "no such partition", nil
}

func leaderText(part *kmsg.MetadataResponseTopicPartition) string {
	text := fmt.Sprintf("leader=%d epoch=%d isr=%s", part.Leader, part.LeaderEpoch, isrText(part))
	if part.ErrorCode != 0 {
		text += " " + codeName(part.ErrorCode)
	}
	return text
}

func isrText(part *kmsg.MetadataResponseTopicPartition) string {
	slices.Sort(part.ISR)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(part.ISR), " ", ","), "[]")
}

// await waits until a broker says what the command says.
func (p *player) await(c *command) (string, error) {
	node := c.node()
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	leader, isr, without, end := c.take("leader", ""), c.take("isr", ""), c.take("without", ""), c.integer("end", -1)
	return "", p.until(func() error {
		switch {
		case without != "":
			return p.forgotten(node, name, partition, without)
		case end >= 0:
			if offset, code, err := p.offset(node, name, partition, -1); err != nil || code != 0 || offset != end {
				return fmt.Errorf("the end is %d (%s, %w)", offset, codeName(code), cmp.Or(err, errNotYet))
			}
			return nil
		}
		told, err := p.metadata(node, name)
		if err == nil && leader != "-1" {
			err = p.served(node, name, partition)
		}
		if err != nil {
			return err
		}
		for _, part := range told.Partitions {
			fits := (leader == "" || leader == fmt.Sprint(part.Leader)) && (isr == "" || isr == isrText(&part))
			if fits && part.Partition == partition {
				return nil
			}
		}
		return fmt.Errorf("%s, %v: %w", codeName(told.ErrorCode), told.Partitions, errNotYet)
	})
}

// forgotten returns nil if a broker does not know the producer.
func (p *player) forgotten(node int32, name string, partition int32, who string) error {
	part, err := p.producersOf(node, name, partition)
	if err != nil {
		return err
	}
	for _, active := range part.ActiveProducers {
		if p.names[active.ProducerID] == who {
			return fmt.Errorf("%s is known: %w", who, errNotYet)
		}
	}
	return nil
}
