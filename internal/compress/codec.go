package compress

import "fmt"

// Codec is a compression codec; its value is what the attributes of a record batch carry.
type Codec int8

// Kafka's codecs (org.apache.kafka.common.record.CompressionType).
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// String is the codec's name in Kafka's compression.type: none, gzip, snappy, lz4 or zstd.
func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("codec(%d)", int8(c))
}

// Level is how hard a codec tries. Its zero value is the codec's default, which differs from every explicit level,
// 0 included.
type Level struct {
	n        int
	explicit bool
}

// AtLevel is the explicit level n, with the meaning that n has in Java's compression.<codec>.level.
func AtLevel(n int) Level { return Level{n: n, explicit: true} }

// Explicit reports the level, and whether one was given.
func (l Level) Explicit() (n int, ok bool) { return l.n, l.explicit }

// The levels that Java admits (GzipCompression, Lz4Compression, ZstdCompression), and those that mean the default.
const (
	gzipLevelMin, gzipLevelMax = 1, 9
	lz4LevelMin, lz4LevelMax   = 1, 17
	zstdLevelMin, zstdLevelMax = -131072, 22

	gzipLevelJavaDefault = -1
	lz4LevelJavaDefault  = 9
	zstdLevelJavaDefault = 0

	gzipLevelDefault = 6
	zstdLevelDefault = 3
)

// ValidateLevel refuses an unknown codec and a level that the codec does not have. The default level is valid for
// every codec; none and snappy have no other.
func ValidateLevel(codec Codec, level Level) error {
	n, explicit := level.Explicit()
	bad := func(want string) error {
		return fmt.Errorf("compression level %d: %s %s", n, codec, want)
	}
	switch codec {
	case None, Snappy:
		if explicit {
			return bad("has no levels, leave it unset")
		}
	case Gzip:
		if explicit && n != gzipLevelJavaDefault && (n < gzipLevelMin || n > gzipLevelMax) {
			return bad("takes 1 (fastest) to 9 (smallest), or -1 for its default")
		}
	case LZ4:
		if explicit && (n < lz4LevelMin || n > lz4LevelMax) {
			return bad("takes 1 to 17 (smallest), where 9 is its default and the fastest")
		}
	case Zstd:
		if explicit && (n < zstdLevelMin || n > zstdLevelMax) {
			return bad("takes -131072 (fastest) to 22 (smallest), where 0 is its default")
		}
	default:
		return fmt.Errorf("compression codec %d: wanted 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)", int8(codec))
	}
	return nil
}
