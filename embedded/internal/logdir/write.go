package logdir

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// temporarySuffix marks a file that is being written; kfake removes those that a crash left.
const temporarySuffix = ".tmp"

// replace puts the bytes into the file at path in one step, which outlasts a power cut.
func replace(path string, from io.Reader) error {
	file, err := os.OpenFile(path+temporarySuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Replace puts data into the file at path in one step: after a power cut it has the old content or the new.
func Replace(path string, data []byte) error { return replace(path, bytes.NewReader(data)) }

// cut ends the file at the position.
func cut(path string, end int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(end), file.Sync(), file.Close())
}

// syncFile makes what was written to the file durable, whoever wrote it.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
