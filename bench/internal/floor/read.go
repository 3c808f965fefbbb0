package floor

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// answerBytes is how much is read of the connection at once.
const answerBytes = 64 << 10

// What an answer consists of, given that nothing went wrong: then every field has its size.
const (
	answerHead      = 4 + 1 // correlation id, tags
	answerTopic     = 16    // topic id, then the number of partitions
	answerPartition = 4 + 2 + 8 + 8 + 8 + 1 + 1 + 1
	answerCode      = 4 // where a partition's error code stands
	answerErrors    = 4 + 2 + 8 + 8 + 8
)

var errAnswer = errors.New("floor: the broker's answer is not what was expected, and this producer can do nothing else")

// read is the reader's goroutine: answers come in the order of the requests.
func (p *Producer) read() {
	in := bufio.NewReaderSize(p.conn, answerBytes)
	var body []byte
	for {
		size, err := in.Peek(4)
		if err != nil {
			p.broken(err)
			return
		}
		n := int(binary.BigEndian.Uint32(size))
		in.Discard(4)
		if cap(body) < n {
			body = make([]byte, n)
		}
		body = body[:n]
		if _, err := io.ReadFull(in, body); err != nil {
			p.broken(err)
			return
		}
		f := <-p.flights
		if err := p.acknowledge(f, body); err != nil {
			p.broken(err)
			return
		}
	}
}

// acknowledge reads the answer to a request, whose partitions come in the request's order, and lets all of it go.
func (p *Producer) acknowledge(f *flight, body []byte) error {
	if len(body) < answerHead {
		return errAnswer
	}
	topics, n := binary.Uvarint(body[answerHead:])
	if n <= 0 || int(topics)-1 != topicsIn(f.batches) {
		return errAnswer
	}
	body = body[answerHead+n:]
	for rest := f.batches; len(rest) > 0; {
		count := batchesOf(rest[0].lane.topic, rest)
		if len(body) < answerTopic {
			return errAnswer
		}
		partitions, n := binary.Uvarint(body[answerTopic:])
		if body = body[answerTopic+max(n, 0):]; int(partitions)-1 != count || len(body) < count*answerPartition+1 {
			return errAnswer
		}
		for _, b := range rest[:count] {
			if err := p.tell(b, body[:answerPartition]); err != nil {
				return err
			}
			body = body[answerPartition:]
		}
		body = body[1:] // no tags
		rest = rest[count:]
	}
	p.store.give(f.batches)
	p.flying.Add(-1)
	p.idle <- f
	p.ready.rouse()
	return nil
}

// tell runs the callbacks of a batch.
func (p *Producer) tell(b *batch, answer []byte) error {
	if int32(binary.BigEndian.Uint32(answer)) != b.lane.index || answer[answerErrors] != 1 || answer[answerErrors+1] != 0 {
		return errAnswer
	}
	var err error
	if code := binary.BigEndian.Uint16(answer[answerCode:]); code != 0 {
		err = fmt.Errorf("floor: error code %d", code)
	}
	for range b.count {
		p.config.Callback(err)
	}
	return nil
}

// broken says that nothing can be sent any more.
func (p *Producer) broken(err error) {
	select {
	case <-p.done: // by Close
	default:
		p.config.Broken(err)
	}
}
