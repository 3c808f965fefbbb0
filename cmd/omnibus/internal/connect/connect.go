// Package connect is how every command finds its cluster: the flags --brokers, --config, -X and --embedded, the
// environment, and the order in which they hold. From the weakest to the strongest:
//
//	defaults < --config FILE < environment < -X name=value < flags
//
// Everything travels under Java's names, so that a flag is nothing but a short way to write a setting. In the environment
// a setting is OMNIBUS_ and its Java name in capitals, with underscores for dots: OMNIBUS_LINGER_MS. Variables that are no
// setting's are left alone, because programs of other makers have that prefix too. The file may be another client's, and -X
// has the names of that client then (package dialect); what they come to is in Java's names again.
package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dialect"
	"github.com/omnibus-kafka/omnibus/embedded"
	"github.com/omnibus-kafka/omnibus/kerberos"
	"github.com/omnibus-kafka/omnibus/keystore"
)

const (
	// variablePrefix begins the names of the environment variables that are settings.
	variablePrefix = "OMNIBUS_"
	// brokersVariable is the short name of the one in place of --brokers.
	brokersVariable = variablePrefix + "BROKERS"
	// configVariable is the one in place of --config.
	configVariable = variablePrefix + "CONFIG"
	// dialectVariable is the one in place of --dialect.
	dialectVariable = variablePrefix + "DIALECT"
)

// settingFlag is where a Setting comes from that -X sets.
const settingFlag = "-X"

// bootstrapServers is the setting behind --brokers.
const bootstrapServers = "bootstrap.servers"

// Flags are the connection flags that every command has.
type Flags struct {
	// Brokers is --brokers, addresses separated by commas.
	Brokers string
	// ConfigFile is --config, a file of Java's client, of librdkafka or of rpk.
	ConfigFile string
	// Dialect is --dialect, the client whose names ConfigFile and Settings have; empty for what the file shows.
	Dialect string
	// Settings are the -X, each name=value.
	Settings []string
	// Embedded is --embedded: a broker in this process.
	Embedded bool
	// Data is --data, the embedded broker's directory; empty for DataDir.
	Data string
}

// AddTo registers the flags with a command.
func (f *Flags) AddTo(flags *pflag.FlagSet) {
	flags.StringVarP(&f.Brokers, "brokers", "b", "", "addresses of the cluster, host:port,… (or "+brokersVariable+")")
	flags.StringVar(&f.ConfigFile, "config", "", "read a `file` of settings: Java's .properties, kcat.conf, rpk.yaml (or "+configVariable+")")
	flags.StringVar(&f.Dialect, "dialect", "", "whose `names` --config and -X have: "+strings.Join(dialect.Names(), ", ")+" (default: as the file shows, else java)")
	flags.StringArrayVarP(&f.Settings, "set", "X", nil, "set a configuration of Java's producer, or of --dialect, `name=value` (repeatable)")
	flags.BoolVar(&f.Embedded, "embedded", false, "use a durable broker inside this process: one node, for development")
	flags.StringVar(&f.Data, "data", "", "`directory` of the embedded broker (default: in the user's data directory)")
}

// Setting is one configuration under its Java name, and where it was said.
type Setting struct {
	Name, Value, Origin string
}

// Target is a cluster that was found.
type Target struct {
	// Config connects to it.
	Config omnibus.Config
	// Notes are what the user should know about the configuration: settings without effect, and the like.
	Notes []string
	// Cluster names the cluster for people.
	Cluster string
	// Attached says that the cluster is the embedded broker of another process, which ends with that process.
	Attached bool

	broker *embedded.Broker // nil unless it runs in this process
}

// Close ends the embedded broker, if there is one.
func (t *Target) Close() error {
	if t.broker == nil {
		return nil
	}
	return t.broker.Close()
}

// End is Close for the end of a command: what goes wrong is joined to the command's error, as fatal.
func (t *Target) End(err *error) {
	if closeErr := t.Close(); closeErr != nil {
		*err = errors.Join(*err, cli.Fatal(closeErr))
	}
}

// Open finds the cluster: it reads the configuration, with overrides as the strongest part, and starts the embedded
// broker if that is asked for. It dials nothing. Errors carry their exit code.
func (f *Flags) Open(ctx context.Context, factory *cli.Factory, overrides ...Setting) (*Target, error) {
	if f.Embedded && f.Brokers != "" {
		return nil, cli.Usage(errors.New("--brokers and --embedded exclude each other: name a cluster, or use the broker in this process"))
	}
	if f.Data != "" && !f.Embedded {
		return nil, cli.Usage(errors.New("--data is the directory of the embedded broker: add --embedded"))
	}
	config, notes, err := f.configure(factory.Getenv, overrides)
	if err != nil {
		return nil, cli.Usage(err)
	}
	config.Logger, config.KeyStore, config.Kerberos = factory.Logger(), keystore.Decode, kerberos.Login
	target := &Target{Config: config, Notes: notes, Cluster: strings.Join(config.Brokers, ",")}
	if f.Embedded {
		if err := target.embed(ctx, f.Data, factory); err != nil {
			return nil, err
		}
	} else if len(config.Brokers) == 0 {
		return nil, cli.Usage(errors.New("no cluster: name one with --brokers host:port, " + brokersVariable +
			", -X bootstrap.servers=host:port or --config FILE, or use --embedded for a broker inside this process"))
	}
	if err := target.Config.Validate(); err != nil {
		return nil, errors.Join(cli.Usage(err), target.Close())
	}
	return target, nil
}

// configure joins file, environment, -X and flags, and reports every mistake in them.
func (f *Flags) configure(getenv func(string) string, overrides []Setting) (config omnibus.Config, notes []string, err error) {
	s, errs := f.gather(getenv)
	notes = s.notes
	if s.file != nil && s.file.dialect == dialect.Java {
		var found []omnibus.Note
		config, found, err = omnibus.ParseProperties(bytes.NewReader(s.file.data))
		for _, note := range found {
			notes = append(notes, fmt.Sprintf("%s: %s", s.file.path, note))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.file.path, err))
		}
	}
	apply := func(settings []Setting) {
		for _, s := range settings {
			note, err := config.Set(s.Name, s.Value)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.Origin, err))
			}
			if note != "" {
				notes = append(notes, fmt.Sprintf("%s: %s: %s", s.Origin, s.Name, note))
			}
		}
	}
	apply(s.below)
	if s.file != nil {
		notes = append(notes, s.file.exposed(config)...)
	}
	apply(slices.Concat(s.environment, s.flags, overrides))
	return config, notes, errors.Join(errs...)
}

// environment lists the settings that the environment makes. An empty variable counts as one that is not set.
func environment(getenv func(string) string) []Setting {
	var settings []Setting
	for _, property := range (omnibus.Config{}).Properties() {
		name := variable(property.Name)
		if value := getenv(name); value != "" {
			settings = append(settings, Setting{property.Name, value, name})
		}
	}
	if brokers := getenv(brokersVariable); brokers != "" {
		settings = append(settings, Setting{bootstrapServers, brokers, brokersVariable})
	}
	return settings
}

// variable is the environment variable of a setting: OMNIBUS_LINGER_MS for linger.ms. The settings that Java does not have
// begin with the prefix already.
func variable(setting string) string {
	name := strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))
	return variablePrefix + strings.TrimPrefix(name, variablePrefix)
}

// Log tells the user the notes.
func (t *Target) Log(logger *slog.Logger) {
	for _, note := range t.Notes {
		logger.Warn(note)
	}
}
