package scenario

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produce sends one batch.
func (p *player) produce(c *command) (string, error) {
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	node, version := c.node(), int16(c.integer("v", 12))
	request := kmsg.NewPtrProduceRequest()
	request.Version = version
	request.TimeoutMillis = int32(c.duration("timeout", 10*time.Second).Milliseconds())
	request.Acks = int16(c.integer("acks", -1))
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition = partition
	from, known := p.producers[c.next()]
	if known && from.txn != "" {
		request.TransactionID = kmsg.StringPtr(p.prefix + from.txn)
	}
	if part.Records, err = p.batch(c, from); err != nil {
		return "", err
	}
	asked := kmsg.NewProduceRequestTopic()
	asked.Topic, asked.Partitions = p.prefix+name, append(asked.Partitions, part)
	if version >= 13 {
		ids := p.topics[name].ids
		asked.TopicID = ids[len(ids)-1]
		if c.take("id", "") == "old" {
			asked.TopicID = ids[0]
		}
	}
	request.Topics = append(request.Topics, asked)
	for began := time.Now(); ; {
		response, err := ask[*kmsg.ProduceResponse](p, node, request)
		if err != nil {
			return "", err
		}
		told := &response.Topics[0].Partitions[0]
		if told.ErrorCode != kerr.ConcurrentTransactions.Code || time.Since(began) > patience {
			return answerText(told, node), nil
		}
		if err := p.pause(pollInterval); err != nil {
			return "", err
		}
	}
}

// answerText is what is compared of an answer.
func answerText(told *kmsg.ProduceResponseTopicPartition, node int32) string {
	text := []string{codeName(told.ErrorCode)}
	if told.BaseOffset >= 0 {
		text = append(text, fmt.Sprintf("offset=%d", told.BaseOffset))
	}
	if told.LogAppendTime >= 0 {
		text = append(text, "time")
	}
	if told.LogStartOffset > 0 {
		text = append(text, fmt.Sprintf("start=%d", told.LogStartOffset))
	}
	if hint := told.CurrentLeader.LeaderID; hint >= 0 && hint != node {
		text = append(text, fmt.Sprintf("leader=%d", hint))
	}
	for _, culprit := range told.ErrorRecords {
		text = append(text, fmt.Sprintf("record=%d", culprit.RelativeOffset))
	}
	return strings.Join(text, " ")
}

// Where the fields of a batch lie that are damaged on purpose.
const (
	lengthEnd = 12
	magicAt   = 16
	crcAt     = 17
	crcEnd    = 21
	deltaAt   = 23
	countAt   = 57
)

// batch lays out the batch that a produce command describes.
func (p *player) batch(c *command, from *producer) ([]byte, error) {
	count, age, size := int32(c.integer("count", 1)), c.duration("age", 0), int(c.integer("size", 10))
	keyless := int32(c.integer("keyless", -1))
	first := time.Now().Add(-age).UnixMilli()
	b := kmsg.RecordBatch{
		Magic: 2, LastOffsetDelta: count - 1, FirstTimestamp: first, MaxTimestamp: first, NumRecords: count,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, Attributes: int16(c.integer("attributes", 0)),
	}
	fill := c.take("fill", "v")
	for i := range count {
		r := kmsg.Record{OffsetDelta: i, Key: []byte("k"), Value: []byte(strings.Repeat(fill, size))}
		if i == keyless {
			r.Key = nil
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		b.Records = r.AppendTo(b.Records)
	}
	if from != nil {
		b.ProducerID, b.FirstSequence = from.id, int32(c.integer("seq", 0))
		switch epoch := c.take("epoch", ""); epoch {
		case "":
			b.ProducerEpoch = from.epoch
		case "last":
			b.ProducerEpoch = from.epoch - 1
		default:
			b.ProducerEpoch = int16(c.number(epoch))
		}
		if from.txn != "" {
			b.Attributes |= 0x10
		}
	}
	return damaged(&b, c.take("damage", ""))
}

// damaged lays out a batch and does it the harm.
func damaged(b *kmsg.RecordBatch, kind string) ([]byte, error) {
	b.Length = int32(49 + len(b.Records))
	raw := b.AppendTo(nil)
	switch kind {
	case "", "crc", "short", "none":
	case "magic":
		raw[magicAt] = 1
	case "count":
		binary.BigEndian.PutUint32(raw[countAt:], uint32(b.NumRecords+1))
	case "delta":
		binary.BigEndian.PutUint32(raw[deltaAt:], uint32(b.NumRecords+1))
	case "offset":
		binary.BigEndian.PutUint64(raw, 5)
	case "record": // its length is more than there is
		raw[len(raw)-len(b.Records)] = 0x7e
	case "two":
		raw = append(raw, raw...)
	default:
		return nil, fmt.Errorf("%q is no damage", kind)
	}
	sum := crc32.Checksum(raw[crcEnd:lengthEnd+b.Length], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(raw[crcAt:], sum)
	switch kind {
	case "crc":
		raw[crcAt]++
	case "short":
		raw = raw[:len(raw)-1]
	case "none":
		raw = []byte{}
	case "two": // the second one's sum is the first one's
		copy(raw[len(raw)/2:], raw[:len(raw)/2])
	}
	return raw, nil
}
