package idempotence

// Table holds the numbers of every partition that the producer has ever written to. It only grows, by about 100 bytes for a
// partition: forgetting numbers loses data (see the package's first invariant). The sender owns it.
type Table struct {
	byID map[idKey]*Numbering
	// byName holds partitions of topics whose id is not known, on brokers before 2.8.
	byName map[nameKey]*Numbering
}

type idKey struct {
	topic     [16]byte
	partition int32
}

type nameKey struct {
	topic     string
	partition int32
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{byID: make(map[idKey]*Numbering), byName: make(map[nameKey]*Numbering)}
}

// Get returns a partition's numbers, or nil if it has none yet. A topic is known by its id; one without (zero) by its name, until
// an upgrade of the brokers gives it one: then its numbers move to the id, for they are still the same partition's.
func (t *Table) Get(topicID [16]byte, name string, partition int32) *Numbering {
	named := nameKey{name, partition}
	if topicID == [16]byte{} {
		return t.byName[named]
	}
	key := idKey{topicID, partition}
	if n := t.byID[key]; n != nil {
		return n
	}
	n := t.byName[named]
	if n != nil {
		delete(t.byName, named)
		t.byID[key] = n
	}
	return n
}

// Ensure is Get, but a partition without numbers starts at sequence 0 of the given id.
func (t *Table) Ensure(topicID [16]byte, name string, partition int32, id ProducerID) *Numbering {
	if n := t.Get(topicID, name, partition); n != nil {
		return n
	}
	n := NewNumbering(id)
	if topicID == [16]byte{} {
		t.byName[nameKey{name, partition}] = n
	} else {
		t.byID[idKey{topicID, partition}] = n
	}
	return n
}
