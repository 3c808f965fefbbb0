package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/chance"
)

// Requester is one connection to a broker, ready for requests: dialed, authenticated, its versions negotiated.
type Requester interface {
	// Do sends a request in the highest version that both sides speak and waits for its response, at most until ctx ends. It
	// may be called by several goroutines at once. An error means that the connection is of no more use, unless ctx
	// ended, or the error is broker.ErrUnsupported.
	Do(ctx context.Context, request kmsg.Request) (kmsg.Response, error)
	// Close ends the connection; requests in flight fail with the reason. It does not wait.
	Close(reason error)
}

// Connect opens a connection to host:port. Its errors say in which phase it failed: dns, tcp, tls, sasl or api. It tries all
// addresses that the host name has, and bounds itself by a connect timeout of its own. It lets dialing watch.
type Connect func(ctx context.Context, address string, dialing *broker.Dialing) (Requester, error)

// Config is what a Client needs to know. All durations are taken as they are, without defaults.
type Config struct {
	// Bootstrap are the host:port addresses of first contact.
	Bootstrap []string
	// Connect opens a connection.
	Connect Connect
	// Resolve, if set, replaces one bootstrap address by several before each first contact, such as the canonical names
	// behind an alias (client.dns.lookup=resolve_canonical_bootstrap_servers_only). Ordinary names need none: Connect
	// tries all of their addresses.
	Resolve func(ctx context.Context, address string) ([]string, error)
	// RequestTimeout bounds the wait for one response (request.timeout.ms).
	RequestTimeout time.Duration
	// Reconnect is the pause before an address that failed is dialed again (reconnect.backoff.ms, .max.ms).
	Reconnect backoff.Exponential
	// KeepBrokers turns off the way back to the bootstrap list (metadata.recovery.strategy=none): once brokers are
	// known, only they are asked.
	KeepBrokers bool
	// Chance is for pauses and the order of brokers.
	Chance *chance.Source
	// Logger hears of lost clusters; nil is silent.
	Logger *slog.Logger
}

// Client is the control plane: it asks some broker, or a certain one, over connections of its own. Requests must be safe to
// repeat, for one is sent again when a connection turns out to be dead. Its methods may be called by several
// goroutines; it starts none itself.
//
// For each request the brokers are tried in this order: connected ones, then the others at random, those that failed
// lately last; each at most once. When all have failed, the bootstrap addresses are asked, and then the forgotten
// brokers once more, in case the list is the older of the two.
type Client struct {
	config       Config
	rebootstraps atomic.Uint64

	mu struct {
		sync.Mutex
		lines map[string]*line
		// known are the addresses of the brokers of the last answer, by id. It is empty before the first one and after a rebootstrap.
		known map[int32]string
		// former are the addresses of brokers that could not be reached when they were forgotten.
		former []string
		closed bool
	}
}

// NewClient makes a Client. It does not dial.
func NewClient(config Config) *Client {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{config: config}
	c.mu.lines = make(map[string]*line)
	return c
}

// Request asks any broker. It returns when one has answered, when each known address has failed once (an
// *UnreachableError says how), or when ctx ends.
func (c *Client) Request(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	response, _, err := c.Ask(ctx, request)
	return response, err
}

// RequestTo asks one broker, after the pause that its last failure demands, at most until ctx ends.
func (c *Client) RequestTo(ctx context.Context, brokerID int32, request kmsg.Request) (kmsg.Response, error) {
	c.mu.Lock()
	address, ok := c.mu.known[brokerID]
	c.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("broker %d is not known: it is not in the last metadata", brokerID)
	}
	response, err := c.tryLine(ctx, address, request, true)
	if err != nil {
		return nil, fmt.Errorf("broker %d at %s: %w", brokerID, address, err)
	}
	return response, nil
}

// Close closes all connections; requests in flight and later ones fail with ErrClosed.
func (c *Client) Close() {
	c.mu.Lock()
	c.mu.closed = true
	var conns []Requester
	for address := range c.mu.lines {
		conns = append(conns, c.cutLocked(address)...)
	}
	c.mu.Unlock()
	for _, conn := range conns {
		conn.Close(nil)
	}
}

// Ask is Request, and tells the address that answered.
func (c *Client) Ask(ctx context.Context, request kmsg.Request) (kmsg.Response, string, error) {
	failed := &UnreachableError{}
	tried := make(map[string]struct{})
	for {
		addresses, known := c.candidates(ctx, failed)
		response, from, err := c.askEach(ctx, request, addresses, tried, failed)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return response, from, err
		}
		if !known || c.config.KeepBrokers {
			return nil, "", failed
		}
		if errors.Is(err, kerr.RebootstrapRequired) {
			c.Rebootstrap("a broker demands it")
		} else {
			c.forgetUnreachable()
		}
	}
}

// candidates are the addresses to ask, and whether they are those of known brokers. Names that cannot be resolved are
// noted as failed.
func (c *Client) candidates(ctx context.Context, failed *UnreachableError) (addresses []string, known bool) {
	c.mu.Lock()
	addresses = slices.AppendSeq(addresses, maps.Values(c.mu.known))
	former := c.mu.former
	c.mu.Unlock()
	if len(addresses) > 0 {
		return addresses, true
	}
	for _, name := range c.config.Bootstrap {
		if c.config.Resolve == nil {
			addresses = append(addresses, name)
			continue
		}
		resolved, err := c.config.Resolve(ctx, name)
		if err != nil {
			failed.Attempts = append(failed.Attempts, Attempt{Address: name, Err: err})
		}
		addresses = append(addresses, resolved...)
	}
	return append(addresses, former...), false
}

// askEach asks the addresses in turn, those of them that this request has not tried.
func (c *Client) askEach(ctx context.Context, request kmsg.Request, addresses []string, tried map[string]struct{},
	failed *UnreachableError,
) (kmsg.Response, string, error) {
	order := c.order(addresses, tried)
	for i, address := range order {
		tried[address] = struct{}{}
		response, err := c.tryLine(ctx, address, request, i == len(order)-1)
		if err == nil {
			return response, address, nil
		}
		failed.Attempts = append(failed.Attempts, Attempt{Address: address, Err: err})
		if errors.Is(err, ErrClosed) {
			return nil, "", err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", failed
}

// order sorts addresses by how likely they are to answer soon, and leaves out repeated ones and those already tried.
func (c *Client) order(addresses []string, tried map[string]struct{}) []string {
	addresses = slices.DeleteFunc(slices.Clone(addresses), func(a string) bool {
		_, ok := tried[a]
		return ok
	})
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	c.config.Chance.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(addresses, func(a, b string) int {
		return cmp.Or(
			cmp.Compare(c.idlenessLocked(a), c.idlenessLocked(b)),
			c.failedAtLocked(a).Compare(c.failedAtLocked(b)),
		)
	})
	return addresses
}

// idlenessLocked ranks an address: connected and idle, connected and busy, not connected, throttled.
func (c *Client) idlenessLocked(address string) int {
	switch l := c.mu.lines[address]; {
	case l == nil:
		return 2
	case time.Until(l.throttledUntil) > 0:
		return 3
	case l.conn == nil:
		return 2
	case l.users > 0:
		return 1
	}
	return 0
}

// failedAtLocked is when an address last failed since it last worked; never is the zero time.
func (c *Client) failedAtLocked(address string) time.Time {
	if l := c.mu.lines[address]; l != nil {
		return l.failedAt
	}
	return time.Time{}
}

// SetBrokers makes the brokers of an answer, ids with addresses, the known ones; the map must not change afterwards.
// Idle connections to addresses that are none of theirs are closed, busy ones when they are done: the request for the
// producer id may be under way on the first connection.
func (c *Client) SetBrokers(brokers map[int32]string) {
	c.mu.Lock()
	if maps.Equal(brokers, c.mu.known) {
		c.mu.Unlock()
		return
	}
	c.mu.known, c.mu.former = brokers, nil
	live := make(map[string]bool, len(brokers))
	for _, address := range brokers {
		live[address] = true
	}
	var conns []Requester
	for address := range c.mu.lines {
		if !live[address] {
			conns = append(conns, c.retireLocked(address)...)
		}
	}
	c.mu.Unlock()
	for _, conn := range conns {
		conn.Close(nil)
	}
}

// Rebootstrap forgets the brokers, so that the next request starts from the bootstrap list over new connections. Requests
// in flight are not disturbed. It does nothing if no brokers are known, or if Config.KeepBrokers forbids it.
func (c *Client) Rebootstrap(reason string) {
	c.mu.Lock()
	if len(c.mu.known) == 0 || c.config.KeepBrokers {
		c.mu.Unlock()
		return
	}
	c.mu.known, c.mu.former = nil, nil
	var conns []Requester
	for address := range c.mu.lines {
		conns = append(conns, c.retireLocked(address)...)
	}
	c.mu.Unlock()
	for _, conn := range conns {
		conn.Close(nil)
	}
	c.countRebootstrap(reason)
}

// Trouble says what keeps requests from being answered at this moment, before they have failed: how far dialing came, how
// long a broker has been silent, how other addresses failed last. It is an *UnreachableError, or nil if nothing is under
// way and nothing failed.
func (c *Client) Trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	trouble := &UnreachableError{}
	for _, address := range slices.Sorted(maps.Keys(c.mu.lines)) {
		if err := c.mu.lines[address].troubleLocked(); err != nil {
			trouble.Attempts = append(trouble.Attempts, Attempt{Address: address, Err: err})
		}
	}
	if len(trouble.Attempts) == 0 {
		return nil
	}
	return trouble
}

// Rebootstraps counts the ways back to the bootstrap list.
func (c *Client) Rebootstraps() uint64 { return c.rebootstraps.Load() }

// forgetUnreachable forgets brokers of which none can be reached, but keeps their addresses for a last try.
func (c *Client) forgetUnreachable() {
	c.mu.Lock()
	known := c.mu.known
	if len(known) > 0 {
		c.mu.former = slices.Collect(maps.Values(known))
		c.mu.known = nil
	}
	c.mu.Unlock()
	if len(known) > 0 {
		c.countRebootstrap(fmt.Sprintf("none of %d known brokers can be reached", len(known)))
	}
}

// countRebootstrap counts, and logs the 1st, 2nd, 4th, 8th and so on: brokers that advertise addresses which cannot be
// reached from here make one of every refresh.
func (c *Client) countRebootstrap(reason string) {
	if n := c.rebootstraps.Add(1); n&(n-1) == 0 {
		c.config.Logger.Warn("back to the bootstrap brokers", "reason", reason, "bootstrap", c.config.Bootstrap, "times", n)
	}
}
