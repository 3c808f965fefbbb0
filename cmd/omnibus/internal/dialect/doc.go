// Package dialect reads the configuration files of other Kafka clients into Java's names, which are the only ones that the
// rest of omnibus knows.
//
//	client.properties    bootstrap.servers=k:9092             Java          as they are
//	kcat.conf            metadata.broker.list=k               librdkafka    names, values, and several settings in one
//	rpk.yaml             profiles: [{kafka_api: {brokers: …   rpk           a profile
//
// What holds:
//
//  1. A name has the meaning that it has in its dialect: linger.ms may be 0.5 in librdkafka, and batch.size means the same
//     to both. Names of Java's that a dialect does not have may stand beside its own.
//  2. Nothing is dropped without a word. What has no meaning here is a note with what to do, and what would make the
//     producer do something else than was asked for is a mistake.
//  3. Of defaults, only those that say where a record goes are taken over: librdkafka's partitioner, which would put the
//     records of a key elsewhere. What makes sending safe, patient or fast stays omnibus' own, and is named where it differs
//     (Defaults).
//  4. A file's dialect is recognized by names that only one dialect has. A file with none of them is Java's; one with names
//     of both is a mistake until --dialect says which.
//  5. No text that this package makes, other than the values of settings, holds a value.
//
// A translation is of all that was said, not line by line: sasl.username and sasl.password become one login, and a flag may
// bring one of them and the file the other.
//
// Rejected: taking over all of librdkafka's defaults (no idempotence, which only its age explains; a gigabyte of buffer), and
// asking files' names, which say little.
package dialect
