package floor

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The versions in which the two questions are asked.
const (
	metadataVersion   = 12
	producerIDVersion = 4
)

// introduce asks for the topics' ids and partitions and for a producer id.
func (p *Producer) introduce() error {
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(metadataVersion)
	for _, name := range p.config.Topics {
		asked := kmsg.NewMetadataRequestTopic()
		asked.Topic = &name
		metadata.Topics = append(metadata.Topics, asked)
	}
	known := metadata.ResponseKind().(*kmsg.MetadataResponse)
	if err := p.ask(metadata, known); err != nil {
		return err
	}
	for i, told := range known.Topics {
		if told.ErrorCode != 0 || told.Topic == nil || *told.Topic != p.config.Topics[i] || len(told.Partitions) == 0 {
			return fmt.Errorf("topic %s: error code %d, %d partitions", p.config.Topics[i], told.ErrorCode, len(told.Partitions))
		}
		p.addTopic(told.TopicID, len(told.Partitions))
	}
	request := kmsg.NewPtrInitProducerIDRequest()
	request.SetVersion(producerIDVersion)
	given := request.ResponseKind().(*kmsg.InitProducerIDResponse)
	if err := p.ask(request, given); err != nil {
		return err
	}
	if given.ErrorCode != 0 {
		return fmt.Errorf("producer id: error code %d", given.ErrorCode)
	}
	p.producerID = given.ProducerID
	return nil
}

func (p *Producer) addTopic(id [16]byte, partitions int) {
	t := &topic{id: id}
	for i := range partitions {
		l := &lane{topic: t, index: int32(i), place: len(p.lanes)}
		t.lanes, p.lanes = append(t.lanes, l), append(p.lanes, l)
	}
	p.topics = append(p.topics, t)
}

// ask sends a request, whose version is a flexible one, and waits for the answer.
func (p *Producer) ask(request kmsg.Request, response kmsg.Response) error {
	out := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(request.Key()))
	out = binary.BigEndian.AppendUint16(out, uint16(request.GetVersion()))
	out = append(out, 0, 0, 0, 0, 0, 5, 'f', 'l', 'o', 'o', 'r', 0) // correlation id, client id, no tags
	out = request.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	if _, err := p.conn.Write(out); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(p.conn, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(p.conn, body); err != nil {
		return err
	}
	response.SetVersion(request.GetVersion())
	return response.ReadFrom(body[answerHead:])
}
