package topic

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// listOptions are what the command line of `topic list` said.
type listOptions struct {
	request
	internal bool
}

func newCmdList(f *cli.Factory) *cobra.Command {
	o := &listOptions{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the topics",
		Long: `Print the name of each topic on a line of its own, sorted. With -o json, also the counts of partitions and replicas.

` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(nil); err != nil {
				return cli.Usage(err)
			}
			return o.do(cmd.Context(), f, func(ctx context.Context, s *session) error { return s.list(ctx, o) })
		},
	}
	cmd.Flags().BoolVar(&o.internal, "internal", false, "also the topics that Kafka keeps for itself")
	o.addTo(cmd)
	return cmd
}

// listedTopic is a line of the output.
type listedTopic struct {
	Topic             string `json:"topic"`
	ID                string `json:"id,omitempty"`
	Partitions        int    `json:"partitions"`
	ReplicationFactor int    `json:"replication_factor"`
	Internal          bool   `json:"internal,omitempty"`
}

// list prints the topics.
func (s *session) list(ctx context.Context, o *listOptions) error {
	list := s.client.ListTopics
	if o.internal {
		list = s.client.ListTopicsWithInternal
	}
	topics, err := list(ctx)
	if err != nil {
		return fmt.Errorf("list the topics of %s: %w", s.cluster, admin.Failure(ctx, err))
	}
	var errs []error
	for _, topic := range sorted(topics, func(t kadm.TopicDetail) string { return t.Topic }) {
		if topic.Err != nil {
			errs = append(errs, admin.TopicFailure(s.who, acl.Topic(acl.Describe, topic.Topic), topic.Err, ""))
			continue
		}
		if o.output == cli.OutputText {
			_, err = fmt.Fprintln(s.out, topic.Topic)
		} else {
			err = cli.JSONLine(s.out, listedTopic{
				Topic: topic.Topic, ID: topicID(topic.ID), Partitions: len(topic.Partitions),
				ReplicationFactor: replicationFactor(topic), Internal: topic.IsInternal,
			})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// replicationFactor is the number of replicas of the topic's partitions, of the one with the fewest while they differ.
func replicationFactor(topic kadm.TopicDetail) int {
	fewest := 0
	for _, partition := range topic.Partitions {
		if n := len(partition.Replicas); fewest == 0 || n < fewest {
			fewest = n
		}
	}
	return fewest
}
