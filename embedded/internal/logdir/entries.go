package logdir

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	groupsName = "groups.log"
	pidsName   = "pids.log"

	// entryHeaderBytes are length, checksum and version, which begin each entry; the length counts what is behind the
	// checksum.
	entryHeaderBytes = 10
	countedFrom      = 8
	entryVersion     = 1
)

// entry is one of groups.log or pids.log.
type entry struct {
	raw  []byte // with its header
	json []byte
}

// splitEntries returns the entries up to the first one that is not whole, and how many bytes those are.
func splitEntries(data []byte) (entries []entry, whole int) {
	for whole+entryHeaderBytes <= len(data) {
		rest := data[whole:]
		length := int64(binary.LittleEndian.Uint32(rest))
		if length < entryHeaderBytes-countedFrom || countedFrom+length > int64(len(rest)) {
			break
		}
		raw := rest[:countedFrom+length]
		if crc32.Checksum(raw[countedFrom:], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(raw[4:]) {
			break
		}
		entries = append(entries, entry{raw: raw, json: raw[entryHeaderBytes:]})
		whole += len(raw)
	}
	return entries, whole
}

// appendEntry appends an entry with the JSON.
func appendEntry(dst, json []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, entryHeaderBytes)...)
	dst = append(dst, json...)
	head := dst[start:]
	binary.LittleEndian.PutUint32(head, uint32(len(json)+entryHeaderBytes-countedFrom))
	binary.LittleEndian.PutUint16(head[countedFrom:], entryVersion)
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(head[countedFrom:], crc32.MakeTable(crc32.Castagnoli)))
	return dst
}

// cutEntries takes away what a crash left behind the last whole entry. kfake reads no further than there, but appends
// behind it, so that the next crash would lose everything written since this one.
func cutEntries(path string, logger *slog.Logger) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, whole := splitEntries(data)
	if whole == len(data) {
		return nil
	}
	logger.Warn("embedded broker: cut off an entry that was not written to its end", "file", filepath.Base(path), "bytes", len(data)-whole)
	return cut(path, int64(whole))
}
