//go:build unix

package logdir

import (
	"errors"
	"os"
)

// SyncDir makes the directory's entries durable.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
