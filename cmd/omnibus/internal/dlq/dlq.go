// Package dlq writes dead-letter files: a line for each record that did not get through, with what became of it, in the
// form of package envelope. `omnibus replay` reads them.
//
//	{"topic":"orders","key":"42","value":"…","file":"orders.txt","line":7,"error":"…","class":"timeout","attempts":3,"in_doubt":true}
//
// Invariants:
//
//  1. A file is only ever appended to, so that letters of an earlier run are never lost; a line that an earlier run left
//     unfinished is ended first, so that it spoils no other.
//  2. What Close returned without an error is on the disk, not just with the operating system.
//  3. After the first failed write nothing more is written: letters behind a gap could be taken for all there are. Lost
//     counts them, and they have been printed as errors like all others.
//
// A file for each run, with the time in its name, was rejected: the next command has to find it.
package dlq

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
)

// gatherBytes is how much is gathered before it is written.
const gatherBytes = 64 << 10

// File is an open dead-letter file. Its methods may be called from several goroutines; nil is a file that nothing is
// written to.
type File struct {
	file *os.File

	// mu is held over writes to the file, which is the point of it: a letter must not be torn by another.
	mu struct {
		sync.Mutex
		unfinished bool   // the file's last line lacks its end
		gathered   []byte // whole lines on their way to the file
		pending    uint64 // how many
		letters    uint64 // handed over so far
		lost       uint64 // of them, those that are not in the file
		failed     error  // the first write that failed
		told       bool   // failed was returned to somebody
		closed     bool
	}
}

// Open opens the file for appending, and creates it if it is not there, readable by its owner alone: letters hold data.
// It fails if nothing can be written there, so that one knows before anything is sent.
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if errors.Is(err, os.ErrPermission) { // a pipe or a device may be for writing only
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	}
	if err != nil {
		return nil, err
	}
	f := &File{file: file}
	f.mu.unfinished = unfinished(file)
	if err := syncDirectory(path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// unfinished reports whether the file has a last line without its end.
func unfinished(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = file.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// syncDirectory makes the file's name outlast a crash of the machine.
func syncDirectory(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return ignoreUnsupported(dir.Sync())
}

// ignoreUnsupported drops the error of a file that cannot be synced at all, such as a pipe, a terminal, or a directory
// on some systems.
func ignoreUnsupported(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

// Write appends a letter. The error is that of the first write that failed, and is returned once, by whichever method
// comes next.
func (f *File) Write(letter *envelope.Failure) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.letters++
	if f.mu.failed != nil || f.mu.closed {
		f.mu.lost++
		return f.failureLocked()
	}
	if f.mu.unfinished {
		f.mu.gathered, f.mu.unfinished = append(f.mu.gathered, '\n'), false
	}
	f.mu.gathered = append(envelope.AppendFailure(f.mu.gathered, letter), '\n')
	f.mu.pending++
	if len(f.mu.gathered) >= gatherBytes {
		f.writeLocked()
	}
	return f.failureLocked()
}

// Flush hands what was gathered to the operating system. It is called now and then, so that a crash of the program costs
// few letters. The error is as Write's.
func (f *File) Flush() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writeLocked()
	return f.failureLocked()
}

// writeLocked writes what was gathered. Of a write that was cut short the whole lines count as written.
func (f *File) writeLocked() {
	if f.mu.failed != nil || f.mu.closed || len(f.mu.gathered) == 0 {
		return
	}
	n, err := f.file.Write(f.mu.gathered)
	if err != nil {
		f.mu.failed = err
		f.mu.lost += f.mu.pending - min(f.mu.pending, uint64(bytes.Count(f.mu.gathered[:max(n, 0)], []byte{'\n'})))
	}
	f.mu.gathered, f.mu.pending = f.mu.gathered[:0], 0
}

// failureLocked returns the failure the first time it is asked for.
func (f *File) failureLocked() error {
	if f.mu.failed == nil || f.mu.told {
		return nil
	}
	f.mu.told = true
	return fmt.Errorf("--dlq: %w: not every record that did not get through is kept", f.mu.failed)
}

// Close writes what is left, waits until it is on the disk and closes the file. The error is as Write's.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.closed {
		return nil
	}
	f.writeLocked()
	f.mu.closed = true
	if f.mu.failed == nil {
		f.mu.failed = ignoreUnsupported(f.file.Sync())
	}
	if err := f.file.Close(); f.mu.failed == nil {
		f.mu.failed = err
	}
	return f.failureLocked()
}

// Counts returns how many letters were handed over, and how many of them are certainly not in the file.
func (f *File) Counts() (letters, lost uint64) {
	if f == nil {
		return 0, 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.letters, f.mu.lost
}

// Feeds reports whether what is written to the file would be read again by who reads all of these files, whatever the names;
// none, or "-", is stdin. It does so if the file is on a disk: what goes into a pipe or a terminal is read once, if at all.
func (f *File) Feeds(names []string, stdin io.Reader) bool {
	if f == nil {
		return false
	}
	mine, err := f.file.Stat()
	if err != nil || !mine.Mode().IsRegular() {
		return false
	}
	if len(names) == 0 {
		names = []string{"-"}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		other, err := stat(name, stdin)
		return err == nil && os.SameFile(mine, other)
	})
}

// stat is os.Stat, also of a standard input that is a file.
func stat(name string, stdin io.Reader) (os.FileInfo, error) {
	if name != "-" {
		return os.Stat(name)
	}
	if file, ok := stdin.(*os.File); ok {
		return file.Stat()
	}
	return nil, os.ErrNotExist
}
