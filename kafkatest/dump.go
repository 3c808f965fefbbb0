package kafkatest

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Batch is what kafka.tools' DumpLogSegments says of one record batch on a broker's
// disk.
type Batch struct {
	File          string // the segment
	BaseOffset    int64
	LastOffset    int64
	Count         int // as the batch's header says
	Records       int // as were found in it: not more than Count, less after compaction
	BaseSequence  int32
	LastSequence  int32
	ProducerID    int64
	ProducerEpoch int16
	LeaderEpoch   int32
	Transactional bool
	Control       bool
	Position      int64 // in the segment, in bytes
	Timestamp     int64 // the largest of its records', in milliseconds
	SizeBytes     int
	Magic         int8
	Codec         string // "none", "gzip", "snappy", "lz4", "zstd"
	Valid         bool   // its CRC fits its bytes
}

// Segments returns the segment files of a partition on one node, in the order of
// offsets. The test fails if there is none.
func (k *Kafka) Segments(node int32, topic string, partition int32) []string {
	k.t.Helper()
	pattern := filepath.Join(k.DataDir(node), fmt.Sprintf("%s-%d", topic, partition), "*.log")
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		k.t.Fatalf("kafkatest: no segments at %s (%v)", pattern, err)
	}
	slices.Sort(files)
	return files
}

// DumpLogSegments reads segment files with Kafka's own DumpLogSegments
// --deep-iteration, which decompresses every record, and returns their batches in
// order. Records are counted and not kept. The test fails if the tool does, or
// reports a fault of a file.
func DumpLogSegments(t testing.TB, files ...string) []Batch {
	t.Helper()
	var batches []Batch
	args := []string{"org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", strings.Join(files, ",")}
	err := pipeJava(t, args, func(r io.Reader) (err error) {
		batches, err = parseDump(r)
		return err
	})
	if err != nil {
		t.Fatalf("kafkatest: DumpLogSegments %s: %v", strings.Join(files, ","), err)
	}
	return batches
}

// parseDump reads the tool's output. It refuses a line that it does not know, for
// that may be a complaint.
func parseDump(r io.Reader) ([]Batch, error) {
	var batches []Batch
	var file string
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "Log starting offset:"):
		case strings.HasPrefix(line, "Dumping "):
			file = strings.TrimPrefix(line, "Dumping ")
		case strings.HasPrefix(line, "baseOffset:"):
			b, err := parseBatch(line)
			if err != nil {
				return nil, err
			}
			b.File = file
			batches = append(batches, b)
		case strings.HasPrefix(line, "| ") && len(batches) > 0:
			batches[len(batches)-1].Records++
		default:
			return nil, fmt.Errorf("unexpected line %q", line)
		}
	}
	return batches, lines.Err()
}

// parseBatch reads "baseOffset: 0 lastOffset: 9 count: 10 …": names end in a colon
// and each has one value.
func parseBatch(line string) (Batch, error) {
	words := strings.Fields(line)
	var b Batch
	for i := 0; i+1 < len(words); i += 2 {
		name, value := words[i], words[i+1]
		if err := b.set(strings.TrimSuffix(name, ":"), value); err != nil {
			return b, fmt.Errorf("%s %s in %q: %w", name, value, line, err)
		}
	}
	return b, nil
}

// set takes one pair; names of no interest here (crc, deleteHorizonMs) are let go.
func (b *Batch) set(name, value string) (err error) {
	number := func() (n int64) {
		n, err = strconv.ParseInt(value, 10, 64)
		return n
	}
	switch name {
	case "baseOffset":
		b.BaseOffset = number()
	case "lastOffset":
		b.LastOffset = number()
	case "count":
		b.Count = int(number())
	case "baseSequence":
		b.BaseSequence = int32(number())
	case "lastSequence":
		b.LastSequence = int32(number())
	case "producerId":
		b.ProducerID = number()
	case "producerEpoch":
		b.ProducerEpoch = int16(number())
	case "partitionLeaderEpoch":
		b.LeaderEpoch = int32(number())
	case "position":
		b.Position = number()
	case "CreateTime", "LogAppendTime":
		b.Timestamp = number()
	case "size":
		b.SizeBytes = int(number())
	case "magic":
		b.Magic = int8(number())
	case "compresscodec":
		b.Codec = value
	case "isvalid":
		b.Valid, err = strconv.ParseBool(value)
	case "isTransactional":
		b.Transactional, err = strconv.ParseBool(value)
	case "isControl":
		b.Control, err = strconv.ParseBool(value)
	}
	return err
}
