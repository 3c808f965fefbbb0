package logdir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// readBytes is how much of a batch is read at once to check it.
const readBytes = 64 << 10

// span is a part of a file, from one position to the one behind it.
type span struct{ from, to int64 }

// checkup is what a segment was found to be.
type checkup struct {
	batches []Header // the good ones
	bad     []span   // everything else
}

// Mend brings the files of a broker that did not stop cleanly into a state from which kfake loses no whole batch, and says
// what it had to take away, which it puts into the directory lost. The broker must not run.
func Mend(dir, lost string, logger *slog.Logger) error {
	partitions, err := Partitions(dir)
	if err != nil {
		return fmt.Errorf("list partitions: %w", err)
	}
	m := mender{lost: lost, logger: logger, buffer: make([]byte, readBytes)}
	for _, partition := range partitions {
		if err := m.mendPartition(partition); err != nil {
			return fmt.Errorf("partition %d of topic %q: %w", partition.Number, partition.Topic, err)
		}
	}
	return errors.Join(cutEntries(filepath.Join(dir, groupsName), logger), cutEntries(filepath.Join(dir, pidsName), logger))
}

type mender struct {
	lost   string
	logger *slog.Logger
	buffer []byte
}

func (m *mender) mendPartition(partition Partition) error {
	segments, err := partition.Segments()
	if err != nil {
		return err
	}
	for _, segment := range segments {
		if err := m.mendSegment(partition, segment); err != nil {
			return fmt.Errorf("segment %d: %w", segment.Base, err)
		}
	}
	if len(segments) == 0 {
		return nil
	}
	// A batch that was written but not synced when the process died was not acknowledged. Now it is there, and who sends
	// it again will be told so.
	newest := segments[len(segments)-1]
	return errors.Join(syncFile(newest.Path), syncFile(newest.index()), SyncDir(partition.Dir))
}

func (m *mender) mendSegment(partition Partition, segment Segment) error {
	file, err := os.Open(segment.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	found, err := m.check(file, segment.Size)
	if err != nil {
		return err
	}
	for _, bad := range found.bad {
		m.putAside(file, partition, segment, bad)
	}
	if len(found.bad) > 0 {
		if err := found.keepBatches(file, segment.Path); err != nil {
			return err
		}
	}
	return found.completeIndex(segment.index())
}

// check walks over the segment. Behind a damaged batch it goes on if another follows right behind.
func (m *mender) check(file io.ReaderAt, size int64) (found checkup, err error) {
	for at := int64(0); at < size; {
		h, good, err := m.batchAt(file, at, size)
		if err != nil {
			return found, err
		}
		if good {
			found.batches = append(found.batches, h)
			at += h.Size
			continue
		}
		next := size
		if h.Size > 0 && at+h.Size < size {
			_, follows, err := m.batchAt(file, at+h.Size, size)
			if err != nil {
				return found, err
			}
			if follows {
				next = at + h.Size
			}
		}
		found.bad = append(found.bad, span{at, next})
		at = next
	}
	return found, nil
}

// batchAt reads the batch at the position and checks it. A head that makes sense comes back even if the batch is damaged.
func (m *mender) batchAt(file io.ReaderAt, at, size int64) (h Header, good bool, err error) {
	h, err = readHeader(file, at, size)
	if errors.Is(err, errNoBatch) {
		return Header{}, false, nil
	}
	if err != nil {
		return Header{}, false, err
	}
	good, err = h.intact(file, m.buffer)
	return h, good, err
}

// putAside copies what will be taken away, as far as that can be done, and tells.
func (m *mender) putAside(file io.ReaderAt, partition Partition, segment Segment, bad span) {
	name := fmt.Sprintf("%s-%d-%d.bin", filepath.Base(partition.Dir), segment.Base, bad.from)
	path := filepath.Join(m.lost, name)
	err := os.MkdirAll(m.lost, 0o700)
	if err == nil {
		err = replace(path, io.NewSectionReader(file, bad.from, bad.to-bad.from))
	}
	attributes := []any{"topic", partition.Topic, "partition", partition.Number, "bytes", bad.to - bad.from, "kept_as", path}
	if err != nil {
		attributes = append(attributes, "not_kept_because", err)
	}
	if bad.to == segment.Size {
		m.logger.Warn("embedded broker: cut off what is no whole batch at the end of a segment", attributes...)
		return
	}
	m.logger.Error("embedded broker: took a damaged batch out of the log", attributes...)
}

// keepBatches leaves only the good batches in the segment. An end is cut off; for anything else the file is written anew.
func (c *checkup) keepBatches(file io.ReaderAt, path string) error {
	end := int64(0)
	for _, h := range c.batches {
		end += h.Size
	}
	if first := c.bad[0].from; first == end {
		return cut(path, end)
	}
	var parts []io.Reader
	for i := range c.batches {
		h := &c.batches[i]
		parts = append(parts, io.NewSectionReader(file, h.At, h.Size))
	}
	return replace(path, io.MultiReader(parts...))
}

const (
	indexEntryBytes = 15
	indexVersion    = 1
)

// completeIndex writes the index anew unless it has one entry for each batch.
func (c *checkup) completeIndex(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() == int64(len(c.batches)*indexEntryBytes) && len(c.bad) == 0 {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var index []byte
	for i := range c.batches {
		index = c.batches[i].appendIndex(index)
	}
	return Replace(path, index)
}

// appendIndex appends the batch's index entry. The timestamp, of which kfake takes no notice, is 0.
func (h *Header) appendIndex(index []byte) []byte {
	var entry [indexEntryBytes]byte
	entry[0] = indexVersion
	binary.LittleEndian.PutUint32(entry[2:], uint32(h.LeaderEpoch))
	if h.Transactional && !h.Control {
		entry[14] = 1
	}
	entry[1] = byte(crc32.Checksum(entry[2:], crc32.MakeTable(crc32.Castagnoli)))
	return append(index, entry[:]...)
}
