//go:build !unix

package embedded

// syncDirectory does nothing where a directory cannot be opened for a sync; the file system keeps its own journal there.
func syncDirectory(string) error { return nil }
