package doctor

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/internal/acl"
	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// examination is what was asked for, and what the groups have learned so far. It is used by one goroutine.
type examination struct {
	// Immutable.
	values  map[string]string // the producer's settings, by Java's names
	notes   []omnibus.Note
	network *broker.Config
	client  acl.Client // as brokers see this one
	topic   string     // empty for none
	timeout time.Duration

	// Learned by bootstrap and brokers.
	conns     map[string]*broker.Conn // those that answer, by address
	answering []string                // the same, in the order in which they were found
	roundTrip time.Duration           // the longest that an answer took; 0 without one

	// Learned by cluster: nil until a broker has said it.
	cluster *kmsg.MetadataResponse
	// Learned by brokers: one broker's settings, as far as they may be read.
	brokerSettings map[string]string
	// Learned by topic: nil unless it is there, and its settings as far as they may be read.
	found         *kmsg.MetadataResponseTopic
	topicSettings map[string]string
}

func newExamination(config omnibus.Config, o *Options) (*examination, error) {
	values := admin.Effective(config)
	encryption, mechanism, err := config.Security()
	if err != nil {
		return nil, err
	}
	e := &examination{
		values: values, notes: config.Notes(), topic: o.Topic, timeout: o.Timeout,
		network: &broker.Config{
			ClientID: values["client.id"], SoftwareVersion: omnibus.Version, Dial: config.Dial,
			ConnectTimeout: o.Timeout, ConnectTimeoutMax: o.Timeout, RequestTimeout: o.Timeout,
			Logger: slog.New(slog.DiscardHandler), SASL: mechanism,
		},
		client: acl.Of(mechanism, nil), conns: make(map[string]*broker.Conn),
	}
	if encryption != nil {
		e.network.TLS = func() *tls.Config { return encryption }
		e.client = acl.Of(mechanism, encryption.Certificates)
	}
	return e, nil
}

// groups are the parts of the examination, in their order.
func (e *examination) groups() []func(context.Context) []Finding {
	return []func(context.Context) []Finding{
		e.examineSettings,
		e.examineBootstrap,
		e.examineCluster,
		e.examineBrokers,
		e.examineTopic,
		e.examineSizes,
		e.examineTimeouts,
		e.examineIdempotence,
	}
}

// close ends the connections.
func (e *examination) close() {
	for _, conn := range e.conns {
		conn.Close(nil)
	}
}

// bootstrap are the addresses of first contact.
func (e *examination) bootstrap() []string { return strings.Split(e.values["bootstrap.servers"], ",") }

// number is one of the producer's settings, or of the cluster's; ok is false if it is not known.
func number(settings map[string]string, name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(settings[name], 10, 64)
	return n, err == nil
}

// millis is number for a time.
func millis(settings map[string]string, name string) (d time.Duration, ok bool) {
	n, ok := number(settings, name)
	return time.Duration(n) * time.Millisecond, ok
}

// connect opens a connection, which is kept for later groups, and measures how long the cluster takes to answer.
func (e *examination) connect(ctx context.Context, address string) (*broker.Conn, error) {
	if conn := e.conns[address]; conn != nil {
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := broker.Connect(ctx, e.network, address)
	if err != nil {
		return nil, err
	}
	conn.Start(nil)
	e.conns[address] = conn
	e.answering = append(e.answering, address)
	return conn, nil
}

// drop forgets a connection that is of no more use.
func (e *examination) drop(address string) {
	if conn := e.conns[address]; conn != nil {
		conn.Close(nil)
		delete(e.conns, address)
	}
}

// ask sends one request over a connection, whose error is about the connection or the time.
func (e *examination) ask(ctx context.Context, conn *broker.Conn, request kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	began := time.Now()
	response, err := conn.Do(ctx, request)
	if err == nil {
		e.roundTrip = max(e.roundTrip, time.Since(began))
	}
	return response, err
}

// anyConn is a connection that answers, nil if there is none.
func (e *examination) anyConn() *broker.Conn {
	for _, address := range e.answering {
		if conn := e.conns[address]; conn != nil {
			return conn
		}
	}
	return nil
}
