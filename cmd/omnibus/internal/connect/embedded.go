package connect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/embedded"
)

const (
	// holderWait is how long to wait for another process to say where its broker listens: it may just be starting.
	holderWait = 3 * time.Second
	// holderPoll is how often to ask.
	holderPoll = 50 * time.Millisecond
)

// embed starts the broker over the directory, or finds the one that another process runs over it. It listens on the
// loopback without TLS and SASL, whatever the configuration says of other clusters.
func (t *Target) embed(ctx context.Context, dir string, factory *cli.Factory) error {
	if _, err := t.Config.Set("security.protocol", "PLAINTEXT"); err != nil {
		return cli.Usage(err)
	}
	if dir == "" {
		var err error
		if dir, err = DataDir(factory.Getenv, runtime.GOOS); err != nil {
			return cli.Usage(err)
		}
	}
	broker, err := openEmbedded(ctx, embedded.Config{Dir: dir, Logger: factory.Logger()})
	if inUse, ok := errors.AsType[*embedded.InUseError](err); ok && inUse.Addr != "" {
		fmt.Fprintf(factory.IO.Err, "omnibus: using the embedded broker of process %d (%s)\n", inUse.PID, inUse.Addr)
		t.Config.Brokers = []string{inUse.Addr}
		t.Cluster = fmt.Sprintf("embedded broker at %s, of process %d", dir, inUse.PID)
		t.Attached = true
		return nil
	}
	if err != nil {
		return cli.Fatal(err)
	}
	t.broker = broker
	t.Config.Brokers = []string{broker.Addr()}
	t.Cluster = "embedded broker at " + dir
	return nil
}

// openEmbedded opens the broker. It asks again for as long as the directory's holder may still say where it listens, or
// end.
func openEmbedded(ctx context.Context, cfg embedded.Config) (*embedded.Broker, error) {
	ctx, cancel := context.WithTimeout(ctx, holderWait)
	defer cancel()
	ticker := time.NewTicker(holderPoll)
	defer ticker.Stop()
	for {
		broker, err := embedded.Open(cfg)
		inUse, ok := errors.AsType[*embedded.InUseError](err)
		if !ok || inUse.Addr != "" {
			return broker, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// DataDir is where the embedded broker keeps its records unless --data says otherwise: omnibus/broker in the directory
// that the operating system (goos, as runtime.GOOS names it) has for a user's data.
func DataDir(getenv func(string) string, goos string) (string, error) {
	var bases []string
	switch goos {
	case "windows":
		bases = []string{getenv("LocalAppData")}
	case "darwin":
		bases = []string{below(getenv("HOME"), "Library", "Application Support")}
	default:
		bases = []string{getenv("XDG_DATA_HOME"), below(getenv("HOME"), ".local", "share")}
	}
	for _, base := range bases {
		if base != "" {
			return filepath.Join(base, "omnibus", "broker"), nil
		}
	}
	return "", errors.New("the environment names no home directory: say with --data where the embedded broker keeps its records")
}

// below joins a path to its base, unless there is no base.
func below(base string, path ...string) string {
	if base == "" {
		return ""
	}
	return filepath.Join(append([]string{base}, path...)...)
}
