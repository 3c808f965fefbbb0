package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// retentionInterval is how often old records are dropped and compacted topics compacted.
const retentionInterval = 5 * time.Minute

// clusterID is the cluster's name in metadata, the same for every embedded broker.
const clusterID = "omnibus-embedded"

// Broker is a running broker: one node, listening. It is safe for use by many goroutines.
type Broker struct {
	server    *server
	cluster   *kfake.Cluster
	directory *directory // nil in memory
	log       *clusterLog
	stop      chan struct{}
	janitor   sync.WaitGroup

	closeOnce sync.Once
	closeErr  error
}

// Open starts a broker and returns once clients can connect. The error is an *InUseError if another process has Dir
// open, or names every mistake in cfg.
func Open(cfg Config) (*Broker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		return start(cfg, nil)
	}
	dir, err := openDirectory(cfg.Dir)
	if err != nil {
		return nil, err
	}
	broker, err := start(cfg, dir)
	if err != nil {
		return nil, errors.Join(err, dir.release())
	}
	return broker, nil
}

// start runs the broker over a directory that is locked already, or over none.
func start(cfg Config, dir *directory) (*Broker, error) {
	if dir != nil {
		unclean, err := dir.begin()
		if err != nil {
			return nil, err
		}
		if unclean {
			cfg.Logger.Warn("embedded broker: the last run did not stop cleanly: every acknowledged record is kept, but a "+
				"producer that still resends from then may write a record twice", "directory", cfg.Dir)
		}
	}
	server, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		server:    server,
		directory: dir,
		log:       &clusterLog{logger: cfg.Logger, onDiskError: server.fail},
		stop:      make(chan struct{}),
	}
	if b.cluster, err = kfake.NewCluster(b.options(cfg)...); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: start: %w", err), server.Close())
	}
	(&topicCreator{cluster: b.cluster, logger: cfg.Logger}).install()
	if dir != nil {
		if err := dir.announce(b.Addr()); err != nil {
			b.cluster.Close()
			return nil, err
		}
	}
	b.janitor.Go(b.applyRetention)
	return b, nil
}

func (b *Broker) options(cfg Config) []kfake.Opt {
	retention := "-1"
	if cfg.Retention != None {
		retention = strconv.FormatInt(cfg.Retention.Milliseconds(), 10)
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(clusterID),
		kfake.DefaultNumPartitions(cfg.PartitionsDefault),
		kfake.WithLogger(b.log),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.server, nil }),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms":    retention,
			"log.retention.bytes": strconv.FormatInt(cfg.RetentionBytes, 10),
			// What topicCreator does, for clients that ask before they rely on it.
			"auto.create.topics.enable": "true",
			"num.partitions":            strconv.Itoa(cfg.PartitionsDefault),
		}),
	}
	if b.directory != nil {
		options = append(options, kfake.DataDir(b.directory.logPath()))
		if !cfg.NoSync {
			options = append(options, kfake.SyncWrites())
		}
	}
	return options
}

// Addr is the host:port that clients connect to.
func (b *Broker) Addr() string { return b.server.Addr().String() }

// Done is closed when the broker no longer serves: after Close, or after the disk failed (see Err).
func (b *Broker) Done() <-chan struct{} { return b.server.closed }

// Err is the disk error that stopped the broker, or nil.
func (b *Broker) Err() error { return b.server.failure() }

// applyRetention drops old records and compacts, for as long as the broker runs.
func (b *Broker) applyRetention() {
	ticker := time.NewTicker(retentionInterval)
	defer ticker.Stop()
	b.cluster.Compact()
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
			b.cluster.Compact()
		}
	}
}

// Close stops listening, writes the broker's state to the directory, marks the stop as a clean one and gives the
// directory up. Requests that were not answered by then are dropped. The error says what could not be written; the
// records themselves were written before. Close may be called more than once and returns the same.
func (b *Broker) Close() error {
	b.closeOnce.Do(func() {
		close(b.stop)
		b.janitor.Wait()
		failed := b.Err()
		b.log.watchErrors()
		b.cluster.Close()
		if b.directory == nil {
			return
		}
		b.closeErr = errors.Join(failed, b.log.firstError())
		if b.closeErr == nil {
			b.closeErr = b.directory.markClean()
		}
		b.closeErr = errors.Join(b.closeErr, b.directory.release())
	})
	return b.closeErr
}

// clusterLog carries kfake's log lines on, and notices the ones that mean more than a line: kfake reports a batch that
// could not be written, and a state that could not be saved, nowhere else.
type clusterLog struct {
	logger      *slog.Logger
	onDiskError func(error)

	mu struct {
		sync.Mutex
		watching bool
		first    error
	}
}

// diskErrorPrefix begins each line that kfake writes when it could not append a batch.
const diskErrorPrefix = "persist batch"

// Logf implements kfake.Logger. For a failed append it is called before the answer to the client is written, which is
// what lets onDiskError hold that answer back.
func (l *clusterLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn || level == kfake.LogLevelNone {
		return
	}
	line := fmt.Sprintf(format, args...)
	if strings.HasPrefix(format, diskErrorPrefix) {
		l.onDiskError(fmt.Errorf("embedded: the disk failed, nothing more is acknowledged: %s", line))
	}
	if level == kfake.LogLevelError {
		l.keep(line)
		l.logger.Error("embedded broker: " + line)
		return
	}
	l.logger.Warn("embedded broker: " + line)
}

func (l *clusterLog) keep(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.watching && l.mu.first == nil {
		l.mu.first = fmt.Errorf("embedded: stop: %s", line)
	}
}

// watchErrors begins to keep error lines for firstError.
func (l *clusterLog) watchErrors() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.watching = true
}

// firstError is the first error line since watchErrors, or nil.
func (l *clusterLog) firstError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.first
}
