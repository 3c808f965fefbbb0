//go:build unix

package embedded

import (
	"errors"
	"os"
)

// syncDirectory makes the directory's entries durable.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
