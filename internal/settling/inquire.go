package settling

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
)

// Asker asks one broker; metadata/control's Client is one.
type Asker interface {
	RequestTo(ctx context.Context, brokerID int32, request kmsg.Request) (kmsg.Response, error)
}

// describedMax is how many partitions are asked about at once: a broker may know hundreds of producers of each, and names them all.
const describedMax = 100

// Inquire asks a leader about partitions that it leads, and tells what it found about each, by its place in questions, as
// soon as it is known. It blocks until all are told; ctx bounds it. Many are asked about in one request; reading back, where
// it is needed, goes partition by partition.
func Inquire(ctx context.Context, asker Asker, leader int32, questions []Question, tell func(i int, e Evidence)) {
	for first := 0; first < len(questions); first += describedMax {
		some := questions[first:min(first+describedMax, len(questions))]
		entries, err := describe(ctx, asker, leader, some)
		for i := range some {
			e := Evidence{Err: err}
			switch {
			case errors.Is(err, broker.ErrUnsupported):
				e = Evidence{Refused: true}
			case err == nil:
				e = entries.evidence(&some[i])
			}
			if e.Err == nil && !e.Refused && some[i].wantsReading(&e) {
				r := reading{ctx: ctx, asker: asker, leader: leader, question: &some[i], evidence: &e}
				r.run()
			}
			tell(first+i, e)
		}
	}
}

// wantsReading reports whether the leader's memory leaves something open.
func (q *Question) wantsReading(e *Evidence) bool {
	switch {
	case q.Locate || q.Aged || !e.Remembered:
		return true
	case q.Acked < 0:
		return false
	}
	return e.Epoch < q.ID.Epoch || (e.Epoch == q.ID.Epoch && idempotence.After(q.Acked, e.Last)) // it lacks what it acknowledged
}

// place is where an answer about a partition is found.
type place struct {
	topic     string
	partition int32
}

// descriptions are a leader's answers about partitions.
type descriptions map[place]*kmsg.DescribeProducersResponseTopicPartition

// describe asks what the leader remembers.
func describe(ctx context.Context, asker Asker, leader int32, questions []Question) (descriptions, error) {
	request := kmsg.NewPtrDescribeProducersRequest()
	at := make(map[string]int)
	for i := range questions {
		q := &questions[i]
		if _, known := at[q.Topic]; !known {
			at[q.Topic] = len(request.Topics)
			topic := kmsg.NewDescribeProducersRequestTopic()
			topic.Topic = q.Topic
			request.Topics = append(request.Topics, topic)
		}
		topic := &request.Topics[at[q.Topic]]
		topic.Partitions = append(topic.Partitions, q.Partition)
	}
	response, err := asker.RequestTo(ctx, leader, request)
	if err != nil {
		return nil, err
	}
	answer, ok := response.(*kmsg.DescribeProducersResponse)
	if !ok {
		return nil, fmt.Errorf("a DescribeProducers request was answered with %T", response)
	}
	found := make(descriptions)
	for i := range answer.Topics {
		t := &answer.Topics[i]
		for j := range t.Partitions {
			found[place{t.Topic, t.Partitions[j].Partition}] = &t.Partitions[j]
		}
	}
	return found, nil
}

// evidence reads the answer about one partition.
func (d descriptions) evidence(q *Question) Evidence {
	answer := d[place{q.Topic, q.Partition}]
	switch {
	case answer == nil:
		return Evidence{Err: errors.New("the DescribeProducers answer leaves the partition out")}
	case answer.ErrorCode == kerr.TopicAuthorizationFailed.Code:
		return Evidence{Refused: true}
	case answer.ErrorCode != 0:
		return Evidence{Err: fmt.Errorf("DescribeProducers: %w", kerr.ErrorForCode(answer.ErrorCode))}
	}
	for _, p := range answer.ActiveProducers {
		if p.ProducerID == q.ID.ID && p.LastSequence >= 0 {
			return Evidence{Remembered: true, Epoch: int16(p.ProducerEpoch), Last: p.LastSequence}
		}
	}
	return Evidence{}
}
