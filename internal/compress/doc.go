// Package compress turns the records of a batch into what the four codecs of Kafka make of them, and back. It serves
// stage 6 (batch): compression workers own one Compressor each and call Append on sealed batches; nothing here starts
// a goroutine, takes a lock or keeps a reference to what it was given.
//
// What goes on the wire:
//
//	gzip    one member, RFC 1952
//	snappy  one raw block: | uvarint length | elements … |
//	lz4     one frame:     | 04224d18 | 60 | 40 or 50 | header check | { u32le length, block }… | 00000000 |
//	zstd    one frame with its content size, window 256 KiB, no checksum
//
// The choices behind it, each measured on JSON records and Go source, 16 KiB to 1 MiB:
//
//  1. Snappy is one raw block, not the xerial framing of 32 KiB blocks that Java writes: nothing at 16 KiB, but 5 to
//     6 % smaller from 128 KiB on, because matches reach over the framing's borders. The readers of Java
//     (SnappyInputStream: whatever lacks the xerial magic is one raw block) and librdkafka take both, brokers are
//     Java's reader, and franz-go has long written raw blocks by default. Rejected: xerial, which only buys the few
//     readers that know nothing else.
//  2. LZ4 blocks are independent, as Kafka's Lz4BlockInputStream demands, and of 64 KiB, as Java's, while the batch
//     fits in one; above, of 256 KiB, 3 % smaller, and within 1 % of the 4 MiB blocks other clients declare, for
//     which each reader must hold a buffer of that size. There is no content checksum: the batch's CRC covers every
//     byte. Rejected: the library's frame writer, whose nine levels all behave like one, for they begin where more
//     search finds nothing more.
//     The fast compressor is our own (lz4block.go). Against the library's, whose 64 Ki entries and bitmap of those in
//     use cost more than they find, it takes 5 to 15 % less time for JSON in blocks of 64 KiB, 20 to 25 % in blocks of
//     256 KiB, a third for source code, and makes 0.5 to 1 % more bytes of JSON, 2 to 3 % more of source. Rejected:
//     a second table, for matches of twelve bytes and more, which made JSON 13 % shorter but took 20 % longer: who
//     wants bytes rather than time has the levels, and zstd.
//  3. Zstd and gzip stream, so that the pieces of a batch are never joined; the zstd stream equals the one-shot
//     encoder in size and speed, runs on the caller's goroutine, and never holds more than a window of the batch. A larger
//     window gained 1 % on source and lost on JSON, a smaller one lost 4 % on source. Two thirds of the time is the
//     library's search for matches, with tables of 1.25 MiB, and none of its settings changes that: smaller blocks,
//     less memory, other windows and one-shot encoding lie within 3 % of each other. Rejected: its fastest speed, a
//     quarter faster but 5 to 6 % longer, which is level 1 and not the 3 that Java's default means.
//  4. The default level of gzip is 6, as zlib's in Java. The default of lz4 is the fast compressor, and so is level
//     9: Lz4BlockOutputStream takes its default, 9, to mean exactly that, and "9" out of a Java configuration must
//     mean the same here. The other levels search 2^(level-1) candidates, as lz4's high compressor does. Zstd's
//     levels are those of the reference implementation, rounded to the four speeds that the library has.
//
// Invariants: the output depends on codec, level and bytes only, not on where the pieces are cut; Decompress
// allocates no more than a small multiple of its limit (zstd: of 8 MiB at least), whatever the input claims.
package compress
