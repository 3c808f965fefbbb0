package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

const (
	lockName   = "omnibus.lock"
	holderName = "holder.json"
	markerName = "clean-stop"
	logName    = "log"
	// windowsName is kfake's file of sequence windows, kept only over a clean stop.
	windowsName = "seq_windows.json"
	// metaName is the file that kfake writes first: where it is, there has been a broker before.
	metaName = "meta.json"
)

// InUseError says that another process has the directory open.
type InUseError struct {
	// Dir is the directory asked for.
	Dir string
	// PID is the process that holds it, or 0 if it has not said so yet.
	PID int
	// Addr is the host:port its broker listens on, or empty if it has not said so yet. A client in this process can
	// connect to it.
	Addr string
}

// Error names the directory, its holder and the way out.
func (e *InUseError) Error() string {
	switch {
	case e.Addr != "":
		return fmt.Sprintf("embedded: directory %q is held by process %d, whose broker listens on %s: connect to that, or stop it", e.Dir, e.PID, e.Addr)
	case e.PID != 0:
		return fmt.Sprintf("embedded: directory %q is held by process %d: stop it, or use another directory", e.Dir, e.PID)
	}
	return fmt.Sprintf("embedded: directory %q is held by another process: stop it, or use another directory", e.Dir)
}

// holder is what the process that has the lock says of itself, for InUseError.
type holder struct {
	PID  int    `json:"pid"`
	Addr string `json:"addr,omitempty"`
}

// directory is a locked data directory. The lock belongs to the process and ends with it, however it ends.
type directory struct {
	path string
	lock *flock.Flock
}

// openDirectory creates and locks the directory, or returns an *InUseError.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: create directory: %w", err)
	}
	d := &directory{path: path, lock: flock.New(filepath.Join(path, lockName))}
	held, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("embedded: lock directory: %w", err)
	}
	if !held {
		return nil, inUse(path)
	}
	if err := d.announce(""); err != nil {
		return nil, errors.Join(err, d.release())
	}
	return d, nil
}

// inUse reads who holds the directory. A holder that is just starting has not said, and its predecessor's words, if it
// was killed, are replaced only once it has the lock: an address read here may be stale and refuse the connection.
func inUse(path string) error {
	e := &InUseError{Dir: path}
	data, err := os.ReadFile(filepath.Join(path, holderName))
	if err != nil {
		return e
	}
	var h holder
	if json.Unmarshal(data, &h) == nil {
		e.PID, e.Addr = h.PID, h.Addr
	}
	return e
}

// announce tells other processes who holds the directory and where it listens.
func (d *directory) announce(addr string) error {
	data, err := json.Marshal(holder{PID: os.Getpid(), Addr: addr})
	if err != nil {
		return err
	}
	temporary := filepath.Join(d.path, holderName+".tmp")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("embedded: write holder: %w", err)
	}
	return os.Rename(temporary, filepath.Join(d.path, holderName))
}

// logPath is where kfake keeps its files.
func (d *directory) logPath() string { return filepath.Join(d.path, logName) }

// begin takes away the marker of a clean stop and reports whether the last stop was an unclean one, in which case the
// stale sequence windows are gone.
func (d *directory) begin() (unclean bool, err error) {
	marker := filepath.Join(d.path, markerName)
	if err := os.Remove(marker); err == nil {
		return false, syncDirectory(d.path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("embedded: remove the mark of the last clean stop: %w", err)
	}
	if _, err := os.Stat(filepath.Join(d.logPath(), metaName)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err = os.Remove(filepath.Join(d.logPath(), windowsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, fmt.Errorf("embedded: remove stale sequence windows: %w", err)
	}
	return true, nil
}

// markClean leaves the mark that begin looks for.
func (d *directory) markClean() error {
	file, err := os.Create(filepath.Join(d.path, markerName))
	if err != nil {
		return fmt.Errorf("embedded: mark the clean stop: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("embedded: mark the clean stop: %w", err)
	}
	return syncDirectory(d.path)
}

// release gives the directory up. The lock file stays: removing it would let two processes lock two files of that name.
func (d *directory) release() error {
	return errors.Join(os.Remove(filepath.Join(d.path, holderName)), d.lock.Unlock())
}
