package lines

import (
	"errors"
	"io"
)

const (
	// chunkBytes is how much is read at once: enough to make system calls rare, little enough to stay in the cache.
	chunkBytes = 256 << 10
	// chunkCount is one chunk being handed out, one ready and one being read.
	chunkCount = 3
)

// chunk is a piece of one source.
type chunk struct {
	bytes  []byte // a slice of chunkBytes capacity; empty only together with end
	source int
	end    bool  // no more of this source follows
	err    error // why it ended, if not by its end
	broken any   // the panic of a source, to go on in the goroutine that reads
}

// pump reads ahead in a goroutine of its own.
type pump struct {
	sources []Source
	repeat  uint64
	full    chan chunk
	free    chan []byte
	stopped chan struct{}
}

func startPump(sources []Source, repeat uint64) *pump {
	p := &pump{
		sources: sources,
		repeat:  repeat,
		full:    make(chan chunk, chunkCount),
		free:    make(chan []byte, chunkCount),
		stopped: make(chan struct{}),
	}
	for range chunkCount {
		p.free <- make([]byte, chunkBytes)
	}
	go p.run()
	return p
}

// run reads every source to its end, as often as it is wanted.
func (p *pump) run() {
	defer close(p.full)
	for range p.repeat {
		for i := range p.sources {
			if !p.source(i) {
				return
			}
		}
	}
}

// source reads source i to its end and reports whether to go on.
func (p *pump) source(i int) bool {
	for {
		var buffer []byte
		select {
		case buffer = <-p.free:
		case <-p.stopped:
			return false
		}
		c := p.read(i, buffer)
		select {
		case p.full <- c:
		case <-p.stopped:
			return false
		}
		if c.end {
			return true
		}
	}
}

// read fills the buffer with whatever one read of source i brings.
func (p *pump) read(i int, buffer []byte) (c chunk) {
	defer func() {
		if broken := recover(); broken != nil {
			c = chunk{source: i, end: true, broken: broken}
		}
	}()
	reader := p.sources[i].Reader
	n, err := reader.Read(buffer[:chunkBytes])
	c = chunk{bytes: buffer[:n], source: i}
	if err == nil {
		return c
	}
	c.end = true
	if !errors.Is(err, io.EOF) {
		c.err = err
	}
	if closer, ok := reader.(io.Closer); ok {
		if err := closer.Close(); c.err == nil {
			c.err = err
		}
	}
	return c
}

// giveBack returns a chunk's buffer for further reading.
func (p *pump) giveBack(c chunk) {
	select {
	case p.free <- c.bytes[:0]:
	case <-p.stopped:
	}
}

// stop ends the pump as soon as its current read returns.
func (p *pump) stop() { close(p.stopped) }
