package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// None is the value that switches off a bound in Config whose own zero means "the default".
const None = -1

const (
	defaultListen     = "127.0.0.1:0"
	defaultPartitions = 6
	defaultRetention  = 7 * 24 * time.Hour
	partitionsMax     = 10_000
)

// Config says how to run a Broker. Its zero value is a broker in memory on a free loopback port.
type Config struct {
	// Dir is where topics are kept, created if it is not there. Empty means in memory, gone with Close.
	Dir string
	// Listen is the TCP address, host:port; the default is 127.0.0.1:0, a free port. An address that other machines can
	// reach is refused unless UnsafeListen is set.
	Listen string
	// Advertise is the host:port that clients are told to connect to; the default is the address listened on. It is
	// required where Listen names no host (":9092", "0.0.0.0:9092"), because nobody can connect to that.
	Advertise string
	// PartitionsDefault is the number of partitions of a topic that is created on first use, or without a number.
	// Zero is what Dir was last opened with, at first 6; range 1 to 10,000; Kafka's num.partitions.
	PartitionsDefault int
	// Retention is how long a record is kept in a topic without a retention.ms of its own. Zero is what Dir was last
	// opened with, at first 7 days as in Kafka (log.retention.ms); None keeps records for ever. It is applied every five
	// minutes, and not to compacted topics; a partition's last batch stays.
	Retention time.Duration
	// RetentionBytes is how much a partition without a retention.bytes of its own keeps. Zero is what Dir was last opened
	// with, at first no bound as in Kafka (log.retention.bytes); None is no bound.
	RetentionBytes int64
	// NoSync acknowledges records that the operating system has but the disk may not: a crash of the process loses
	// nothing, a crash of the machine may. It is several times faster.
	NoSync bool
	// UnsafeListen allows an address that other machines can reach. There is no authentication and no encryption:
	// everybody who reaches the port can read, write and delete everything.
	UnsafeListen bool
	// Logger takes warnings, such as an unclean start, and dropped connections. The default logs nothing.
	Logger *slog.Logger
}

// Validate reports all mistakes at once, each by the name of its field, as Open would. It opens nothing.
func (c Config) Validate() error {
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	return errors.Join(c.checkNumbers(), c.checkAddresses())
}

// withDefaults returns the configuration with defaults in place of zeros.
func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.PartitionsDefault == 0 {
		c.PartitionsDefault = defaultPartitions
	}
	if c.Retention == 0 {
		c.Retention = defaultRetention
	}
	if c.RetentionBytes == 0 {
		c.RetentionBytes = None
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// retentionMillis is Retention in milliseconds, -1 for ever, as Kafka writes it.
func (c Config) retentionMillis() int64 {
	if c.Retention == None {
		return -1
	}
	return c.Retention.Milliseconds()
}

func (c Config) checkNumbers() error {
	var errs []error
	if c.PartitionsDefault < 0 || c.PartitionsDefault > partitionsMax {
		errs = append(errs, fmt.Errorf("embedded: PartitionsDefault is %d, want 1 to %d, or 0 for the default", c.PartitionsDefault, partitionsMax))
	}
	if c.Retention != None && c.Retention != 0 && c.Retention < time.Millisecond {
		errs = append(errs, fmt.Errorf("embedded: Retention is %v, want at least 1ms, or None to keep records for ever", c.Retention))
	}
	if c.RetentionBytes < None {
		errs = append(errs, fmt.Errorf("embedded: RetentionBytes is %d, want a size in bytes, or None for no bound", c.RetentionBytes))
	}
	return errors.Join(errs...)
}

func (c Config) checkAddresses() error {
	listen, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("embedded: Listen is %q, want host:port: %w", c.Listen, err)
	}
	if !listen.IP.IsLoopback() && !c.UnsafeListen {
		return fmt.Errorf("embedded: Listen is %q, which other machines can reach, and there is no authentication: "+
			"use 127.0.0.1, or set UnsafeListen", c.Listen)
	}
	if c.Advertise == "" {
		if len(listen.IP) == 0 || listen.IP.IsUnspecified() {
			return fmt.Errorf("embedded: Listen is %q, which names no host that a client could connect to: set Advertise", c.Listen)
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Advertise); err != nil {
		return fmt.Errorf("embedded: Advertise is %q, want host:port: %w", c.Advertise, err)
	}
	return nil
}
