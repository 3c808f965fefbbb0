package admin

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// TopicSettings are a topic's settings by name, defaults included; those that are secret are left out. who
// is whom an error is about.
func TopicSettings(ctx context.Context, client *kadm.Client, who acl.Client, topic string) (map[string]string, error) {
	answers, err := client.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, Failure(ctx, err)
	}
	answer, err := answers.On(topic, nil)
	if err == nil {
		err = answer.Err
	}
	if err != nil {
		return nil, TopicFailure(who, acl.Topic(acl.DescribeConfigs, topic), err, answer.ErrMessage)
	}
	settings := make(map[string]string)
	for _, config := range answer.Configs {
		if config.Value != nil {
			settings[config.Key] = *config.Value
		}
	}
	return settings, nil
}
