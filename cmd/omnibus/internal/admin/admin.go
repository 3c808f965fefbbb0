// Package admin is how commands ask a cluster about its topics and brokers, or have it change them: over franz-go's
// admin client, since managing clusters is not what this project exists for. Its answers are bounded in time, and its
// errors say what to do.
package admin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

const (
	// answerTimeout bounds everything that one command asks.
	answerTimeout = 30 * time.Second
	// retryTimeout is how long a cluster that does not answer is asked again: somebody sits at the terminal.
	retryTimeout = 4 * time.Second
)

// errNoAnswer is why a command gives up.
var errNoAnswer = fmt.Errorf("no answer within %v: `omnibus doctor` finds out why", answerTimeout)

// Open returns a client of the cluster. It dials nothing before its first request.
func Open(config omnibus.Config) (*kadm.Client, error) {
	options, err := connect.ClientOptions(config)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, kgo.ClientID(Effective(config)["client.id"]), kgo.RetryTimeout(retryTimeout))...)
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

// Bounded is ctx with the time that a command's questions may take.
func Bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, answerTimeout, errNoAnswer)
}

// Effective is the configuration that holds, by Java's names.
func Effective(config omnibus.Config) map[string]string {
	values := make(map[string]string)
	for _, property := range config.Properties() {
		values[property.Name] = property.Value
	}
	return values
}

// IDs lists brokers, as in "1,2,3"; "none" for none.
func IDs(brokers []int32) string {
	if len(brokers) == 0 {
		return "none"
	}
	texts := make([]string, len(brokers))
	for i, id := range brokers {
		texts[i] = strconv.Itoa(int(id))
	}
	return strings.Join(texts, ",")
}

// legalTopic is Kafka's rule for the names of topics, but for "." and "..".
var legalTopic = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// CheckTopic says what is wrong with the name of a topic, if something is. Not every broker does.
func CheckTopic(name string) error {
	if legalTopic.MatchString(name) && name != "." && name != ".." {
		return nil
	}
	return fmt.Errorf("%.249q is no topic's name: want 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-', and neither \".\" nor \"..\"", name)
}

// Failure is the error of a whole request, with what to do where that is known.
func Failure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if auth, ok := errors.AsType[*kadm.AuthError](err); ok {
		err = auth.Err
	}
	if advice := adviceFor(err); advice != "" {
		return fmt.Errorf("%w: %s", err, advice)
	}
	if _, ok := errors.AsType[*kerr.Error](err); ok {
		return err
	}
	return fmt.Errorf("%w: `omnibus doctor` finds out why", err)
}

// Identity is whom brokers take the command for.
func Identity(config omnibus.Config) acl.Client {
	encryption, mechanism, err := config.Security()
	if err != nil || encryption == nil {
		return acl.Of(mechanism, nil)
	}
	return acl.Of(mechanism, encryption.Certificates)
}

// TopicFailure is a broker's error about one topic: its code, its own words if it has any, and what to do. right is what who
// needs for what was asked.
func TopicFailure(who acl.Client, right acl.Right, err error, words string) error {
	text := fmt.Sprintf("topic %s", right.Name)
	if words != "" {
		text += ": " + strings.TrimSuffix(words, ".")
	}
	advice := adviceFor(err)
	if errors.Is(err, kerr.TopicAuthorizationFailed) {
		advice = who.Lacks(right)
	}
	if advice == "" {
		return fmt.Errorf("%s: %w", text, err)
	}
	return fmt.Errorf("%s: %w: %s", text, named(err), advice)
}

// named is a broker's error by its name alone, for where better advice follows than its description.
func named(err error) error {
	if code, ok := errors.AsType[*kerr.Error](err); ok {
		return &nameOnly{code}
	}
	return err
}

// nameOnly is a broker's error that prints as its name.
type nameOnly struct{ code *kerr.Error }

// Error is the error's name, such as TOPIC_ALREADY_EXISTS.
func (e *nameOnly) Error() string { return e.code.Message }

// Unwrap returns the broker's error.
func (e *nameOnly) Unwrap() error { return e.code }

// adviceFor is what to do about a broker's error; empty where nothing more than its description is known.
func adviceFor(err error) string {
	code, ok := errors.AsType[*kerr.Error](err)
	if !ok {
		return ""
	}
	return advice[code.Code]
}

// advice is by error code.
var advice = map[int16]string{
	kerr.UnknownTopicOrPartition.Code:    "it does not exist; `omnibus topic list` names those that do, `omnibus topic create` makes it",
	kerr.TopicAlreadyExists.Code:         "it exists already; `omnibus topic describe` shows how",
	kerr.InvalidReplicationFactor.Code:   "want at least 1, and no more than the cluster has brokers",
	kerr.InvalidPartitions.Code:          "want 1 partition or more",
	kerr.InvalidConfig.Code:              "look at the names and values behind --config",
	kerr.InvalidTopicException.Code:      "the name is not legal, or differs from an existing topic's in '.' and '_' alone",
	kerr.TopicAuthorizationFailed.Code:   "this client may not even see it; have its operator grant Describe (kafka-acls.sh --add --operation Describe --topic …)",
	kerr.ClusterAuthorizationFailed.Code: "this client may not do that on the cluster; have its operator grant it (kafka-acls.sh --add)",
	kerr.TopicDeletionDisabled.Code:      "the brokers have delete.topic.enable=false",
	kerr.NotController.Code:              "the cluster has no controller at the moment; try again, or look at the brokers",
	kerr.RequestTimedOut.Code:            "the controller did not finish in time, and may still do so; look with `omnibus topic list`",
}
