package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// examineBootstrap goes the first steps to each address of first contact. One of them is enough for a producer, so that a
// dead one beside a living one is a warning.
func (e *examination) examineBootstrap(ctx context.Context) []Finding {
	var findings []Finding
	for _, address := range e.bootstrap() {
		findings = append(findings, e.reach(ctx, address)...)
	}
	if len(e.conns) > 0 {
		for i := range findings {
			if findings[i].Status == Fail {
				findings[i].Status = Warn
			}
		}
	}
	return findings
}

// reach goes the steps of a connection one by one, until one of them fails: the last finding tells. After the last step
// the connection is there.
func (e *examination) reach(ctx context.Context, address string) []Finding {
	if e.conns[address] != nil {
		return []Finding{pass("api", address, "was reached before")}
	}
	var findings []Finding
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return []Finding{fault{err.Error(), "write it as host:port"}.fails("dns", address)}
	}
	addresses := []string{host}
	if net.ParseIP(host) == nil {
		finding, found := e.resolve(ctx, host)
		if findings = append(findings, finding); finding.Status == Fail {
			return findings
		}
		addresses = found
	}
	finding := e.dial(ctx, address, addresses, port)
	if findings = append(findings, finding); finding.Status == Fail {
		return findings
	}
	if e.network.TLS != nil {
		found := e.examineTLS(ctx, address)
		if findings = append(findings, found...); found[len(found)-1].Status == Fail {
			return findings
		}
	}
	return append(findings, e.shakeHands(ctx, address)...)
}

// resolve looks the name up.
func (e *examination) resolve(ctx context.Context, host string) (finding Finding, addresses []string) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err == nil {
		return pass("dns", host, "%s", strings.Join(addresses, ", ")), addresses
	}
	what := fault{err.Error(), "check the name server of this machine (resolv.conf), or give an IP address"}
	dns, known := errors.AsType[*net.DNSError](err)
	switch {
	case known && dns.IsNotFound:
		what = fault{"no such host", "check the spelling; a name from inside Docker or Kubernetes is not known outside"}
	case known && dns.IsTimeout, ctx.Err() != nil:
		what.text = fmt.Sprintf("the name server gave no answer within %v", e.timeout)
	}
	return what.fails("dns", host), nil
}

// dial tries each address of the name. One that accepts is enough, as it is for a producer.
func (e *examination) dial(ctx context.Context, subject string, addresses []string, port string) Finding {
	var accepted, refused []string
	var last error
	began := time.Now()
	for _, address := range addresses {
		dialer := net.Dialer{Timeout: e.timeout}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, port))
		if err != nil {
			refused = append(refused, address)
			last = err
			continue
		}
		conn.Close()
		accepted = append(accepted, address)
	}
	switch {
	case len(accepted) == 0:
		return e.dialFault(last, port).fails("tcp", subject)
	case len(refused) > 0:
		return pass("tcp", subject, "%s accepts connections; %s does not, and is passed over", strings.Join(accepted, ", "), strings.Join(refused, ", "))
	}
	return pass("tcp", subject, "accepts connections, after %v", time.Since(began).Round(time.Microsecond))
}

// otherPorts are ports that are mistaken for a broker's, and whose they are.
var otherPorts = map[string]string{
	"2181": "ZooKeeper", "8081": "a schema registry", "8082": "a REST proxy", "8083": "Kafka Connect", "80": "web servers", "443": "web servers",
}

// dialFault is why a port could not be connected to.
func (e *examination) dialFault(err error, port string) fault {
	hint := ""
	if whose, known := otherPorts[port]; known {
		hint = fmt.Sprintf("; %s is the usual port of %s", port, whose)
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault{"nothing listens there (connection refused)",
			"start the broker, or look up its port: listeners= in its server.properties, 9092 unless somebody chose another" + hint}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fault{"no way leads there: " + plainCause(err), "check the address, and the network or VPN that leads to it"}
	case isNet && timeout.Timeout():
		return fault{fmt.Sprintf("no answer within %v", e.timeout), "check the address; a firewall on the way may drop what is sent to it" + hint}
	}
	return fault{plainCause(err), "check host and port" + hint}
}

// plainCause is an error of the network without the addresses, which are told already.
func plainCause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// shakeHands opens the connection as the producer does, which logs in where that is configured, and asks what the broker
// can.
func (e *examination) shakeHands(ctx context.Context, address string) []Finding {
	conn, err := e.connect(ctx, address)
	if err != nil {
		if finding, told := e.notLetIn(address, err); told {
			return []Finding{finding}
		}
		return []Finding{e.handshakeFault(ctx, address, err).fails("api", address)}
	}
	findings := []Finding{pass("api", address, "speaks Kafka's protocol%s", e.version(ctx, conn))}
	if e.network.SASL == nil {
		return findings
	}
	return append(findings, pass("sasl", address, "%s is enabled, and the login%s works", e.network.SASL.Name(), e.asWhom()))
}

// version is which Kafka the broker seems to be, from what it can; empty if it cannot be told. Brokers do not say it.
func (e *examination) version(ctx context.Context, conn *broker.Conn) string {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "omnibus", "doctor" // brokers refuse to answer without
	response, err := e.ask(ctx, conn, request)
	if err != nil {
		return ""
	}
	versions := kversion.FromApiVersionsResponse(response.(*kmsg.ApiVersionsResponse))
	guess := versions.VersionGuess()
	if !strings.Contains(guess, "v") || strings.HasPrefix(guess, "not even") || strings.HasPrefix(guess, "unknown") {
		return ""
	}
	return ", as Kafka " + strings.ReplaceAll(guess, "v", "") + " does"
}

const (
	fixPort = "name the port of the broker's Kafka listener: listeners= in its server.properties, 9092 unless somebody chose another"
	fixTLS  = "set security.protocol=SSL (SASL_SSL if the listener asks for a login too), or name the port of a PLAINTEXT listener"
)

// handshakeFault is why a port that takes connections is of no use.
func (e *examination) handshakeFault(ctx context.Context, address string, err error) fault {
	failure, ok := errors.AsType[*broker.ConnectError](err)
	if !ok {
		return fault{err.Error(), fixPort}
	}
	text := failure.Err.Error()
	switch {
	case failure.Phase == broker.PhaseTLS:
		return fault{text, fixTLS}
	case errors.Is(err, broker.ErrUnsupported):
		return fault{text, "connect to a broker of Kafka 2.1 or newer: not to a KRaft controller, nor through a proxy that speaks an older protocol"}
	case errors.Is(err, broker.ErrProtocol):
		return fault{text, fixPort}
	}
	if spoken := e.probeTLS(ctx, address); spoken != "" {
		return fault{"the port speaks TLS (" + spoken + "), and was spoken to without", fixTLS}
	}
	switch {
	case timedOut(err):
		return fault{fmt.Sprintf("it takes connections, and gives no answer within %v", e.timeout),
			fixPort + "; if that is the port, the broker hangs or is starting: look at its log and load"}
	case closed(err):
		return fault{"it takes connections, and closes them at the first request",
			fixPort + "; if that is the port, look at the broker's log, and at max.connections.per.ip"}
	}
	return fault{text, fixPort + "; if that is the port, look at the broker's log"}
}

// timedOut tells errors of a time that was up, whoever kept it.
func timedOut(err error) bool {
	timeout, isNet := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, broker.ErrRequestTimeout) || isNet && timeout.Timeout()
}

// closed tells errors of a connection that the other side ended.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
