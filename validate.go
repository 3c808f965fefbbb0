package omnibus

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ConfigError is one mistake in a Config or in a setting. Validate, Open, Set and ParseProperties return it, several
// of them joined; errors.As finds the first.
type ConfigError struct {
	// Field is the field's name in Config, such as "Linger" or `Topics["orders"].Acks`; empty for a setting that has
	// no field.
	Field string
	// JavaName is the setting's name, such as "linger.ms"; empty for a field that has none.
	JavaName string
	// Value is what was found. It is never a secret: those read "[hidden]".
	Value string
	// Want is what would have been right, and what to do.
	Want string
}

// Error names the field, its Java name, the value, and what is wanted.
func (e *ConfigError) Error() string {
	name := e.Field
	switch {
	case name == "":
		name = e.JavaName
	case e.JavaName != "":
		name += " (" + e.JavaName + ")"
	}
	return fmt.Sprintf("%s is %s: want %s", name, e.Value, e.Want)
}

// Validate reports every mistake in c at once, as *ConfigError values joined with errors.Join, or nil. It reads the files
// that ssl.* names, and neither resolves a name nor dials. Open begins with it. What is legal and still surprising is no
// mistake: Open logs it.
func (c Config) Validate() error {
	_, _, err := newSettings(c)
	return err
}

// checker collects mistakes. A rule about several fields keeps silent about fields that are wrong by themselves.
type checker struct {
	asked *Config
	s     *settings
	bad   map[string]bool
	errs  []error
}

func check(asked *Config, s *settings) error {
	k := &checker{asked: asked, s: s, bad: map[string]bool{}}
	checkLimits(k, durationLimits)
	checkLimits(k, countLimits)
	checkLimits(k, byteLimits)
	k.enums()
	k.brokers()
	k.sizes()
	k.idempotence()
	k.timeouts()
	k.rest()
	for _, name := range slices.Sorted(maps.Keys(asked.Topics)) {
		k.topic(name, asked.Topics[name])
	}
	return errors.Join(k.errs...)
}

func (k *checker) add(field, javaName string, value any, want string) {
	k.bad[field] = true
	k.errs = append(k.errs, &ConfigError{field, javaName, fmt.Sprint(value), want})
}

func (k *checker) sound(fields ...string) bool {
	for _, field := range fields {
		if k.bad[field] {
			return false
		}
	}
	return true
}

func checkLimits[T int | int64 | time.Duration](k *checker, limits []limit[T]) {
	for i := range limits {
		l := &limits[i]
		if v := *l.at(k.asked); !l.holds(v) {
			k.add(l.field, l.javaName, v, l.want())
		}
	}
}

// holds says whether v may stand in the field.
func (l *limit[T]) holds(v T) bool {
	return v == 0 || v == None && l.none != "" || l.min <= v && v <= l.max
}

// want is the range in words.
func (l *limit[T]) want() string {
	text := fmt.Sprintf("%v to %v", l.min, l.max)
	if int64(l.max) >= int64(forever) {
		text = fmt.Sprintf("%v or more", l.min)
	}
	if l.def != 0 && l.def != None {
		text += fmt.Sprintf(", 0 for the default %v", l.def)
	}
	if l.none != "" {
		text += ", None for " + l.none
	}
	return text
}

func (k *checker) enums() {
	checkEnum(k, "Acks", "acks", k.asked.Acks, acksNames)
	checkEnum(k, "Compression", "compression.type", k.asked.Compression, compressionNames)
	checkEnum(k, "MetadataRecovery", "metadata.recovery.strategy", k.asked.MetadataRecovery, recoveryNames)
	checkEnum(k, "DNSLookup", "client.dns.lookup", k.asked.DNSLookup, dnsNames)
}

func checkEnum[T ~int8](k *checker, field, javaName string, v T, names []string) {
	if !knownEnum(v, names) {
		k.add(field, javaName, enumName(v, names), "one of the constants, for "+strings.Join(names, ", "))
	}
}

func (k *checker) brokers() {
	if len(k.asked.Brokers) == 0 {
		k.add("Brokers", "bootstrap.servers", "empty", `one address or more, such as "localhost:9092"`)
	}
	for i, address := range k.asked.Brokers {
		if _, err := plainAddress(address); err != nil {
			k.add(fmt.Sprintf("Brokers[%d]", i), "bootstrap.servers", strconv.Quote(withoutCredentials(address)), err.Error())
		}
	}
}

// sizes checks what Java checks when it is too late: a batch that the buffer can never hold.
func (k *checker) sizes() {
	s := k.s
	if !k.sound("BatchBytes", "BufferBytes") {
		return
	}
	if s.BufferBytes < int64(s.BatchBytes) {
		k.add("BufferBytes", "buffer.memory", s.BufferBytes, fmt.Sprintf("at least BatchBytes (batch.size), which is %d: raise it, or lower batch.size", s.BatchBytes))
	}
	if k.asked.BatchBytesMax != 0 && k.sound("BatchBytesMax", "MaxRequestBytes", "BufferBytes") {
		k.batchMax("BatchBytesMax", s.BatchBytes, s.BatchBytesMax)
	}
}

func (k *checker) batchMax(field string, batchBytes, batchBytesMax int) {
	most := int64(max(batchBytes, k.s.MaxRequestBytes))
	most = min(most, k.s.BufferBytes)
	if batchBytesMax < batchBytes || int64(batchBytesMax) > most {
		k.add(field, "omnibus.batch.size.max", batchBytesMax,
			fmt.Sprintf("%d (batch.size) to %d (max.request.size, and no more than buffer.memory), 0 for the default", batchBytes, most))
	}
}

// idempotence is Java's rule: what turns it off is a mistake only where it was asked for in so many words.
func (k *checker) idempotence() {
	c, s := k.asked, k.s
	if c.RequireIdempotence {
		if c.DisableIdempotence {
			k.add("DisableIdempotence", "enable.idempotence", true, "false, because RequireIdempotence is set: choose one")
		}
		if s.Retries == 0 {
			k.add("Retries", "retries", 0, "1 or more, or 0 for the default, because enable.idempotence=true was asked for")
		}
		if c.Acks != AcksAll && k.sound("Acks") {
			k.add("Acks", "acks", c.Acks, "AcksAll (all), because enable.idempotence=true was asked for")
		}
	}
	if !s.DisableIdempotence && s.MaxInFlight > idempotentInFlightMax {
		k.add("MaxInFlight", "max.in.flight.requests.per.connection", s.MaxInFlight,
			fmt.Sprintf("at most %d, because a broker tells duplicates among the last %[1]d batches only; or DisableIdempotence (enable.idempotence=false)", idempotentInFlightMax))
	}
}

func (k *checker) timeouts() {
	s := k.s
	if k.asked.DeliveryTimeout == 0 || !k.sound("DeliveryTimeout", "Linger", "RequestTimeout") {
		return // Left to its default it gives way, see settings.delivery.
	}
	k.delivery("DeliveryTimeout", s.DeliveryTimeout, s.Linger)
}

func (k *checker) delivery(field string, timeout, linger time.Duration) {
	if least := linger + k.s.RequestTimeout; timeout < least {
		k.add(field, "delivery.timeout.ms", plainDuration(timeout),
			fmt.Sprintf("at least linger.ms plus request.timeout.ms, which is %s: raise it, or lower one of them", plainDuration(least)))
	}
}

func (k *checker) rest() {
	c := k.asked
	if len(c.ClientID) > math.MaxInt16 {
		k.add("ClientID", "client.id", fmt.Sprintf("%d bytes long", len(c.ClientID)), fmt.Sprintf("at most %d bytes", math.MaxInt16))
	}
	if c.RackAware && c.Rack == "" {
		k.add("Rack", "client.rack", "empty", "the name of this program's rack, because RackAware (partitioner.rack.aware) is set; or unset that")
	}
	for i, interceptor := range c.Interceptors {
		if interceptor == nil {
			k.add(fmt.Sprintf("Interceptors[%d]", i), "", "nil", "an Interceptor: leave the element out")
		}
	}
}

// topic checks what differs for one topic, each with the range of the field that it replaces.
func (k *checker) topic(name string, own TopicConfig) {
	at := fmt.Sprintf("Topics[%q]", name)
	if fault := topicNameFault(name); fault != "" {
		k.add(at, "", "no topic's name", fault)
	}
	if own.Acks != nil {
		checkEnum(k, at+".Acks", "acks", *own.Acks, acksNames)
		if k.asked.RequireIdempotence && *own.Acks != AcksAll {
			k.add(at+".Acks", "acks", *own.Acks, "AcksAll (all), because enable.idempotence=true was asked for")
		}
	}
	if own.Compression != nil {
		checkEnum(k, at+".Compression", "compression.type", *own.Compression, compressionNames)
	}
	t := k.s.topics[name]
	k.topicLevel(at, t.codec, own.CompressionLevel)
	checkTopicLimit(k, at, durationLimit("linger.ms"), own.Linger)
	checkTopicLimit(k, at, durationLimit("delivery.timeout.ms"), own.DeliveryTimeout)
	checkTopicLimit(k, at, countLimit("batch.size"), own.BatchBytes)
	checkTopicLimit(k, at, countLimit("omnibus.batch.size.max"), own.BatchBytesMax)
	if own.DeliveryTimeout != 0 && k.sound(at+".Linger", at+".DeliveryTimeout", "Linger", "RequestTimeout") {
		k.delivery(at+".DeliveryTimeout", t.deliveryTimeout, t.linger)
	}
	k.topicSizes(at, own, t)
}

func (k *checker) topicSizes(at string, own TopicConfig, t *topicSettings) {
	if !k.sound(at+".BatchBytes", at+".BatchBytesMax", "BatchBytes", "BatchBytesMax", "MaxRequestBytes", "BufferBytes") {
		return
	}
	switch {
	case own.BatchBytes != 0 && int64(t.batchBytes) > k.s.BufferBytes:
		k.add(at+".BatchBytes", "batch.size", t.batchBytes, fmt.Sprintf("at most BufferBytes (buffer.memory), which is %d", k.s.BufferBytes))
	case own.BatchBytesMax != 0:
		k.batchMax(at+".BatchBytesMax", t.batchBytes, t.batchBytesMax)
	}
}

func checkTopicLimit[T int | int64 | time.Duration](k *checker, at string, l *limit[T], v T) {
	if !l.holds(v) {
		k.add(at+"."+l.field, l.javaName, v, strings.Replace(l.want(), "0 for the default", "0 to inherit instead of the default", 1))
	}
}

func (k *checker) topicLevel(at string, codec Compression, level int) {
	if level == 0 {
		return
	}
	field, javaName := at+".CompressionLevel", "compression."+codec.String()+".level"
	switch codec {
	case CompressionGzip, CompressionLZ4, CompressionZstd:
		if l := countLimit(javaName); !l.holds(level) {
			k.add(field, javaName, level, fmt.Sprintf("%d to %d for %s, 0 to inherit", l.min, l.max, codec))
		}
	default:
		k.add(field, "", level, fmt.Sprintf("0, because the topic's codec is %s, which has no levels", codec))
	}
}

// topicNameFault says what is wrong with a topic's name, in the words of what is wanted; "" for a legal name.
func topicNameFault(name string) string {
	const legal = "1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-', and neither \".\" nor \"..\""
	if name == "" || len(name) > 249 || name == "." || name == ".." {
		return legal
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return legal
		}
	}
	return ""
}

func isNameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '.' || b == '_' || b == '-'
}

// plainAddress is the host:port of one of Config.Brokers; the error's text is what was wanted instead.
func plainAddress(address string) (string, error) {
	address, _, err := withoutScheme(strings.TrimSpace(address))
	if err != nil {
		return "", err
	}
	switch {
	case address == "":
		return "", errors.New("host:port, such as localhost:9092")
	case strings.Contains(address, ","):
		return "", errors.New("one address an element: split it at its commas")
	case strings.ContainsAny(address, "@/"):
		return "", errors.New("host:port alone, without user, password or path")
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil && strings.Count(address, ":") > 1:
		return "", errors.New("an IPv6 address in brackets and a port, such as [::1]:9092")
	case err != nil:
		return "", errors.New("a port behind the host, such as host:9092")
	case !isHost(host):
		return "", errors.New("a host's name or address before the port, such as localhost:9092")
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", errors.New("a port from 1 to 65535 behind the host")
	}
	return net.JoinHostPort(host, port), nil
}

func isHost(host string) bool {
	if strings.Contains(host, ":") {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	for i := range len(host) {
		if !isNameByte(host[i]) {
			return false
		}
	}
	return host != ""
}

// withoutCredentials hides what stands before an '@', where a URL has a password.
func withoutCredentials(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return hiddenValue + address[i:]
	}
	return address
}
