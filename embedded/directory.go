package embedded

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

const (
	lockName   = "omnibus.lock"
	holderName = "holder.json"
	markerName = "clean-stop"
	logName    = "log"
	// lostName is where bytes go that were taken out of the log after a crash.
	lostName = "lost"
	// settingsName is what the directory was last opened with.
	settingsName = "settings.json"
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
	if err := makeDurable(path); err != nil {
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

// makeDurable creates the directory and those above it that are not there, so that a power cut does not take them away
// again with all that was acknowledged since.
func makeDurable(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("it is a file")}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(path))
	if err := makeDurable(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return logdir.SyncDir(parent)
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
	return d.write(holderName, data)
}

// write puts the data into a file of the directory in one step.
func (d *directory) write(name string, data []byte) error {
	if err := logdir.Replace(filepath.Join(d.path, name), data); err != nil {
		return fmt.Errorf("embedded: write %s: %w", name, err)
	}
	return nil
}

// logPath is where kfake keeps its files.
func (d *directory) logPath() string { return filepath.Join(d.path, logName) }

// settings are the parts of Config that a directory keeps, so that a command that says nothing of them does not undo what
// another one said: a retention of seven days, say, in a directory whose records are to be kept for ever.
type settings struct {
	PartitionsDefault int           `json:"partitions"`
	Retention         time.Duration `json:"retention_ns"`
	RetentionBytes    int64         `json:"retention_bytes"`
}

// keepSettings fills in what cfg does not say, and keeps what holds now.
func (d *directory) keepSettings(cfg Config) (Config, error) {
	path := filepath.Join(d.path, settingsName)
	var kept settings
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cfg, fmt.Errorf("embedded: read settings: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(data, &kept); err != nil {
			cfg.Logger.Warn("embedded broker: the directory's settings cannot be read, the defaults hold", "file", path, "error", err)
			kept = settings{}
		}
	}
	cfg.PartitionsDefault = cmp.Or(cfg.PartitionsDefault, kept.PartitionsDefault)
	cfg.Retention = cmp.Or(cfg.Retention, kept.Retention)
	cfg.RetentionBytes = cmp.Or(cfg.RetentionBytes, kept.RetentionBytes)
	cfg = cfg.withDefaults()
	now := settings{PartitionsDefault: cfg.PartitionsDefault, Retention: cfg.Retention, RetentionBytes: cfg.RetentionBytes}
	if now == kept {
		return cfg, nil
	}
	if data, err = json.Marshal(now); err != nil {
		return cfg, err
	}
	return cfg, d.write(settingsName, data)
}

// begin takes away the mark of a clean stop and makes the log ready for kfake: mended, if there was no mark, and with what
// it is to know of producers.
func (d *directory) begin(logger *slog.Logger) error {
	err := os.Remove(filepath.Join(d.path, markerName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("embedded: remove the mark of the last clean stop: %w", err)
	}
	unclean := err != nil
	if err := logdir.SyncDir(d.path); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.logPath(), metaName)); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever written
	}
	if unclean {
		logger.Warn("embedded broker: the last run did not stop cleanly; every acknowledged record is kept", "directory", d.path)
		if err := logdir.Mend(d.logPath(), filepath.Join(d.path, lostName), logger); err != nil {
			return fmt.Errorf("embedded: mend the log: %w", err)
		}
	}
	if err := logdir.RestoreProducers(d.logPath(), time.Now().Add(-producerIdleMax)); err != nil {
		return fmt.Errorf("embedded: restore producers: %w", err)
	}
	return nil
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
	return logdir.SyncDir(d.path)
}

// release gives the directory up. The lock file stays: removing it would let two processes lock two files of that name.
func (d *directory) release() error {
	return errors.Join(os.Remove(filepath.Join(d.path, holderName)), d.lock.Unlock())
}
