package logdir

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	partitionsName = "partitions"
	segmentSuffix  = ".dat"
	indexSuffix    = ".idx"
)

// Partition is the directory of one partition.
type Partition struct {
	// Topic and Number say which.
	Topic  string
	Number int32
	// Dir is its path.
	Dir string
}

// Segment is one file of a partition's log.
type Segment struct {
	// Path is the file's, Base the offset that it begins with.
	Path string
	Base int64
	// Size and Changed are the file's when it was listed.
	Size    int64
	Changed time.Time
}

// PartitionDir is where kfake keeps a partition of the topic.
func PartitionDir(dir, topic string, number int32) string {
	return filepath.Join(PartitionsDir(dir), url.PathEscape(topic)+"-"+strconv.Itoa(int(number)))
}

// PartitionsDir is the parent of all partitions' directories.
func PartitionsDir(dir string) string { return filepath.Join(dir, partitionsName) }

// Partitions lists the partitions in kfake's directory; none if there has been no record yet.
func Partitions(dir string) ([]Partition, error) {
	entries, err := os.ReadDir(PartitionsDir(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []Partition
	for _, entry := range entries {
		at := strings.LastIndexByte(entry.Name(), '-')
		if !entry.IsDir() || at < 0 {
			continue
		}
		topic, err := url.PathUnescape(entry.Name()[:at])
		number, err2 := strconv.ParseInt(entry.Name()[at+1:], 10, 32)
		if err != nil || err2 != nil {
			continue
		}
		found = append(found, Partition{Topic: topic, Number: int32(number), Dir: filepath.Join(PartitionsDir(dir), entry.Name())})
	}
	return found, nil
}

// Segments lists the partition's segments in the order of their offsets. One that is removed meanwhile is left out.
func (p Partition) Segments() ([]Segment, error) {
	entries, err := os.ReadDir(p.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []Segment
	for _, entry := range entries {
		base, ok := baseOf(entry.Name())
		if !ok {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		path := filepath.Join(p.Dir, entry.Name())
		found = append(found, Segment{Path: path, Base: base, Size: info.Size(), Changed: info.ModTime()})
	}
	slices.SortFunc(found, func(a, b Segment) int { return cmp.Compare(a.Base, b.Base) })
	return found, nil
}

// NewestBase is the first offset of the newest segment in a partition's directory, or -1 if there is none.
func NewestBase(partitionDir string) (int64, error) {
	entries, err := os.ReadDir(partitionDir)
	if err != nil {
		return -1, err
	}
	newest := int64(-1)
	for _, entry := range entries {
		if base, ok := baseOf(entry.Name()); ok {
			newest = max(newest, base)
		}
	}
	return newest, nil
}

// baseOf reads the offset in a segment's name.
func baseOf(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil
}

// index is the path of the segment's index.
func (s Segment) index() string { return strings.TrimSuffix(s.Path, segmentSuffix) + indexSuffix }

// Each visits the heads of the segment's batches in their order, until visit returns false, the file ends, or something
// that is no batch comes: what is just being written, if the broker runs. Checksums are not looked at.
func (s Segment) Each(visit func(Header) bool) error {
	file, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	for at := int64(0); ; {
		h, err := readHeader(file, at, s.Size)
		if errors.Is(err, errNoBatch) {
			return nil
		}
		if err != nil {
			return err
		}
		if !visit(h) {
			return nil
		}
		at += h.Size
	}
}
