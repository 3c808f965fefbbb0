//go:build !unix

package logdir

// SyncDir does nothing where a directory cannot be opened for a sync; the file system keeps its own journal there.
func SyncDir(string) error { return nil }
