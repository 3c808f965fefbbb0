package logdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// WindowsName is kfake's file of what each producer wrote last.
	WindowsName    = "seq_windows.json"
	windowsVersion = 1
	// windowBatches is how many of a producer's batches a partition remembers, as on a real broker.
	windowBatches = 5
	// sequenceModulus is where kfake lets sequence numbers begin again. A real broker has one more.
	sequenceModulus = 1<<31 - 1
)

// window is what a partition remembers of a producer, in kfake's words.
type window struct {
	ProducerID int64                     `json:"pid"`
	Topic      string                    `json:"topic"`
	Partition  int32                     `json:"partition"`
	Batches    [windowBatches]windowItem `json:"entries"`
	Count      uint8                     `json:"count"`
	At         uint8                     `json:"at"`
	Epoch      int16                     `json:"epoch"`
	Seen       bool                      `json:"seen"`
	Next       int32                     `json:"next_seq"`
}

type windowItem struct {
	First  int32 `json:"first_seq"`
	Next   int32 `json:"next_seq"`
	Offset int64 `json:"offset"`
}

// add remembers the batch, and forgets the sixth before it, or all of an older epoch.
func (w *window) add(h Header) {
	if h.Epoch != w.Epoch {
		*w = window{ProducerID: w.ProducerID, Topic: w.Topic, Partition: w.Partition, Epoch: h.Epoch}
	}
	w.Seen = true
	w.Next = int32((int64(h.FirstSequence) + h.NextOffset - h.BaseOffset) % sequenceModulus)
	w.Batches[w.At] = windowItem{First: h.FirstSequence, Next: w.Next, Offset: h.BaseOffset}
	w.At = (w.At + 1) % windowBatches
	w.Count = min(w.Count+1, windowBatches)
}

// producerEntry is a line of pids.log, as far as it matters here.
type producerEntry struct {
	Type            string `json:"type"`
	ProducerID      int64  `json:"pid"`
	Epoch           int16  `json:"epoch"`
	TransactionalID string `json:"txid,omitempty"`
}

// RestoreProducers writes what kfake is to know of producers when it starts: for each what the batches say that it wrote
// since the time, and those with a transactional id as they were. A producer that was idle for longer is forgotten, as by a
// real broker (producer.id.expiration.ms), so that the state does not grow with every producer there ever was.
func RestoreProducers(dir string, since time.Time) error {
	windows, err := readWindows(dir, since)
	if err != nil {
		return fmt.Errorf("read what producers wrote: %w", err)
	}
	data, err := json.Marshal(map[string]any{"version": windowsVersion, "windows": windows})
	if err != nil {
		return err
	}
	if err := restorePids(filepath.Join(dir, pidsName), windows); err != nil {
		return err
	}
	return Replace(filepath.Join(dir, WindowsName), data)
}

func readWindows(dir string, since time.Time) ([]*window, error) {
	partitions, err := Partitions(dir)
	if err != nil {
		return nil, err
	}
	windows := []*window{}
	for _, partition := range partitions {
		segments, err := partition.Segments()
		if err != nil {
			return nil, err
		}
		ofProducer := make(map[int64]*window)
		for _, segment := range segments {
			if segment.Changed.Before(since) {
				continue
			}
			err := segment.Each(func(h Header) bool {
				if h.ProducerID < 0 || h.Control {
					return true
				}
				w, ok := ofProducer[h.ProducerID]
				if !ok {
					w = &window{ProducerID: h.ProducerID, Topic: partition.Topic, Partition: partition.Number, Epoch: h.Epoch}
					ofProducer[h.ProducerID] = w
					windows = append(windows, w)
				}
				w.add(h)
				return true
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return windows, nil
}

// restorePids keeps the entries of transactional producers and writes one for each other producer with a window, because
// kfake takes no notice of a window whose producer it does not find here.
func restorePids(path string, windows []*window) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept, transactional := transactionalEntries(data)
	written := make(map[int64]bool)
	for _, w := range windows {
		if transactional[w.ProducerID] || written[w.ProducerID] {
			continue
		}
		written[w.ProducerID] = true
		text, err := json.Marshal(producerEntry{Type: "init", ProducerID: w.ProducerID, Epoch: w.Epoch})
		if err != nil {
			return err
		}
		kept = appendEntry(kept, text)
	}
	return Replace(path, kept)
}

// transactionalEntries picks the entries of producers with a transactional id.
func transactionalEntries(data []byte) (kept []byte, producers map[int64]bool) {
	producers = make(map[int64]bool)
	entries, _ := splitEntries(data)
	for _, e := range entries {
		var p producerEntry
		if json.Unmarshal(e.json, &p) != nil {
			continue
		}
		if p.TransactionalID != "" {
			producers[p.ProducerID] = true
		}
		if producers[p.ProducerID] {
			kept = append(kept, e.raw...)
		}
	}
	return kept, producers
}
