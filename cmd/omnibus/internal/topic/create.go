package topic

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// brokersDefault lets the cluster choose a number.
const brokersDefault = -1

// createOptions are what the command line of `topic create` said.
type createOptions struct {
	request
	partitions        int
	replicationFactor int
	configs           []string
	ifNotExists       bool
}

func newCmdCreate(f *cli.Factory) *cobra.Command {
	o := &createOptions{}
	cmd := &cobra.Command{
		Use:   "create TOPIC…",
		Short: "Create topics",
		Long: `Create topics. Without --partitions and --replication-factor the brokers' own defaults hold (num.partitions and
default.replication.factor). Prints a line for each topic that was created.

` + exitHelp,
		Example: `  omnibus topic create orders --brokers localhost:9092 --partitions 12 --replication-factor 3
  omnibus topic create users --embedded --config cleanup.policy=compact --config max.message.bytes=2097152`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			configs, err := o.checkCreate(args, cmd.Flags().Changed("partitions"), cmd.Flags().Changed("replication-factor"))
			if err != nil {
				return cli.Usage(err)
			}
			return o.do(cmd.Context(), f, func(ctx context.Context, s *session) error { return s.create(ctx, o, configs) })
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.IntVar(&o.partitions, "partitions", 0, "how `many` partitions (default: the brokers' num.partitions)")
	flags.IntVar(&o.replicationFactor, "replication-factor", 0, "how `many` copies of each (default: the brokers' default.replication.factor)")
	flags.BoolVar(&o.ifNotExists, "if-not-exists", false, "a topic that exists already is no failure")
	o.addTo(cmd)
	config := flags.Lookup("config")
	config.Value = &configFlag{file: &o.connect.ConfigFile, topic: &o.configs}
	config.Usage = "`name=value` for a setting of the topic (repeatable), else a file to read: Java's .properties, kcat.conf, rpk.yaml"
	return cmd
}

// configFlag is --config of `topic create`, which means two things: a topic's setting, as for Kafka's own tool, and the
// file that it means everywhere else. The names of settings have no slash, so a file whose name looks like a setting can
// be given as ./name=value.
type configFlag struct {
	file  *string
	topic *[]string
}

var topicSetting = regexp.MustCompile(`^[a-zA-Z0-9._-]+=`)

// Set takes one value of the flag.
func (c *configFlag) Set(text string) error {
	if topicSetting.MatchString(text) {
		*c.topic = append(*c.topic, text)
		return nil
	}
	if *c.file != "" {
		return fmt.Errorf("two files, %s and %s: want one, and settings of the topic as name=value", *c.file, text)
	}
	*c.file = text
	return nil
}

// String is the default, for the help.
func (c *configFlag) String() string { return "" }

// Type is for the help.
func (c *configFlag) Type() string { return "setting" }

// checkCreate judges the command line and returns the topics' settings.
func (o *createOptions) checkCreate(topics []string, partitionsGiven, replicasGiven bool) (map[string]*string, error) {
	errs := []error{o.check(topics)}
	switch {
	case !partitionsGiven:
		o.partitions = brokersDefault
	case o.partitions < 1 || o.partitions > math.MaxInt32:
		errs = append(errs, fmt.Errorf("--partitions is %d, want 1 to %d", o.partitions, math.MaxInt32))
	}
	switch {
	case !replicasGiven:
		o.replicationFactor = brokersDefault
	case o.replicationFactor < 1 || o.replicationFactor > math.MaxInt16:
		errs = append(errs, fmt.Errorf("--replication-factor is %d, want 1 to the number of brokers", o.replicationFactor))
	}
	configs := make(map[string]*string)
	for _, text := range o.configs {
		name, value, _ := strings.Cut(text, "=")
		configs[name] = &value
	}
	return configs, errors.Join(errs...)
}

// createdTopic is a line of the output.
type createdTopic struct {
	Topic             string `json:"topic"`
	ID                string `json:"id,omitempty"`
	Created           bool   `json:"created"`
	Partitions        int32  `json:"partitions,omitempty"`
	ReplicationFactor int16  `json:"replication_factor,omitempty"`
}

// create makes the topics and tells which were made.
func (s *session) create(ctx context.Context, o *createOptions, configs map[string]*string) error {
	answers, err := s.client.CreateTopics(ctx, int32(o.partitions), int16(o.replicationFactor), configs, o.topics...)
	if err != nil {
		return fmt.Errorf("create topics on %s: %w", s.cluster, admin.Failure(ctx, err))
	}
	var errs []error
	for _, answer := range sorted(answers, func(r kadm.CreateTopicResponse) string { return r.Topic }) {
		existed := o.ifNotExists && errors.Is(answer.Err, kerr.TopicAlreadyExists)
		if answer.Err != nil && !existed {
			errs = append(errs, admin.TopicFailure(s.who, acl.Topic(acl.Create, answer.Topic), answer.Err, answer.ErrMessage))
			continue
		}
		errs = append(errs, s.tellCreated(o, answer))
	}
	return errors.Join(errs...)
}

// tellCreated writes a line about one topic that is there now. Brokers before 2.4 do not tell its numbers.
func (s *session) tellCreated(o *createOptions, answer kadm.CreateTopicResponse) error {
	line := createdTopic{Topic: answer.Topic, Created: answer.Err == nil}
	if line.Created {
		line.Partitions, line.ReplicationFactor = max(answer.NumPartitions, 0), max(answer.ReplicationFactor, 0)
		line.ID = topicID(answer.ID)
	}
	if o.output == cli.OutputJSON {
		return cli.JSONLine(s.out, line)
	}
	text := "exists already"
	if line.Created {
		text = "created"
	}
	if line.Partitions > 0 && line.ReplicationFactor > 0 {
		text += fmt.Sprintf(", %s, replication factor %d", plural(int(line.Partitions), "partition"), line.ReplicationFactor)
	}
	_, err := fmt.Fprintf(s.out, "%s: %s\n", line.Topic, text)
	return err
}

// topicID is an id as Kafka's own tools print it; empty for none.
func topicID(id kadm.TopicID) string {
	if id == (kadm.TopicID{}) {
		return ""
	}
	return id.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
