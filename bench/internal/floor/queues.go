package floor

import "sync"

// store is the memory of all batches: who finds none waits. The batch that came back last is the first to be used again,
// because its bytes are the likeliest to lie in a cache.
type store struct {
	mu struct {
		sync.Mutex
		free []*batch
		left int    // batches that were not made yet
		life uint64 // of the next batch that is taken
	}
	returned   sync.Cond
	batchBytes int
}

func (s *store) init(batches, batchBytes int) {
	s.returned.L = &s.mu
	s.mu.left, s.batchBytes = batches, batchBytes
}

func (s *store) take() *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.mu.free) == 0 && s.mu.left == 0 {
		s.returned.Wait()
	}
	s.mu.life++
	if n := len(s.mu.free); n > 0 {
		b := s.mu.free[n-1]
		s.mu.free = s.mu.free[:n-1]
		b.opening = s.mu.life
		return b
	}
	s.mu.left--
	return &batch{bytes: make([]byte, 0, s.batchBytes), opening: s.mu.life}
}

func (s *store) give(batches []*batch) {
	s.mu.Lock()
	s.mu.free = append(s.mu.free, batches...)
	s.mu.Unlock()
	s.returned.Broadcast()
}

// openings are the batches that were opened, in this order, so that the oldest can be found without looking at all lanes.
// A batch that was full before its linger was over is still in here, and is recognized by its life.
type openings struct {
	mu struct {
		sync.Mutex
		all []opening
	}
	due []opening
}

type opening struct {
	lane *lane
	life uint64
	at   int64
}

func (o *openings) add(b *batch) {
	o.mu.Lock()
	o.mu.all = append(o.mu.all, opening{b.lane, b.opening, b.base})
	o.mu.Unlock()
}

// until takes out what was opened up to a moment. The result is good until the next call.
func (o *openings) until(moment int64) []opening {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.mu.all) && o.mu.all[n].at <= moment {
		n++
	}
	o.due = append(o.due[:0], o.mu.all[:n]...)
	o.mu.all = append(o.mu.all[:0], o.mu.all[n:]...)
	return o.due
}

// queue is the batches that are ready, those of a partition in their order.
type queue struct {
	wake chan struct{} // something changed that may let a request leave
	mu   struct {
		sync.Mutex
		batches []*batch
		bytes   int
		hurry   bool // what is here must not wait any longer
	}
}

// put adds a batch. The sender is woken if there is a reason to leave.
func (q *queue) put(p *Producer, b *batch) {
	q.mu.Lock()
	q.mu.batches = append(q.mu.batches, b)
	q.mu.bytes += len(b.bytes)
	enough := q.mu.bytes >= p.config.RequestBytesMax
	q.mu.Unlock()
	if enough || p.flying.Load() == 0 {
		q.rouse()
	}
}

// hurry makes what is ready leave without waiting for more.
func (q *queue) hurry() {
	q.mu.Lock()
	q.mu.hurry = len(q.mu.batches) > 0
	q.mu.Unlock()
	q.rouse()
}

func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
}

// take fills a request: every ready batch up to its size, one of each partition. Nothing leaves while requests are in
// flight, unless it is a whole request or must hurry.
func (q *queue) take(p *Producer, into []*batch) []*batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.mu.batches) == 0 || q.mu.bytes < p.config.RequestBytesMax && !q.mu.hurry && p.flying.Load() > 0 {
		return into
	}
	bytes, stay := 0, q.mu.batches[:0]
	for i, b := range q.mu.batches {
		if bytes > 0 && bytes+len(b.bytes) > p.config.RequestBytesMax {
			stay = append(stay, q.mu.batches[i:]...)
			break
		}
		if b.lane.aboard {
			stay = append(stay, b)
			continue
		}
		b.lane.aboard = true
		bytes += len(b.bytes)
		into = append(into, b)
	}
	clear(q.mu.batches[len(stay):])
	q.mu.batches = stay
	q.mu.bytes -= bytes
	q.mu.hurry = q.mu.hurry && len(stay) > 0
	for _, b := range into {
		b.lane.aboard = false
	}
	return into
}
