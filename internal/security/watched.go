package security

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// fileBytesMax bounds a file of key material. Java's own cacerts has some 150 KiB.
const fileBytesMax = 4 << 20

// watched is something that stands in a file, or in the configuration itself. It is parsed anew when the file has other
// bytes; what does not parse leaves what was there before.
type watched[T any] struct {
	setting string
	path    string // "" for text that cannot change
	parse   func([]byte) (T, error)

	mu struct {
		sync.Mutex
		data  []byte
		value T
	}
}

// watch reads the file, or takes the text if there is no path. It fails as the first parse does.
func watch[T any](setting, path, text string, parse func([]byte) (T, error)) (*watched[T], error) {
	w := &watched[T]{setting: setting, path: path, parse: parse}
	data, err := []byte(text), error(nil)
	if path != "" {
		data, err = readFiles(path)
	}
	if err != nil {
		return nil, err
	}
	w.mu.data = data
	w.mu.value, err = parse(data)
	return w, err
}

// filesOf lists the files that a setting names: one; several of PEM with commas between them, where a certificate and its
// key are kept apart; or those in a directory, where each authority has its own. Java knows the first form only.
func filesOf(path string) (files []string, directory bool) {
	info, err := os.Stat(path)
	if err != nil && strings.Contains(path, ",") {
		return list(path), false
	}
	if err != nil || !info.IsDir() {
		return []string{path}, false
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return []string{path}, false // reading it says what is wrong
	}
	for _, entry := range entries {
		if name := filepath.Join(path, entry.Name()); isFile(name) {
			files = append(files, name)
		}
	}
	return files, true
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// readFiles reads what a setting names, bounded as one file is. Of a directory it takes certificates and leaves what else
// lies there.
func readFiles(path string) ([]byte, error) {
	files, directory := filesOf(path)
	var all []byte
	for _, name := range files {
		data, err := readFile(name)
		switch {
		case err != nil:
			return nil, err
		case directory && (!bytes.Contains(data, []byte("CERTIFICATE-----")) || bytes.Contains(data, []byte("PRIVATE KEY-----"))):
			continue
		case len(files) == 1:
			return data, nil
		}
		if all = append(append(all, data...), '\n'); len(all) > fileBytesMax {
			return nil, fmt.Errorf("key material: there are more than %d bytes", fileBytesMax)
		}
	}
	return all, nil
}

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	if err == nil && len(data) > fileBytesMax {
		err = fmt.Errorf("a file of key material: this one has more than %d bytes", fileBytesMax)
	}
	return data, err
}

// last is the value as it was read last.
func (w *watched[T]) last() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.value
}

// now is the value as it stands in the file now, or as it stood there last when it could be used.
func (w *watched[T]) now(log *slog.Logger) T {
	if w.path == "" {
		return w.last()
	}
	data, err := readFiles(w.path)
	if err == nil && w.holds(data) {
		return w.last()
	}
	var value T
	if err == nil {
		value, err = w.parse(data)
	}
	if err != nil {
		log.Warn("key material cannot be read anew; what was read before holds", "setting", w.setting, "file", w.path, "error", err)
		return w.last()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.data, w.mu.value = data, value
	log.Info("key material was read anew", "setting", w.setting, "file", w.path)
	return value
}

// holds reports whether the value is that of the bytes.
func (w *watched[T]) holds(data []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Equal(w.mu.data, data)
}
