package sender

import (
	"sync"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
)

// encoding is what a worker made of a batch.
type encoding struct {
	// spare are the slabs that the compressed records no longer need.
	spare *bufferpool.Slab
	// before and after are the sizes of the records in bytes.
	before, after int
	// err means that the records stay uncompressed.
	err error
}

// encoders compress batches on workers of their own, so that neither the send loop nor a connection waits for it.
// Workers start with the first batches and end with the producer.
type encoders struct {
	workersMax int
	done       func(r *core.Request, b *batch.Batch, e encoding)
	workers    sync.WaitGroup

	mu struct {
		sync.Mutex
		jobs    []encodeJob
		ready   *sync.Cond
		running int
		idle    int
		stopped bool
	}
}

// encodeJob is a batch to compress.
type encodeJob struct {
	request *core.Request
	batch   *batch.Batch
	codec   compress.Codec
	level   compress.Level
}

// newEncoders returns encoders that call done, on the worker, for each batch.
func newEncoders(workersMax int, done func(*core.Request, *batch.Batch, encoding)) *encoders {
	e := &encoders{workersMax: workersMax, done: done}
	e.mu.ready = sync.NewCond(&e.mu)
	return e
}

// encode queues a batch. It never blocks.
func (e *encoders) encode(r *core.Request, b *batch.Batch, t core.TopicConfig) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.jobs = append(e.mu.jobs, encodeJob{r, b, t.Codec, t.Level})
	if e.mu.idle == 0 && e.mu.running < e.workersMax {
		e.mu.running++
		e.workers.Add(1)
		go e.work()
		return
	}
	e.mu.ready.Signal()
}

// stop ends the workers once they are done with what is queued.
func (e *encoders) stop() {
	e.mu.Lock()
	e.mu.stopped = true
	e.mu.ready.Broadcast()
	e.mu.Unlock()
	e.workers.Wait()
}

// compressorKey tells a worker's compressors apart.
type compressorKey struct {
	codec compress.Codec
	level compress.Level
}

// work is a worker: it owns its compressors and its scratch.
func (e *encoders) work() {
	defer e.workers.Done()
	compressors := make(map[compressorKey]*compress.Compressor)
	var scratch batch.Scratch
	for {
		job, ok := e.take()
		if !ok {
			return
		}
		out := encoding{before: job.batch.Bytes()}
		c, err := compressorFor(compressors, compressorKey{job.codec, job.level})
		if err == nil {
			out.spare, err = job.batch.Compress(c, &scratch)
		}
		out.after, out.err = job.batch.Bytes(), err
		job.batch.Seal()
		e.done(job.request, job.batch, out)
	}
}

// take waits for a batch; false means that there will be none.
func (e *encoders) take() (encodeJob, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.mu.jobs) == 0 {
		if e.mu.stopped {
			return encodeJob{}, false
		}
		e.mu.idle++
		e.mu.ready.Wait()
		e.mu.idle--
	}
	job := e.mu.jobs[0]
	e.mu.jobs[0] = encodeJob{}
	e.mu.jobs = e.mu.jobs[1:]
	return job, true
}

// compressorFor returns the worker's compressor for a codec and level, made at first use.
func compressorFor(known map[compressorKey]*compress.Compressor, key compressorKey) (*compress.Compressor, error) {
	if c := known[key]; c != nil {
		return c, nil
	}
	c, err := compress.New(key.codec, key.level)
	if err == nil {
		known[key] = c
	}
	return c, err
}
