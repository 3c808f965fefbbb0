package shape

// kind is how a field lies on the wire.
type kind uint8

const (
	fixed    kind = iota // always the same number of bytes
	text                 // a string, not null
	nullText             // a string or null
	data                 // bytes or null
	list                 // a count and so many structures, or null
	int32s               // a count and so many numbers, or null
	inline               // one structure
)

// field is a field of a structure.
type field struct {
	kind  kind
	bytes int // of a fixed one
	// from is the first version that has it, before the first that has it no more; 0 is "still there".
	from, before int16
	// of is the structure of a list's elements, or the one that stands here.
	of *structure
}

func (f *field) in(version int16) bool {
	return version >= f.from && (f.before == 0 || version < f.before)
}

// structure describes a part of an answer.
type structure struct {
	fields []field
	// tags are the tagged fields that kmsg knows, by number.
	tags []field
	// bare tells that it is a plain value, which no tagged fields follow.
	bare bool
	// decodedBytes is what kmsg's structure takes in memory, without what it refers to.
	decodedBytes int
}

// bytesMin is the length of the shortest encoding, at least 1.
func (s *structure) bytesMin(version int16, flexible bool) int {
	n := 0
	for i := range s.fields {
		if f := &s.fields[i]; f.in(version) {
			n += f.bytesMin(version, flexible)
		}
	}
	if flexible && !s.bare {
		n++
	}
	return max(n, 1)
}

func (f *field) bytesMin(version int16, flexible bool) int {
	switch {
	case f.kind == fixed:
		return f.bytes
	case f.kind == inline:
		return f.of.bytesMin(version, flexible)
	case flexible:
		return 1
	case f.kind == text || f.kind == nullText:
		return 2
	}
	return 4
}
