package doctor_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/doctor"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// Codes of errors as the protocol numbers them.
const (
	leaderNotAvailable    = 5
	coordinatorLoading    = 14
	invalidTopic          = 17
	topicNotAuthorized    = 29
	clusterNotAuthorized  = 31
	unsupportedMechanism  = 33
	transactionsInvalid   = 47
	operationDescribeOnly = 1 << 8
)

// broken is a set-up with one thing wrong, and what the doctor is to say of it.
type broken struct {
	name string
	// set sets it up and returns the command line.
	set func(t *testing.T) (args []string)
	// check, status, text and fix are those of the finding that names the cause; text and fix are fragments.
	check  string
	status doctor.Status
	text   string
	fix    string
}

func TestTheCauseIsNamed(t *testing.T) {
	for _, test := range slices.Concat(brokenNetworks(), brokenProtocols(), brokenClusters(), brokenTopics(), brokenConfigurations()) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			findings, result := examine(t, append([]string{"--timeout", "1s"}, test.set(t)...)...)
			code := cli.ExitOK
			if test.status == doctor.Fail {
				code = cli.ExitFatal
			}
			if result.Code != code {
				t.Errorf("code %d, want %d", result.Code, code)
			}
			named := 0
			for _, f := range findings {
				switch {
				case f.Check == test.check && f.Status == test.status:
					if strings.Contains(f.Text, test.text) && strings.Contains(f.Fix, test.fix) {
						named++
					}
				case f.Status != doctor.Pass && f.Check != "replication":
					t.Errorf("%s was told to %s too: %s", f.Check, f.Status, f.Text)
				}
			}
			if named != 1 {
				t.Errorf("want check %s to %s with %q and the fix %q; told was\n%s%s", test.check, test.status, test.text, test.fix, result.Out, result.Err)
			}
			if test.status == doctor.Fail && !strings.Contains(result.Err, test.text) {
				t.Errorf("standard error does not name the cause: %s", result.Err)
			}
		})
	}
}

func brokenNetworks() []broken {
	return []broken{
		{"a name that does not exist", func(*testing.T) []string {
			return []string{"-b", "no-such-broker.invalid:9092"}
		}, "dns", doctor.Fail, "", ""},
		{"nothing listens", func(t *testing.T) []string {
			return []string{"-b", closedPort(t)}
		}, "tcp", doctor.Fail, "nothing listens there (connection refused)", "start the broker"},
		{"the wrong port of a running broker", func(t *testing.T) []string {
			kafkatest.Start(t, kafkatest.Nodes(1))
			return []string{"-b", closedPort(t)}
		}, "tcp", doctor.Fail, "nothing listens there", "look up its port"},
		{"one of two bootstrap addresses is dead", func(t *testing.T) []string {
			return []string{"-b", closedPort(t) + "," + kafkatest.Start(t).Brokers()[0]}
		}, "tcp", doctor.Warn, "nothing listens there", "start the broker"},
		{"a stopped broker", func(t *testing.T) []string {
			cluster := kafkatest.Start(t, kafkatest.Nodes(1))
			cluster.StopBroker(0)
			return []string{"-b", cluster.Brokers()[0]}
		}, "tcp", doctor.Fail, "nothing listens there", "start the broker"},
	}
}

func brokenProtocols() []broken {
	return []broken{
		{"a web server", func(t *testing.T) []string {
			server := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(server.Close)
			return []string{"-b", server.Listener.Addr().String()}
		}, "api", doctor.Fail, "answers in HTTP", "name the port of the broker's Kafka listener"},
		{"a TLS listener", func(t *testing.T) []string {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.TLS(server.TLS))
			return []string{"-b", cluster.Brokers()[0]}
		}, "api", doctor.Fail, "TLS", "security.protocol=SSL"},
		{"a port that never answers", func(t *testing.T) []string {
			return []string{"-b", listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })}
		}, "api", doctor.Fail, "gives no answer within 1s", "hangs or is starting"},
		{"a port that hangs up", func(t *testing.T) []string {
			return []string{"-b", listen(t, func(conn net.Conn) { conn.Read(make([]byte, 1000)) })}
		}, "api", doctor.Fail, "closes them at the first request", "max.connections.per.ip"},
		{"a server of another protocol", func(t *testing.T) []string {
			return []string{"-b", listen(t, func(conn net.Conn) { io.WriteString(conn, "220 mail.example ESMTP\r\n") })}
		}, "api", doctor.Fail, "does not speak Kafka", "name the port of the broker's Kafka listener"},
		{"a broker that is too old", func(t *testing.T) []string {
			cluster := kafkatest.Start(t, kafkatest.Nodes(1))
			answerVersions(cluster, kmsg.Produce, 5)
			return []string{"-b", cluster.Brokers()[0]}
		}, "api", doctor.Fail, "supports Produce 0 to 5", "Kafka 2.1 or newer"},
		{"a controller", func(t *testing.T) []string {
			cluster := kafkatest.Start(t, kafkatest.Nodes(1))
			answerVersions(cluster, kmsg.Fetch, 17)
			return []string{"-b", cluster.Brokers()[0]}
		}, "api", doctor.Fail, "KRaft controller", "not to a KRaft controller"},
		{"a listener that wants a login", func(t *testing.T) []string {
			cluster := kafkatest.Start(t, kafkatest.Nodes(1))
			cluster.Disconnect(kafkatest.Metadata, kafkatest.Always)
			control(cluster, kmsg.SASLHandshake, func(request kmsg.Request, response *kmsg.SASLHandshakeResponse) {
				response.ErrorCode, response.SupportedMechanisms = unsupportedMechanism, []string{"PLAIN", "SCRAM-SHA-512"}
			})
			return []string{"-b", cluster.Brokers()[0]}
		}, "cluster", doctor.Fail, "wants a login (SASL): PLAIN, SCRAM-SHA-512", "sasl.mechanism"},
	}
}

func brokenClusters() []broken {
	return []broken{
		{"a broker that hangs after its greeting", func(t *testing.T) []string {
			cluster := kafkatest.Start(t, kafkatest.Nodes(1))
			cluster.Swallow(kafkatest.Metadata, kafkatest.Always)
			return []string{"-b", cluster.Brokers()[0]}
		}, "cluster", doctor.Fail, "gave no answer to Metadata within 1s", "log and load"},
		{"two clusters", func(t *testing.T) []string {
			other := kafkatest.Start(t, kafkatest.Nodes(1))
			rewriteMetadata(t, other, "", func(m *kmsg.MetadataResponse) { m.ClusterID = kmsg.StringPtr("another") })
			return []string{"-b", kafkatest.Start(t).Brokers()[0] + "," + other.Brokers()[0]}
		}, "cluster", doctor.Fail, "of cluster another", "name the brokers of one cluster"},
		{"no controller", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			rewriteMetadata(t, cluster, "", func(m *kmsg.MetadataResponse) { m.ControllerID = -1 })
			return []string{"-b", cluster.Brokers()[0]}
		}, "controller", doctor.Warn, "no controller", "controllers' logs"},
		{"an advertised name that only the cluster knows", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			rewriteMetadata(t, cluster, "", func(m *kmsg.MetadataResponse) { m.Brokers[1].Host = "kafka-1.invalid" })
			return []string{"-b", cluster.Brokers()[0]}
		}, "advertised", doctor.Fail, "tells its clients this address", "set advertised.listeners of broker 1"},
		{"an advertised port that cannot be reached", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			rewriteMetadata(t, cluster, "", func(m *kmsg.MetadataResponse) { m.Brokers[2].Port = portOf(t, closedPort(t)) })
			return []string{"-b", cluster.Brokers()[0]}
		}, "advertised", doctor.Fail, "nothing listens there", "set advertised.listeners of broker 2"},
		{"an unreachable broker that the topic does not need", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			cluster.CreateTopic("orders", 1, map[string]string{"min.insync.replicas": "2"})
			leader := cluster.Leader("orders", 0)
			port := portOf(t, closedPort(t))
			rewriteMetadata(t, cluster, "orders", func(m *kmsg.MetadataResponse) { m.Brokers[(leader+1)%3].Port = port })
			return []string{"orders", "-b", cluster.Brokers()[leader]}
		}, "advertised", doctor.Warn, "it leads no partition of topic orders now", "advertised.listeners"},
		{"an advertised address of another cluster", func(t *testing.T) []string {
			cluster, other := kafkatest.Start(t), kafkatest.Start(t, kafkatest.Nodes(1))
			rewriteMetadata(t, other, "", func(m *kmsg.MetadataResponse) { m.ClusterID = kmsg.StringPtr("another") })
			port := portOf(t, other.Brokers()[0])
			rewriteMetadata(t, cluster, "", func(m *kmsg.MetadataResponse) { m.Brokers[0].Port = port })
			return []string{"-b", cluster.Brokers()[1]}
		}, "advertised", doctor.Fail, "another cluster answers there: another", "advertised.listeners"},
		{"no producer id for this client", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			cluster.Fail(kafkatest.InitProducerID, clusterNotAuthorized, kafkatest.Always)
			return []string{"-b", cluster.Brokers()[0]}
		}, "idempotence", doctor.Fail, "CLUSTER_AUTHORIZATION_FAILED", "enable.idempotence=false"},
		{"producer ids are put off", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			cluster.Fail(kafkatest.InitProducerID, coordinatorLoading, kafkatest.Always)
			return []string{"-b", cluster.Brokers()[0]}
		}, "idempotence", doctor.Fail, "put it off for 1s", "controller"},
		{"producer ids are refused", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			cluster.Fail(kafkatest.InitProducerID, transactionsInvalid, kafkatest.Always)
			return []string{"-b", cluster.Brokers()[0]}
		}, "idempotence", doctor.Fail, "refuse it: INVALID_PRODUCER_EPOCH", "logs"},
	}
}

func brokenTopics() []broken {
	return []broken{
		{"no such topic", func(t *testing.T) []string {
			return []string{"orders", "-b", kafkatest.Start(t).Brokers()[0]}
		}, "topic", doctor.Fail, "it does not exist", "omnibus topic create orders"},
		{"no such topic, and brokers that create it", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			brokerSettings(cluster, map[string]string{"auto.create.topics.enable": "true", "num.partitions": "4"})
			return []string{"orders", "-b", cluster.Brokers()[0]}
		}, "topic", doctor.Warn, "when it is first written to, with 4 partitions", "omnibus topic create orders"},
		{"no such topic, and brokers that do not", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			brokerSettings(cluster, map[string]string{"auto.create.topics.enable": "false"})
			return []string{"orders", "-b", cluster.Brokers()[0]}
		}, "topic", doctor.Fail, "auto.create.topics.enable=false", "omnibus topic create orders"},
		{"a topic that this client may not see", metadataError(topicNotAuthorized), "topic", doctor.Fail, "User:ANONYMOUS may not see it", "--operation Write --topic orders"},
		{"a topic without leaders yet", metadataError(leaderNotAvailable), "topic", doctor.Fail, "LEADER_NOT_AVAILABLE", "wait a moment"},
		{"a name that brokers refuse", metadataError(invalidTopic), "topic", doctor.Fail, "INVALID_TOPIC_EXCEPTION", "choose another"},
		{"a topic that this client may not write to", rewritten(map[string]string{"min.insync.replicas": "2"}, func(topic *kmsg.MetadataResponseTopic) {
			topic.AuthorizedOperations = operationDescribeOnly
		}), "rights", doctor.Fail, "not write to it", "grant Write"},
		{"settings that this client may not read", func(t *testing.T) []string {
			cluster := kafkatest.Start(t, kafkatest.Topic("orders", 3))
			cluster.Fail(kmsg.DescribeConfigs, topicNotAuthorized, kafkatest.Always)
			return []string{"orders", "-b", cluster.Brokers()[0]}
		}, "topic", doctor.Warn, "could not be read, so that its limits are not known here (TOPIC_AUTHORIZATION_FAILED)", "DescribeConfigs"},
		{"a partition without a leader", rewritten(map[string]string{"min.insync.replicas": "2"}, func(topic *kmsg.MetadataResponseTopic) {
			topic.Partitions[1].Leader = -1
		}), "leaders", doctor.Fail, "no broker leads partition ", "start the brokers that hold them: 0,1,2"},
		{"too few in-sync replicas", rewritten(map[string]string{"min.insync.replicas": "2"}, func(topic *kmsg.MetadataResponseTopic) {
			for i := range topic.Partitions {
				topic.Partitions[i].ISR = topic.Partitions[i].ISR[:1]
			}
		}), "in-sync", doctor.Fail, "partitions 0, 1, 2 have fewer in-sync replicas than min.insync.replicas, which is 2", "bring back the brokers"},
		{"min.insync.replicas that can never be met", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			cluster.CreateTopic("orders", 3, map[string]string{"min.insync.replicas": "4"})
			return []string{"orders", "-b", cluster.Brokers()[0]}
		}, "in-sync", doctor.Fail, "min.insync.replicas is 4, and the topic has 3 replicas", "min.insync.replicas=2"},
		{"a follower that is behind", rewritten(map[string]string{"min.insync.replicas": "2"}, func(topic *kmsg.MetadataResponseTopic) {
			topic.Partitions[0].ISR = topic.Partitions[0].ISR[:2]
		}), "in-sync", doctor.Warn, "replicas that are not in sync", "bring back the brokers"},
		{"a single replica must do", rewritten(nil, func(*kmsg.MetadataResponseTopic) {}), "in-sync", doctor.Warn, "when the leader alone has it", "min.insync.replicas=2"},
		{"a single copy", func(t *testing.T) []string {
			return []string{"orders", "-b", kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 3)).Brokers()[0]}
		}, "replication", doctor.Warn, "on one broker only", "--replication-factor 3"},
		{"a compacted topic", rewritten(map[string]string{"cleanup.policy": "compact,delete", "min.insync.replicas": "2"}, func(*kmsg.MetadataResponseTopic) {}),
			"topic", doctor.Warn, "records without a key are refused", "give every record a key"},
		{"a topic's limit below max.request.size", rewritten(map[string]string{"max.message.bytes": "100000", "min.insync.replicas": "2"}, func(*kmsg.MetadataResponseTopic) {}),
			"sizes", doctor.Warn, "max.message.bytes is 100000 and max.request.size 1048576", "set max.request.size=100000"},
	}
}

func brokenConfigurations() []broken {
	healthy := func(args ...string) func(*testing.T) []string {
		return func(t *testing.T) []string { return append(args, "-b", kafkatest.Start(t).Brokers()[0]) }
	}
	return []broken{
		{"acks=1", healthy("-X", "acks=1", "-X", "enable.idempotence=false", "-X", "max.in.flight.requests.per.connection=1"),
			"settings", doctor.Warn, "acks=1", "set acks=all"},
		{"idempotence lost to acks", healthy("-X", "acks=0"), "settings", doctor.Warn, "acks=0 turns idempotence off", "say what is meant"},
		{"retries=0", healthy("-X", "retries=0", "-X", "enable.idempotence=false", "-X", "max.in.flight.requests.per.connection=1"),
			"settings", doctor.Warn, "retries=0", "leave retries out"},
		{"a request above the brokers' limit", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			brokerSettings(cluster, map[string]string{"socket.request.max.bytes": "1000000"})
			return []string{"-b", cluster.Brokers()[0]}
		}, "sizes", doctor.Fail, "close the connection at a larger request", "set max.request.size to 1000000 or less"},
		{"full batches above the limit", healthy("-X", "batch.size=2000000", "-X", "max.request.size=1000000"), "sizes", doctor.Warn, "full batches are refused, and split", "batch.size"},
		{"no time for a retry", healthy("-X", "delivery.timeout.ms=31000"), "timeouts", doctor.Warn, "too little is left to try again", "twice request.timeout.ms"},
		{"no time for metadata", healthy("-X", "max.block.ms=10"), "timeouts", doctor.Warn, "waits for its metadata", "1000 or more"},
		{"less patience than the replicas", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			brokerSettings(cluster, map[string]string{"replica.lag.time.max.ms": "60000"})
			return []string{"-b", cluster.Brokers()[0]}
		}, "timeouts", doctor.Warn, "replica.lag.time.max.ms", "request.timeout.ms to 60000"},
		{"brokers that hang up first", func(t *testing.T) []string {
			cluster := kafkatest.Start(t)
			brokerSettings(cluster, map[string]string{"connections.max.idle.ms": "60000"})
			return []string{"-b", cluster.Brokers()[0]}
		}, "timeouts", doctor.Warn, "close the connection first", "less than 60000"},
	}
}

// closedPort is an address that nothing listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func portOf(t *testing.T, address string) int32 {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	n, numberErr := strconv.ParseInt(port, 10, 32)
	if err := errors.Join(err, numberErr); err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

// listen serves each connection until serve returns, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// control has fill make the answers to all requests of a key from now on.
func control[R kmsg.Response](cluster *kafkatest.Cluster, key kmsg.Key, fill func(kmsg.Request, R)) {
	fake := cluster.Kfake()
	fake.ControlKey(key.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		response := request.ResponseKind()
		fill(request, response.(R))
		return response, nil, true
	})
}

// answerVersions has the brokers claim to know ApiVersions, Metadata and key, nothing else.
func answerVersions(cluster *kafkatest.Cluster, key kmsg.Key, highest int16) {
	control(cluster, kmsg.ApiVersions, func(_ kmsg.Request, response *kmsg.ApiVersionsResponse) {
		response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{
			{ApiKey: key.Int16(), MaxVersion: highest}, {ApiKey: kmsg.Metadata.Int16(), MaxVersion: 9}, {ApiKey: kmsg.ApiVersions.Int16(), MaxVersion: 3},
		}
	})
}

// brokerSettings has brokers claim these settings for themselves; topics have their own.
func brokerSettings(cluster *kafkatest.Cluster, settings map[string]string) {
	fake := cluster.Kfake()
	fake.ControlKey(kmsg.DescribeConfigs.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		resources := request.(*kmsg.DescribeConfigsRequest).Resources
		if resources[0].ResourceType != kmsg.ConfigResourceTypeBroker {
			return nil, nil, false
		}
		fake.KeepControl()
		response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
		answer := kmsg.NewDescribeConfigsResponseResource()
		answer.ResourceType, answer.ResourceName = resources[0].ResourceType, resources[0].ResourceName
		for name, value := range settings {
			config := kmsg.NewDescribeConfigsResponseResourceConfig()
			config.Name, config.Value = name, &value
			answer.Configs = append(answer.Configs, config)
		}
		response.Resources = append(response.Resources, answer)
		return response, nil, true
	})
}

// rewriteMetadata has the brokers answer Metadata as they would, but for what edit changes. topic is the one that is
// going to be asked for, if any.
func rewriteMetadata(t *testing.T, cluster *kafkatest.Cluster, topic string, edit func(*kmsg.MetadataResponse)) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	if topic != "" {
		asked := kmsg.NewMetadataRequestTopic()
		asked.Topic = &topic
		request.Topics = append(request.Topics, asked)
	}
	truth, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	edit(truth)
	control(cluster, kmsg.Metadata, func(request kmsg.Request, response *kmsg.MetadataResponse) {
		response.ClusterID, response.ControllerID = truth.ClusterID, truth.ControllerID
		response.Brokers, response.Topics = slices.Clone(truth.Brokers), slices.Clone(truth.Topics)
	})
}

// rewritten is a cluster of three brokers with a topic of three partitions, whose metadata is changed.
func rewritten(configs map[string]string, edit func(*kmsg.MetadataResponseTopic)) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		cluster := kafkatest.Start(t)
		cluster.CreateTopic("orders", 3, configs)
		rewriteMetadata(t, cluster, "orders", func(m *kmsg.MetadataResponse) {
			slices.SortFunc(m.Topics[0].Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
			edit(&m.Topics[0])
		})
		return []string{"orders", "-b", cluster.Brokers()[0]}
	}
}

// metadataError is a cluster that answers Metadata with an error for the topic.
func metadataError(code int16) func(t *testing.T) []string {
	return rewritten(nil, func(topic *kmsg.MetadataResponseTopic) { topic.ErrorCode, topic.Partitions = code, nil })
}

func TestAnInterruptEndsTheExaminationWithExit130(t *testing.T) {
	address := listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(cli.ErrInterrupted)
	result := clitest.Command{}.Run(ctx, t, "doctor", "-b", address, "--timeout", "1m")
	if result.Code != cli.ExitInterrupted || result.Err != "" {
		t.Errorf("code %d: %s", result.Code, result.Err)
	}
}
