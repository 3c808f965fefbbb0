package dialect

import (
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
)

// defaultPort is the one that librdkafka and rpk take for a broker that is named without.
const defaultPort = "9092"

// withPorts gives addresses that have no port the usual one; Java wants it said.
func withPorts(value string) (java, note string) {
	addresses := strings.Split(value, ",")
	for i, address := range addresses {
		address = strings.TrimSpace(address)
		addresses[i] = address
		scheme, host, found := strings.Cut(address, "://")
		if !found {
			scheme, host = "", address
		}
		if _, _, err := net.SplitHostPort(host); err == nil || host == "" || strings.ContainsAny(host, "/@") {
			continue
		}
		if host = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort); found {
			host = scheme + "://" + host
		}
		addresses[i] = host
	}
	return strings.Join(slices.DeleteFunc(addresses, func(a string) bool { return a == "" }), ","), ""
}

// wholeMillis rounds fractions of a millisecond up, so that a short time does not become none.
func wholeMillis(value string) (java, note string) {
	millis, err := strconv.ParseFloat(value, 64)
	if err != nil || millis != millis || math.Abs(millis) > 1e15 || millis == math.Trunc(millis) {
		return strings.TrimSuffix(value, ".0"), ""
	}
	java = strconv.FormatInt(int64(math.Ceil(millis)), 10)
	return java, "rounded up to " + java + " ms"
}

// switched is a switch in Java's words.
func switched(value string) (java, note string) {
	switch strings.ToLower(value) {
	case "true", "t", "1":
		return "true", ""
	case "false", "f", "0":
		return "false", ""
	}
	return value, ""
}

// nullIs is Java's value for what librdkafka says with 0.
func nullIs(java string) func(string) (string, string) {
	return func(value string) (string, string) {
		if value == "0" {
			return java, ""
		}
		return value, ""
	}
}

// kilobytes are bytes in Java.
func kilobytes(value string) (java, note string) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return value, ""
	}
	return strconv.FormatInt(n<<10, 10), ""
}

// inlinePEM is PEM that stands in one line, where some write the ends of its lines as \n.
func inlinePEM(value string) (java, note string) { return strings.ReplaceAll(value, `\n`, "\n"), "" }

// namesOfSuites are the cipher suites whose names OpenSSL and the standard do not share; ':' parts them there, ',' here.
func namesOfSuites(value string) (java, note string) {
	suites := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(":, ", r) })
	for i, name := range suites {
		if standard, ok := opensslSuites[name]; ok {
			suites[i] = standard
		}
	}
	return strings.Join(suites, ","), ""
}

// opensslSuites are those that crypto/tls thinks safe.
var opensslSuites = map[string]string{
	"ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256":   "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"ECDHE-RSA-AES256-GCM-SHA384":   "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"ECDHE-RSA-CHACHA20-POLY1305":   "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

// hostCheck turns the check of brokers' names off by the empty value, as Java does.
func hostCheck(value string) (java, note string) {
	if strings.EqualFold(value, "none") {
		return "", ""
	}
	return value, ""
}

// authorities leaves it to the system whom to believe where that is to be looked for.
func authorities(value string) (java, note string) {
	if strings.EqualFold(value, "probe") {
		return "", ""
	}
	return value, ""
}

// quoted is a value as a JAAS login has it.
func quoted(value string) string {
	var text strings.Builder
	text.WriteByte('"')
	for i := range len(value) {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			text.WriteByte('\\')
			text.WriteByte(c)
		case c == '\n':
			text.WriteString(`\n`)
		case c == '\r':
			text.WriteString(`\r`)
		default:
			text.WriteByte(c)
		}
	}
	text.WriteByte('"')
	return text.String()
}

// never is a time that does not come.
func never(value string) (java, note string) {
	if value == "-1" {
		return strconv.FormatInt(math.MaxInt64, 10), ""
	}
	return value, ""
}
