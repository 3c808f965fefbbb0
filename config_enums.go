package omnibus

import (
	"fmt"
	"strings"
)

// Acks says whose word makes a record acknowledged. Its text is Java's: "all" (or "-1"), "1", "0".
type Acks int8

const (
	// AcksAll waits until every in-sync replica has the record. It is the zero value.
	AcksAll Acks = iota
	// AcksLeader waits for the leader alone.
	AcksLeader
	// AcksNone waits for nobody.
	AcksNone
)

// Compression is the codec of a batch. Its text is Java's: "none", "gzip", "snappy", "lz4", "zstd".
type Compression int8

const (
	// CompressionNone sends batches as they are. It is the zero value.
	CompressionNone Compression = iota
	// CompressionGzip is slow and understood by everything.
	CompressionGzip
	// CompressionSnappy is fast, light and has no levels.
	CompressionSnappy
	// CompressionLZ4 is fast.
	CompressionLZ4
	// CompressionZstd compresses best for its speed; brokers know it since Kafka 2.1.
	CompressionZstd
)

// MetadataRecovery says what to do when no known broker can be reached any more (KIP-899). Its text is Java's:
// "rebootstrap", "none".
type MetadataRecovery int8

const (
	// RecoveryRebootstrap starts again from Config.Brokers. It is the zero value.
	RecoveryRebootstrap MetadataRecovery = iota
	// RecoveryNone keeps trying the brokers known last.
	RecoveryNone
)

// DNSLookup says how broker names become addresses. Its text is Java's: "use_all_dns_ips",
// "resolve_canonical_bootstrap_servers_only".
type DNSLookup int8

const (
	// DNSAllAddresses tries every address of a name in turn. It is the zero value.
	DNSAllAddresses DNSLookup = iota
	// DNSCanonicalBootstrap replaces each of Config.Brokers by the names that its addresses resolve back to, as
	// Kerberos principals need it.
	DNSCanonicalBootstrap
)

var (
	acksNames        = []string{"all", "1", "0"}
	compressionNames = []string{"none", "gzip", "snappy", "lz4", "zstd"}
	recoveryNames    = []string{"rebootstrap", "none"}
	dnsNames         = []string{"use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"}
)

// String is Java's word for a.
func (a Acks) String() string { return enumName(a, acksNames) }

// MarshalText is String, as encoding.TextMarshaler wants it. It never fails.
func (a Acks) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads "all", "-1", "1" or "0", in any case, and leaves a alone on an error.
func (a *Acks) UnmarshalText(text []byte) error {
	if strings.TrimSpace(string(text)) == "-1" {
		*a = AcksAll
		return nil
	}
	return parseEnum(a, text, acksNames)
}

// String is Java's word for c.
func (c Compression) String() string { return enumName(c, compressionNames) }

// MarshalText is String, as encoding.TextMarshaler wants it. It never fails.
func (c Compression) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String writes, in any case, and leaves c alone on an error.
func (c *Compression) UnmarshalText(text []byte) error { return parseEnum(c, text, compressionNames) }

// String is Java's word for r.
func (r MetadataRecovery) String() string { return enumName(r, recoveryNames) }

// MarshalText is String, as encoding.TextMarshaler wants it. It never fails.
func (r MetadataRecovery) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String writes, in any case, and leaves r alone on an error.
func (r *MetadataRecovery) UnmarshalText(text []byte) error { return parseEnum(r, text, recoveryNames) }

// String is Java's word for d.
func (d DNSLookup) String() string { return enumName(d, dnsNames) }

// MarshalText is String, as encoding.TextMarshaler wants it. It never fails.
func (d DNSLookup) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes, in any case, and leaves d alone on an error.
func (d *DNSLookup) UnmarshalText(text []byte) error { return parseEnum(d, text, dnsNames) }

func enumName[T ~int8](v T, names []string) string {
	if !knownEnum(v, names) {
		return fmt.Sprintf("unknown(%d)", int8(v))
	}
	return names[v]
}

func knownEnum[T ~int8](v T, names []string) bool { return v >= 0 && int(v) < len(names) }

func parseEnum[T ~int8](v *T, text []byte, names []string) error {
	for i, name := range names {
		if strings.EqualFold(strings.TrimSpace(string(text)), name) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
}
