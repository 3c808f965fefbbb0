package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sampleRequest has bodies of every kind: none, small pieces, one large piece, and a mixture in odd order.
func sampleRequest(version int16) *ProduceRequest {
	header := func(fill byte) *[BatchHeaderLen]byte {
		var h [BatchHeaderLen]byte
		for i := range h {
			h[i] = fill + byte(i)
		}
		return &h
	}
	body := func(sizes ...int) (pieces [][]byte) {
		for i, n := range sizes {
			pieces = append(pieces, bytes.Repeat([]byte{byte('a' + i)}, n))
		}
		return pieces
	}
	return &ProduceRequest{
		Version: version, CorrelationID: 77, ClientID: "client-1", Acks: -1, TimeoutMillis: 25_000,
		Topics: []ProduceTopic{
			{Name: "orders", ID: [16]byte{1, 2, 15: 16}, Partitions: []ProducePartition{
				{Index: 0, Header: header(1)},
				{Index: 300, Header: header(2), Body: body(10, 0, 1023)},
				{Index: 2, Header: header(3), Body: body(1024)},
			}},
			{Name: strings.Repeat("t", 200), ID: [16]byte{9}, Partitions: []ProducePartition{
				{Index: math.MaxInt32, Header: header(4), Body: body(70_000, 5, 2000, 3000, 1)},
			}},
			{Name: "none"},
		},
	}
}

// kmsgRequest is req as kmsg encodes it, framed.
func kmsgRequest(req *ProduceRequest) []byte {
	k := kmsg.NewPtrProduceRequest()
	k.Version, k.Acks, k.TimeoutMillis, k.TransactionID = req.Version, req.Acks, req.TimeoutMillis, req.TransactionalID
	for _, t := range req.Topics {
		kt := kmsg.ProduceRequestTopic{Topic: t.Name, TopicID: t.ID}
		for _, p := range t.Partitions {
			records := append(p.Header[:], bytes.Join(p.Body, nil)...)
			kt.Partitions = append(kt.Partitions, kmsg.ProduceRequestTopicPartition{Partition: p.Index, Records: records})
		}
		k.Topics = append(k.Topics, kt)
	}
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID(req.ClientID)).AppendRequest(nil, k, req.CorrelationID)
}

func TestEncodedRequestEqualsKmsgs(t *testing.T) {
	var encoder ProduceEncoder
	txn := "txn-1"
	for version := int16(ProduceVersionMin); version <= ProduceVersionMax; version++ {
		for _, id := range []*string{nil, &txn} {
			for _, gather := range []bool{false, true} {
				req := sampleRequest(version)
				req.TransactionalID = id
				pieces, err := encoder.Encode(req, gather)
				if err != nil {
					t.Fatal(err)
				}
				want := kmsgRequest(req)
				if got := bytes.Join(pieces, nil); !bytes.Equal(got, want) {
					t.Errorf("version %d, gather %v: %d bytes, want %d", version, gather, len(got), len(want))
				}
				if got := req.RequestSize(); got != len(want) {
					t.Errorf("version %d: RequestSize %d, want %d", version, got, len(want))
				}
			}
		}
	}
}

func TestEncodeReferencesLargePiecesAndCopiesSmallOnes(t *testing.T) {
	var encoder ProduceEncoder
	req := sampleRequest(9)
	pieces, err := encoder.Encode(req, false)
	if err != nil {
		t.Fatal(err)
	}
	var referenced []int
	for _, piece := range pieces {
		for _, topic := range req.Topics {
			for _, p := range topic.Partitions {
				for _, body := range p.Body {
					if len(body) > 0 && &body[0] == &piece[0] {
						referenced = append(referenced, len(body))
					}
				}
			}
		}
	}
	if fmt.Sprint(referenced) != "[1024 70000 2000 3000]" || len(pieces) != 8 {
		t.Errorf("pieces of %v bytes are referenced, %d pieces in all", referenced, len(pieces))
	}
}

func TestGatheredRequestIsOnePieceOfItsOwn(t *testing.T) {
	var encoder ProduceEncoder
	req := sampleRequest(13)
	pieces, err := encoder.Encode(req, true)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(pieces[0])
	for _, topic := range req.Topics {
		for _, p := range topic.Partitions {
			for _, body := range p.Body {
				clear(body)
			}
		}
	}
	if len(pieces) != 1 || !bytes.Equal(pieces[0], want) {
		t.Errorf("%d pieces; changing the bodies changed the request: %v", len(pieces), !bytes.Equal(pieces[0], want))
	}
}

func TestEncoderIsReusableAfterItsPiecesAreWritten(t *testing.T) {
	var encoder ProduceEncoder
	for _, req := range []*ProduceRequest{sampleRequest(7), sampleRequest(12), {Version: 9}, sampleRequest(13)} {
		pieces, err := encoder.Encode(req, false)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := pieces.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if got, want := int(binary.BigEndian.Uint32(out.Bytes())), req.RequestSize()-4; got != want || out.Len() != want+4 {
			t.Errorf("version %d: length field %d in %d bytes, want %d", req.Version, got, out.Len(), want)
		}
	}
}

func TestSmallestRequestGoldenBytes(t *testing.T) {
	var encoder ProduceEncoder
	var header [BatchHeaderLen]byte
	for version, want := range map[int16]string{
		7: "\x00\x00\x00\x62" + "\x00\x00\x00\x07\x00\x00\x00\x05\x00\x00" + "\xff\xff\x00\x01\x00\x00\x00\x0a" +
			"\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00\x3d" + string(header[:]),
		9: "\x00\x00\x00\x5b" + "\x00\x00\x00\x09\x00\x00\x00\x05\x00\x00\x00" + "\x00\x00\x01\x00\x00\x00\x0a" +
			"\x02\x02t\x02\x00\x00\x00\x03\x3e" + string(header[:]) + "\x00\x00\x00",
	} {
		pieces, err := encoder.Encode(&ProduceRequest{
			Version: version, CorrelationID: 5, Acks: 1, TimeoutMillis: 10,
			Topics: []ProduceTopic{{Name: "t", Partitions: []ProducePartition{{Index: 3, Header: &header}}}},
		}, false)
		if got := bytes.Join(pieces, nil); err != nil || string(got) != want {
			t.Errorf("version %d: %x, %v, want %x", version, got, err, want)
		}
	}
}

func TestEncodeRefusesWhatTheWireCannotSay(t *testing.T) {
	long := strings.Repeat("x", math.MaxInt16+1)
	huge := make([][]byte, 3000)
	piece := make([]byte, 1<<20)
	for i := range huge {
		huge[i] = piece
	}
	for want, req := range map[string]*ProduceRequest{
		"version 6":                 {Version: 6},
		"version 14":                {Version: 14},
		"client id of 32768":        {Version: 9, ClientID: long},
		"transactional id of 32768": {Version: 9, TransactionalID: &long},
		"topic name of 32768":       {Version: 7, Topics: []ProduceTopic{{Name: long}}},
		"at most 2147483647 fit in": {Version: 9, Topics: []ProduceTopic{{Partitions: []ProducePartition{{Header: new([BatchHeaderLen]byte), Body: huge}}}}},
	} {
		var encoder ProduceEncoder
		if pieces, err := encoder.Encode(req, false); pieces != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestEncodeAllocatesNothingInTheSteadyState(t *testing.T) {
	for _, gather := range []bool{false, true} {
		var encoder ProduceEncoder
		var pieces net.Buffers
		req := sampleRequest(13)
		if n := testing.AllocsPerRun(100, func() {
			pieces, _ = encoder.Encode(req, gather)
			_, _ = pieces.WriteTo(io.Discard)
		}); n != 0 {
			t.Errorf("gather %v: %v allocations", gather, n)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	var encoder ProduceEncoder
	req := sampleRequest(13)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encoder.Encode(req, false); err != nil {
			b.Fatal(err)
		}
	}
}
