package embedded

import (
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

// idempotent is a producer by hand: it says which epoch and sequence each batch has.
type idempotent struct {
	t      *testing.T
	client *kgo.Client
	topic  [16]byte
	id     int64
}

// newIdempotent creates the topic "orders" on first use and takes a producer id.
func newIdempotent(t *testing.T, addr string) *idempotent {
	t.Helper()
	p := &idempotent{t: t, client: newClient(t, addr)}
	metadata := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("orders")
	metadata.Topics, metadata.AllowAutoTopicCreation = append(metadata.Topics, topic), true
	known, err := metadata.RequestWith(testContext(t), p.client)
	if err != nil {
		t.Fatal(err)
	}
	p.topic = known.Topics[0].TopicID
	response, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(testContext(t), p.client)
	if err != nil || response.ErrorCode != 0 {
		t.Fatalf("producer id: %v, %+v", err, response)
	}
	p.id = response.ProducerID
	return p
}

// write sends a batch of so many records.
func (p *idempotent) write(partition int32, epoch int16, sequence, records int32) *kmsg.ProduceResponseTopicPartition {
	p.t.Helper()
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 5000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = "orders", p.topic
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, batchOf(p.id, epoch, sequence, records)
	topic.Partitions = append(topic.Partitions, part)
	request.Topics = append(request.Topics, topic)
	response, err := p.client.SeedBrokers()[0].RetriableRequest(testContext(p.t), request)
	if err != nil {
		p.t.Fatal(err)
	}
	return &response.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
}

// batchOf is a record batch of empty records.
func batchOf(id int64, epoch int16, sequence, records int32) []byte {
	batch := kmsg.RecordBatch{
		Magic: 2, LastOffsetDelta: records - 1, ProducerID: id, ProducerEpoch: epoch, FirstSequence: sequence,
		NumRecords: records, PartitionLeaderEpoch: -1,
	}
	for i := range records {
		record := kmsg.Record{OffsetDelta: i}
		body := record.AppendTo(nil)[1:]
		record.Length = int32(len(body))
		batch.Records = record.AppendTo(batch.Records)
	}
	batch.Length = int32(logdir.HeaderBytes - 12 + len(batch.Records))
	b := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(b[checksumAt:], crc32.Checksum(b[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func (p *idempotent) expect(what string, got *kmsg.ProduceResponseTopicPartition, code int16, offset int64) {
	p.t.Helper()
	if got.ErrorCode != code || code == 0 && got.BaseOffset != offset {
		p.t.Errorf("%s: code %d, offset %d; want code %d, offset %d", what, got.ErrorCode, got.BaseOffset, code, offset)
	}
}

func TestEachPartitionHasAnEpochOfItsOwn(t *testing.T) {
	for name, cfg := range map[string]Config{"in memory": {}, "on disk": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			p := newIdempotent(t, openBroker(t, cfg).Addr())
			p.expect("first batch of partition 0", p.write(0, 0, 0, 2), 0, 0)
			p.expect("first batch of partition 1", p.write(1, 0, 0, 3), 0, 0)
			p.expect("next epoch in partition 0", p.write(0, 1, 0, 1), 0, 2)
			p.expect("partition 1 goes on in the old epoch", p.write(1, 0, 3, 1), 0, 3)
			p.expect("the same again", p.write(1, 0, 3, 1), 0, 3)
			p.expect("a gap", p.write(1, 0, 7, 1), kerr.OutOfOrderSequenceNumber.Code, 0)
			p.expect("the old epoch in partition 0", p.write(0, 0, 2, 1), kerr.InvalidProducerEpoch.Code, 0)
			p.expect("an epoch that does not begin with 0", p.write(1, 1, 4, 1), kerr.OutOfOrderSequenceNumber.Code, 0)
		})
	}
}

func TestABatchWhoseAnswerWasLostInACrashIsRecognized(t *testing.T) {
	dir := t.TempDir()
	addr, child := startChild(t, dir)
	p := newIdempotent(t, addr)
	for i := range int32(7) {
		p.expect("before the crash", p.write(0, 0, 2*i, 2), 0, int64(2*i))
	}
	p.expect("another epoch", p.write(1, 3, 0, 5), 0, 0)
	child.Process.Kill()
	child.Wait()

	for range 2 { // and once more behind a clean stop
		broker, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		p.client = newClient(t, broker.Addr())
		p.expect("the last batch again", p.write(0, 0, 12, 2), 0, 12)
		p.expect("the last but four again", p.write(0, 0, 4, 2), 0, 4)
		p.expect("the batch of the other epoch again", p.write(1, 3, 0, 5), 0, 0)
		p.expect("the epoch before it", p.write(1, 2, 0, 5), kerr.InvalidProducerEpoch.Code, 0)
		p.expect("a gap", p.write(0, 0, 15, 1), kerr.OutOfOrderSequenceNumber.Code, 0)
		if end := broker.cluster.PartitionInfo("orders", 0).HighWatermark; end != 14 {
			t.Errorf("partition 0 ends at %d, want 14", end)
		}
		if err := broker.Close(); err != nil {
			t.Fatal(err)
		}
	}
	broker := openBroker(t, Config{Dir: dir})
	p.client = newClient(t, broker.Addr())
	p.expect("the next batch", p.write(0, 0, 14, 1), 0, 14)
}

func TestADamagedBatchIsRefusedAndNotMadeGood(t *testing.T) {
	batch := batchOf(7, 0, 0, 1)
	batch[len(batch)-1] ^= 1
	before := string(batch)
	separate(batch, 12345)
	if string(batch) != before {
		t.Error("the separator gave a damaged batch a right checksum")
	}
}

func TestWhoReadsBackFindsItsOwnProducerID(t *testing.T) {
	p := newIdempotent(t, openBroker(t, Config{Dir: t.TempDir()}).Addr())
	p.write(3, 0, 0, 2)
	p.write(3, 0, 2, 1)
	fetch := kmsg.NewPtrFetchRequest()
	fetch.ReplicaID, fetch.MaxBytes, fetch.SessionEpoch = -1, 1<<20, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = "orders", p.topic
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.PartitionMaxBytes, partition.CurrentLeaderEpoch = 3, 1<<20, -1
	topic.Partitions = append(topic.Partitions, partition)
	fetch.Topics = append(fetch.Topics, topic)
	response, err := p.client.SeedBrokers()[0].RetriableRequest(testContext(t), fetch)
	if err != nil {
		t.Fatal(err)
	}
	data := response.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
	for _, sequence := range []int32{0, 2} {
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(data); err != nil {
			t.Fatal(err)
		}
		size := 12 + int(batch.Length)
		sum := crc32.Checksum(data[attributesAt:size], crc32.MakeTable(crc32.Castagnoli))
		if batch.ProducerID != p.id || batch.FirstSequence != sequence || uint32(batch.CRC) != sum {
			t.Errorf("producer id %d, sequence %d, checksum %x; want %d, %d, %x", batch.ProducerID, batch.FirstSequence, uint32(batch.CRC), p.id, sequence, sum)
		}
		data = data[size:]
	}
}

func TestDescribeProducersTellsWhatTheLogHas(t *testing.T) {
	broker := openBroker(t, Config{Dir: t.TempDir()})
	p := newIdempotent(t, broker.Addr())
	p.write(0, 0, 0, 2)
	p.write(0, 0, 2, 3)
	p.write(1, 4, 0, 1)
	transactional := newClient(t, broker.Addr(), kgo.TransactionalID("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := transactional.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := transactional.ProduceSync(testContext(t), &kgo.Record{Topic: "orders", Partition: 2}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	describe := kmsg.NewPtrDescribeProducersRequest()
	describe.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: []int32{0, 1, 2, 3, 99}}}
	response, err := p.client.SeedBrokers()[0].RetriableRequest(testContext(t), describe)
	if err != nil {
		t.Fatal(err)
	}
	partitions := response.(*kmsg.DescribeProducersResponse).Topics[0].Partitions
	for i, want := range []struct {
		producers, epoch, last int32
		transaction            int64
		code                   int16
	}{
		{producers: 1, last: 4, transaction: -1},
		{producers: 1, epoch: 4, transaction: -1},
		{producers: 1},
		{},
		{code: kerr.UnknownTopicOrPartition.Code},
	} {
		got := partitions[i]
		if got.ErrorCode != want.code || len(got.ActiveProducers) != int(want.producers) {
			t.Errorf("partition %d: %+v, want code %d and %d producers", i, got, want.code, want.producers)
			continue
		}
		if want.producers == 0 {
			continue
		}
		active := got.ActiveProducers[0]
		if active.ProducerEpoch != want.epoch || active.LastSequence != want.last || active.CurrentTxnStartOffset != want.transaction {
			t.Errorf("partition %d: %+v, want %+v", i, active, want)
		}
		if i < 2 && active.ProducerID != p.id {
			t.Errorf("partition %d: producer id %d, want %d", i, active.ProducerID, p.id)
		}
	}
	if err := transactional.EndTransaction(testContext(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestSilentProducersAreForgottenWhenTheBrokerStarts(t *testing.T) {
	dir := t.TempDir()
	broker, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	p := newIdempotent(t, broker.Addr())
	p.write(0, 0, 0, 2)
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, logName, "partitions", "orders-0", "*.dat"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("segments %q, %v", segments, err)
	}
	makeOlder(t, segments[0], 2*producerIdleMax)
	again := openBroker(t, Config{Dir: dir})
	p.client = newClient(t, again.Addr())
	p.expect("a producer that is not known may begin anywhere", p.write(0, 0, 40, 1), 0, 2)
}
