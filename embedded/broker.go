package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

// clusterID is the cluster's name in metadata, the same for every embedded broker.
const clusterID = "omnibus-embedded"

// Broker is a running broker: one node, listening. It is safe for use by many goroutines.
type Broker struct {
	config    Config
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
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		return start(cfg.withDefaults(), nil)
	}
	dir, err := openDirectory(cfg.Dir)
	if err != nil {
		return nil, err
	}
	broker, err := startOver(cfg, dir)
	if err != nil {
		return nil, errors.Join(err, dir.release())
	}
	return broker, nil
}

// startOver runs the broker over a directory that is locked already.
func startOver(cfg Config, dir *directory) (*Broker, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg, err := dir.keepSettings(cfg)
	if err != nil {
		return nil, err
	}
	if err := dir.begin(cfg.Logger); err != nil {
		return nil, err
	}
	return start(cfg, dir)
}

// start runs the broker over a directory that is ready, or over none.
func start(cfg Config, dir *directory) (*Broker, error) {
	topics := newTopicNames()
	separator := &producerSeparator{topics: topics}
	var durable *entrySyncer
	if dir != nil {
		separator.dir = dir.logPath()
		if !cfg.NoSync {
			durable = newEntrySyncer(dir.logPath(), topics)
		}
	}
	server, err := newServer(cfg, topics, durable)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		config:    cfg,
		server:    server,
		directory: dir,
		log:       &clusterLog{logger: cfg.Logger, onDiskError: server.fail},
		stop:      make(chan struct{}),
	}
	if b.cluster, err = kfake.NewCluster(b.options()...); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: start: %w", err), server.Close())
	}
	(&topicGuard{cluster: b.cluster, partitionsDefault: cfg.PartitionsDefault, logger: cfg.Logger}).install()
	separator.cluster = b.cluster
	separator.install()
	if dir != nil {
		if err := errors.Join(logdir.SyncDir(dir.path), dir.announce(b.Addr())); err != nil {
			b.cluster.Close()
			return nil, err
		}
	}
	b.server.open()
	b.janitor.Go(b.applyRetention)
	return b, nil
}

func (b *Broker) options() []kfake.Opt {
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(clusterID),
		kfake.DefaultNumPartitions(b.config.PartitionsDefault),
		kfake.MaxVersions(servedVersions()),
		kfake.WithLogger(b.log),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.server, nil }),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms":       strconv.FormatInt(b.config.retentionMillis(), 10),
			"log.retention.bytes":    strconv.FormatInt(b.config.RetentionBytes, 10),
			"log.cleaner.backoff.ms": tickerNever,
			// What topicGuard does, for clients that ask before they rely on it.
			"auto.create.topics.enable": "true",
			"num.partitions":            strconv.Itoa(b.config.PartitionsDefault),
		}),
	}
	if b.directory != nil {
		options = append(options, kfake.DataDir(b.directory.logPath()))
		if !b.config.NoSync {
			options = append(options, kfake.SyncWrites())
		}
	}
	return options
}

// servedVersions are those of the newest Kafka that kfake knows, without DescribeTopicPartitions: Kafka's own AdminClient
// cannot read kfake's answer to it (NullPointerException), and without it asks for metadata instead.
func servedVersions() *kversion.Versions {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.DescribeTopicPartitions), -1)
	return versions
}

// Addr is the host:port that clients connect to.
func (b *Broker) Addr() string { return b.server.Addr().String() }

// Done is closed when the broker no longer serves: after Close, or after the disk failed (see Err).
func (b *Broker) Done() <-chan struct{} { return b.server.closed }

// Err is the disk error that stopped the broker, or nil.
func (b *Broker) Err() error { return b.server.failure() }

// Config is what the broker runs with: the configuration it was opened with, with what the directory kept and the defaults
// in place of zeros.
func (b *Broker) Config() Config { return b.config }

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

// isDiskError recognizes the lines that kfake writes when it could not append a batch, or not save the table of topics,
// without which the next start would not find the batches.
func isDiskError(format string) bool {
	return strings.HasPrefix(format, "persist batch") || format == "persist %s: %v"
}

// Logf implements kfake.Logger. For a failed append it is called before the answer to the client is written, which is
// what lets onDiskError hold that answer back.
func (l *clusterLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn || level == kfake.LogLevelNone {
		return
	}
	line := fmt.Sprintf(format, args...)
	if isDiskError(format) {
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
