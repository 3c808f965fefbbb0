package floor

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config is all that can be chosen.
type Config struct {
	// Broker is the one broker there is, "host:port".
	Broker string
	// Topics are those that records can go to.
	Topics []string
	// Linger is how long a record waits for company.
	Linger time.Duration
	// BatchBytesMax bounds a batch, RequestBytesMax a request, BufferBytes the memory of all batches.
	BatchBytesMax, RequestBytesMax, BufferBytes int
	// InFlight is how many requests may wait for their answers.
	InFlight int
	// Callback is told the outcome of every record.
	Callback func(error)
	// Broken is told why nothing can be sent any more, if that is not for Close.
	Broken func(error)
}

// The sizes of batches that a Producer chooses from, see Config.batchBytes.
const (
	batchBytesBest = 512 << 10
	batchBytesMin  = 2 << 10
)

// batchBytes is the memory of a batch: what came out cheapest, but little enough that every partition can have one open
// and one on its way.
func (c *Config) batchBytes(partitions int) int {
	return max(batchBytesMin, min(batchBytesBest, c.BatchBytesMax, c.BufferBytes/(2*partitions)))
}

// Producer sends records to the leader of all partitions. Enqueue and Flush are for any goroutine.
type Producer struct {
	config     Config
	batchBytes int
	topics     []*topic
	lanes      []*lane // of all topics, in the order of a request
	producerID int64
	conn       net.Conn

	millis  atomic.Int64 // the coarse clock: Unix time
	store   store
	open    openings
	ready   queue
	flying  atomic.Int32  // requests in flight
	flights chan *flight  // to the reader, in the order of the requests
	idle    chan *flight  // from the reader, to be used again: one for each request that may be in flight
	done    chan struct{} // closed by Close
	running sync.WaitGroup
}

// topic is a topic's lanes and the one that records without a key go to for now.
type topic struct {
	id     [16]byte
	lanes  []*lane
	sticky atomic.Uint32 // grows by one with each batch
}

// Open connects to the broker and asks for what a producer has to know: topic ids, partitions, a producer id.
func Open(config Config) (*Producer, error) {
	conn, err := net.Dial("tcp", config.Broker)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		config: config, conn: conn, done: make(chan struct{}),
		flights: make(chan *flight, config.InFlight), idle: make(chan *flight, config.InFlight),
	}
	if err := p.introduce(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("floor: %w", err)
	}
	p.batchBytes = config.batchBytes(len(p.lanes))
	p.store.init(config.BufferBytes/p.batchBytes, p.batchBytes)
	for range config.InFlight {
		p.idle <- new(flight)
	}
	p.ready.wake = make(chan struct{}, 1)
	p.tick()
	p.running.Go(p.keepTime)
	p.running.Go(p.send)
	p.running.Go(p.read)
	return p, nil
}

// Enqueue copies a record into the batch of its partition. It waits while there is no memory for another batch.
func (p *Producer) Enqueue(topic int, key, value []byte) error {
	if size := sizeMax(key, value); size > p.batchBytes-headerBytes {
		return fmt.Errorf("floor: a record of up to %d bytes does not fit in a batch of %d", size, p.batchBytes)
	}
	t := p.topics[topic]
	if key != nil {
		l := t.lanes[int(murmur2(key)&0x7fffffff)%len(t.lanes)]
		for !l.add(p, key, value) {
		}
		return nil
	}
	for {
		turn := t.sticky.Load()
		if t.lanes[int(turn)%len(t.lanes)].add(p, nil, value) {
			return nil
		}
		t.sticky.CompareAndSwap(turn, turn+1) // that batch was full: another partition's turn
	}
}

// Flush sends what lingers. It does not wait for outcomes.
func (p *Producer) Flush() {
	for _, l := range p.lanes {
		l.close(p, 0)
	}
	p.ready.hurry()
}

// Close ends the connection and returns when no goroutine is left. What was not acknowledged by then has no outcome, and
// Enqueue must not be called any more.
func (p *Producer) Close() {
	close(p.done)
	p.conn.Close()
	p.running.Wait()
}

// keepTime advances the clock, and closes the batches whose linger is over.
func (p *Producer) keepTime() {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
		p.tick()
		overdue := p.open.until(p.millis.Load() - p.config.Linger.Milliseconds())
		for _, o := range overdue {
			o.lane.close(p, o.life)
		}
		if len(overdue) > 0 {
			p.ready.hurry()
		}
	}
}

func (p *Producer) tick() { p.millis.Store(time.Now().UnixMilli()) }
