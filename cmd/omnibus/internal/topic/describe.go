package topic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// offsetUnknown stands for an offset that the cluster did not tell.
const offsetUnknown = -1

// describeOptions are what the command line of `topic describe` said.
type describeOptions struct {
	request
}

func newCmdDescribe(f *cli.Factory) *cobra.Command {
	o := &describeOptions{}
	cmd := &cobra.Command{
		Use:   "describe TOPIC…",
		Short: "Show topics' partitions, replicas, offsets and settings",
		Long: `Show topics: each partition's leader, replicas, in-sync replicas and offsets, and the topic's settings, of which the
text has those that are not the default, and -o json all.

` + exitHelp,
		Example: `  omnibus topic describe orders --embedded
  omnibus topic describe orders users -b localhost:9092 -o json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return cli.Usage(err)
			}
			return o.do(cmd.Context(), f, func(ctx context.Context, s *session) error { return s.describe(ctx, o) })
		},
	}
	o.addTo(cmd)
	return cmd
}

// describedTopic is a line of the output.
type describedTopic struct {
	Topic             string               `json:"topic"`
	ID                string               `json:"id,omitempty"`
	Internal          bool                 `json:"internal,omitempty"`
	ReplicationFactor int                  `json:"replication_factor"`
	Partitions        []describedPartition `json:"partitions"`
	Configs           []describedConfig    `json:"configs"`
}

// describedPartition is one partition; a leader or an offset of -1 is none, or not known.
type describedPartition struct {
	Partition   int32   `json:"partition"`
	Leader      int32   `json:"leader"`
	LeaderEpoch int32   `json:"leader_epoch"`
	Replicas    []int32 `json:"replicas"`
	InSync      []int32 `json:"in_sync"`
	Offline     []int32 `json:"offline,omitempty"`
	StartOffset int64   `json:"start_offset"`
	EndOffset   int64   `json:"end_offset"`
	Error       string  `json:"error,omitempty"`
}

// describedConfig is one setting of a topic, null if its value is secret.
type describedConfig struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"`
	Source string  `json:"source"`
}

// describe prints the topics. Offsets and settings that cannot be had are left out, with the reason as an error.
func (s *session) describe(ctx context.Context, o *describeOptions) error {
	topics, err := s.client.ListTopicsWithInternal(ctx, o.topics...)
	if err != nil {
		return fmt.Errorf("describe topics of %s: %w", s.cluster, admin.Failure(ctx, err))
	}
	var errs []error
	for _, topic := range sorted(topics, func(t kadm.TopicDetail) string { return t.Topic }) {
		if topic.Err != nil {
			errs = append(errs, admin.TopicFailure(s.who, acl.Topic(acl.Describe, topic.Topic), topic.Err, ""))
			continue
		}
		described, err := s.describeTopic(ctx, topic)
		errs = append(errs, err)
		if o.output == cli.OutputJSON {
			errs = append(errs, cli.JSONLine(s.out, described))
		} else {
			errs = append(errs, described.print(s.out))
		}
	}
	return errors.Join(errs...)
}

// describeTopic asks what there is to know of one topic.
func (s *session) describeTopic(ctx context.Context, topic kadm.TopicDetail) (*describedTopic, error) {
	d := &describedTopic{
		Topic: topic.Topic, ID: topicID(topic.ID), Internal: topic.IsInternal, ReplicationFactor: replicationFactor(topic),
	}
	starts, startErr := s.offsets(ctx, topic.Topic, s.client.ListStartOffsets)
	ends, endErr := s.offsets(ctx, topic.Topic, s.client.ListEndOffsets)
	for _, p := range topic.Partitions.Sorted() {
		described := describedPartition{
			Partition: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
			Replicas: p.Replicas, InSync: p.ISR, Offline: p.OfflineReplicas,
			StartOffset: offsetOf(starts, p.Partition), EndOffset: offsetOf(ends, p.Partition),
		}
		if p.Err != nil {
			described.Error = p.Err.Error()
		}
		d.Partitions = append(d.Partitions, described)
	}
	var configErr error
	d.Configs, configErr = s.configs(ctx, topic.Topic)
	if endErr != nil {
		startErr = nil // it says the same
	}
	return d, errors.Join(startErr, endErr, configErr)
}

// offsets asks for one offset of each partition. Partitions without an answer are missing in the result.
func (s *session) offsets(
	ctx context.Context, topic string, list func(context.Context, ...string) (kadm.ListedOffsets, error),
) (map[int32]int64, error) {
	listed, err := list(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("offsets of topic %s: %w", topic, admin.Failure(ctx, err))
	}
	offsets := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			offsets[o.Partition] = o.Offset
		}
	})
	return offsets, nil
}

func offsetOf(offsets map[int32]int64, partition int32) int64 {
	if offset, ok := offsets[partition]; ok {
		return offset
	}
	return offsetUnknown
}

// configs asks for a topic's settings.
func (s *session) configs(ctx context.Context, topic string) ([]describedConfig, error) {
	answers, err := s.client.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("settings of topic %s: %w", topic, admin.Failure(ctx, err))
	}
	answer, err := answers.On(topic, nil)
	if err == nil {
		err = answer.Err
	}
	if err != nil {
		return nil, admin.TopicFailure(s.who, acl.Topic(acl.DescribeConfigs, topic), err, answer.ErrMessage)
	}
	configs := make([]describedConfig, 0, len(answer.Configs))
	for _, c := range answer.Configs {
		configs = append(configs, describedConfig{Name: c.Key, Value: c.Value, Source: c.Source.String()})
	}
	slices.SortFunc(configs, func(a, b describedConfig) int { return strings.Compare(a.Name, b.Name) })
	return configs, nil
}

// print writes the topic for people.
func (d *describedTopic) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %s, replication factor %d", d.Topic, plural(len(d.Partitions), "partition"), d.ReplicationFactor)
	if d.ID != "" {
		fmt.Fprintf(out, ", id %s", d.ID)
	}
	fmt.Fprintln(out)
	for _, c := range d.Configs {
		if c.Value != nil && c.Source == kmsg.ConfigSourceDynamicTopicConfig.String() {
			fmt.Fprintf(out, "  %s=%s\n", c.Name, *c.Value)
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  PARTITION\tLEADER\tREPLICAS\tIN SYNC\tOFFSETS")
	for i := range d.Partitions {
		p := &d.Partitions[i]
		fmt.Fprintf(table, "  %d\t%s\t%s\t%s\t%s\n", p.Partition, p.leader(), admin.IDs(p.Replicas), admin.IDs(p.InSync), p.offsets())
	}
	return table.Flush()
}

// leader is the broker that leads the partition.
func (p *describedPartition) leader() string {
	if p.Leader < 0 {
		return "none"
	}
	return strconv.Itoa(int(p.Leader))
}

// offsets is the first offset and the one behind the last.
func (p *describedPartition) offsets() string {
	if p.StartOffset < 0 || p.EndOffset < 0 {
		return "?"
	}
	return fmt.Sprintf("%d to %d", p.StartOffset, p.EndOffset)
}
