package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/broker/frames"
	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/omnibus-kafka/omnibus/internal/wire/shape"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	softwareName = "omnibus"

	apiVersionsKey = 18
	// Version 4 tells of features whose lowest version is 0 (KIP-1022); 5 needs the cluster's id, which a first
	// connection does not have.
	apiVersionsVersion = 4

	// firstCorrelationID is a connection's, before 1, 2, 3 …: it reads "\r\n\r\n" on the wire. To a broker one number is
	// as good as another; a web server takes it for the end of a request that makes no sense and says so at once, where
	// it would else wait for the rest.
	firstCorrelationID = 0x0d0a0d0a
)

// versionRange is what a broker says it supports of one request.
type versionRange struct{ min, max int16 }

func (r versionRange) describe(key int16) string {
	return fmt.Sprintf("the broker supports %s %d to %d", kmsg.NameForKey(key), r.min, r.max)
}

// handshake makes a fresh connection ready for requests: it starts TLS, learns what the broker supports, refuses one
// that cannot be used, and authenticates. When ctx ends, so does it.
func (c *Conn) handshake(ctx context.Context, watch *Dialing) error {
	begun := time.Now()
	stop := context.AfterFunc(ctx, func() { c.transport.SetDeadline(time.Unix(1, 0)) })
	phase, err := c.shakeHands(ctx, watch)
	if !stop() {
		err = ctx.Err() // even after a success: the deadline in the past cannot be told to stay away any more
	}
	if err != nil {
		return c.handshakeFailed(phase, time.Since(begun), err)
	}
	return nil
}

// shakeHands takes the steps of the handshake, and names the one that failed.
func (c *Conn) shakeHands(ctx context.Context, watch *Dialing) (Phase, error) {
	if c.cfg.TLS != nil {
		watch.reached(PhaseTLS)
		if err := c.startTLS(); err != nil {
			return PhaseTLS, err
		}
	}
	watch.reached(PhaseAPI)
	if err := c.agreeOnVersions(); err != nil {
		return PhaseAPI, err
	}
	if c.cfg.SASL != nil {
		watch.reached(PhaseSASL)
		return PhaseSASL, c.authenticate(ctx)
	}
	return PhaseAPI, nil
}

func (c *Conn) agreeOnVersions() error {
	response, err := c.apiVersions()
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return fmt.Errorf("ApiVersions v%d: %w", response.Version, err)
	}
	c.versions = make(map[int16]versionRange, len(response.ApiKeys))
	for _, api := range response.ApiKeys {
		if api.MinVersion >= 0 && api.MinVersion <= api.MaxVersion {
			c.versions[api.ApiKey] = versionRange{api.MinVersion, api.MaxVersion}
		}
	}
	return c.checkProduce()
}

func (c *Conn) checkProduce() error {
	theirs, ok := c.versions[produceKey]
	if !ok {
		return fmt.Errorf("%w: the node does not serve Produce; it may be a KRaft controller, so give a broker's "+
			"listener instead", ErrUnsupported)
	}
	if _, ok := c.ProduceVersion(true); !ok {
		return fmt.Errorf("%w: %s, wanted is one of %d to %d; brokers are supported from Kafka 2.1 on", ErrUnsupported,
			theirs.describe(produceKey), wire.ProduceVersionMin, wire.ProduceVersionMax)
	}
	return nil
}

// apiVersions asks for what the broker supports. A broker that does not know the version of this question itself says
// so in the format of version 0 (KIP-511), mostly together with the versions that it knows; it is then asked again.
func (c *Conn) apiVersions() (*kmsg.ApiVersionsResponse, error) {
	response, err := c.askApiVersions(apiVersionsVersion)
	if err != nil || response.ErrorCode != kerr.UnsupportedVersion.Code {
		return response, err
	}
	known := int16(0)
	for _, api := range response.ApiKeys {
		if api.ApiKey == apiVersionsKey && api.MaxVersion < apiVersionsVersion {
			known = max(known, api.MaxVersion)
		}
	}
	return c.askApiVersions(known)
}

func (c *Conn) askApiVersions(version int16) (*kmsg.ApiVersionsResponse, error) {
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version = version
	request.ClientSoftwareName = softwareName
	request.ClientSoftwareVersion = softwareVersion(c.cfg.SoftwareVersion)
	body, err := c.exchange(request)
	if err != nil {
		return nil, err
	}
	response := kmsg.NewPtrApiVersionsResponse()
	response.Version = version
	if len(body) >= 2 && int16(binary.BigEndian.Uint16(body)) == kerr.UnsupportedVersion.Code {
		response.Version = 0
		if len(body) < 6 {
			response.ErrorCode = kerr.UnsupportedVersion.Code // without the empty array that belongs here
			return response, nil
		}
	}
	if err := decode(response, body); err != nil {
		return nil, protocolError("answer to ApiVersions v%d: %v", version, err)
	}
	return response, nil
}

// exchange sends one request of the handshake and waits for its answer. The answer to ApiVersions has the header without
// tags in all versions, for a client that does not know the broker yet must be able to read it.
func (c *Conn) exchange(request kmsg.Request) (body []byte, err error) {
	c.mu.Lock()
	id := c.nextIDLocked()
	c.mu.Unlock()
	if id == 0 {
		id = firstCorrelationID
	}
	sent, err := c.socket.Write(c.format.AppendRequest(nil, request, id))
	c.counters.BytesOut.Add(int64(sent))
	if err != nil {
		return nil, err
	}
	c.counters.Requests.Add(1)
	frame, err := c.frames.Take(frames.Due{LimitBytes: shape.BytesMax(request.Key()), ID: id, Kept: true})
	if err != nil {
		return nil, err
	}
	flexible := request.IsFlexible() && request.Key() != apiVersionsKey
	if _, body, err = wire.ParseResponseHeader(flexible, frame); err != nil {
		return nil, err
	}
	c.counters.Responses.Add(1)
	return body, nil
}

// softwareVersion makes any version fit the protocol's pattern: letters, digits, '-' and '.', a letter or digit at both
// ends. A broker answers INVALID_REQUEST to others.
func softwareVersion(version string) string {
	fit := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '-', r == '.':
			return r
		}
		return '-'
	}, version)
	if fit = strings.Trim(fit, "-."); fit == "" {
		return "unknown"
	}
	return fit
}
