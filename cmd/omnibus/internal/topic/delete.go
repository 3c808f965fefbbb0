package topic

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// deleteOptions are what the command line of `topic delete` said.
type deleteOptions struct {
	request
	ifExists bool
}

func newCmdDelete(f *cli.Factory) *cobra.Command {
	o := &deleteOptions{}
	cmd := &cobra.Command{
		Use:   "delete TOPIC…",
		Short: "Delete topics and all of their records",
		Long: `Delete topics and all of their records, without asking back. Prints a line for each topic that was deleted.

` + exitHelp,
		Example: `  omnibus topic delete orders --brokers localhost:9092`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return cli.Usage(err)
			}
			return o.do(cmd.Context(), f, func(ctx context.Context, s *session) error { return s.delete(ctx, o) })
		},
	}
	cmd.Flags().BoolVar(&o.ifExists, "if-exists", false, "a topic that does not exist is no failure")
	o.addTo(cmd)
	return cmd
}

// deletedTopic is a line of the output.
type deletedTopic struct {
	Topic   string `json:"topic"`
	ID      string `json:"id,omitempty"`
	Deleted bool   `json:"deleted"`
}

// delete removes the topics and tells which were removed.
func (s *session) delete(ctx context.Context, o *deleteOptions) error {
	answers, err := s.client.DeleteTopics(ctx, o.topics...)
	if err != nil {
		return fmt.Errorf("delete topics on %s: %w", s.cluster, admin.Failure(ctx, err))
	}
	var errs []error
	for _, answer := range sorted(answers, func(r kadm.DeleteTopicResponse) string { return r.Topic }) {
		missing := o.ifExists && errors.Is(answer.Err, kerr.UnknownTopicOrPartition)
		if answer.Err != nil && !missing {
			errs = append(errs, admin.TopicFailure(s.who, acl.Topic(acl.Delete, answer.Topic), answer.Err, answer.ErrMessage))
			continue
		}
		line := deletedTopic{Topic: answer.Topic, ID: topicID(answer.ID), Deleted: answer.Err == nil}
		switch {
		case o.output == cli.OutputJSON:
			err = cli.JSONLine(s.out, line)
		case line.Deleted:
			_, err = fmt.Fprintf(s.out, "%s: deleted\n", line.Topic)
		default:
			_, err = fmt.Fprintf(s.out, "%s: did not exist\n", line.Topic)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
