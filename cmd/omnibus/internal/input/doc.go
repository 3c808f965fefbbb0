// Package input makes records of files and of standard input: it finds and decompresses the bytes, cuts them into pieces,
// and makes key, value, headers, partition and timestamp of each piece.
//
//	files ─ source (open, gzip, zstd) ─ lines.Reader ─┬─ lines     key SEPARATOR value, or a value
//	                                                  ├─ envelope  a JSON object a line
//	                                                  ├─ csv, tsv  a row, of which two columns are taken
//	                                                  └─ raw       a whole file
//	                                                      └─ record: -k -H -p --key --header --timestamp
//
// Rules, each with its test:
//
//  1. What was not said is not there. A key that nobody gave is null, not empty; only an empty key is one. Nothing is
//     trimmed, skipped or replaced unless an option says so: empty lines, carriage returns, NULs and invalid UTF-8 are
//     data.
//  2. A piece that does not fit what the options say is bad input, told with file, line, what is wrong and what to do. It
//     never becomes a record that is nearly right (a whole line as the value because its separator is missing), and it never
//     ends the reading of what follows.
//  3. Memory is bounded whatever the input: what is too long for a record is counted and passed over, not held.
//  4. A plain line costs no allocation and no copy.
//
// csv is RFC 4180, read strictly, with rows over several lines; encoding/csv was rejected because it holds a row of any
// length, turns CRLF inside of quotes into LF, and passes over empty lines without a word. Its judgement is what the tests compare with
// for all other inputs. tsv has no quotes, as its media type says: a tab ends a field, a newline the row, and every other byte is data, so
// JSON in a column is safe.
//
// Compression is recognized by content, and a file named .gz or .zst that is none is an error: guessing by name alone would send
// a compressed standard input as lines of garbage.
package input
