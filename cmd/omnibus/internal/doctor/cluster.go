package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// examineCluster asks every bootstrap address that answers who its cluster is. They should all be of one.
func (e *examination) examineCluster(ctx context.Context) []Finding {
	var findings []Finding
	first := ""
	for _, address := range slices.Clone(e.answering) {
		metadata, what := e.askMetadata(ctx, address)
		if metadata == nil {
			findings = append(findings, what.fails("cluster", address))
			continue
		}
		if e.cluster == nil {
			e.cluster, first = metadata, address
			findings = append(findings, e.describeCluster(address)...)
			continue
		}
		if clusterID(metadata) != clusterID(e.cluster) {
			findings = append(findings, fault{
				fmt.Sprintf("%s is of cluster %s, and %s of cluster %s", first, clusterID(e.cluster), address, clusterID(metadata)),
				"name the brokers of one cluster in bootstrap.servers: records would go now to one, now to the other",
			}.fails("cluster", address))
		}
	}
	return e.softened(findings)
}

// softened makes failures warnings where another broker told about the same cluster: that is enough for a producer.
func (e *examination) softened(findings []Finding) []Finding {
	for i := range findings {
		if f := &findings[i]; f.Status == Fail && e.cluster != nil && e.conns[f.Subject] == nil {
			f.Status = Warn
		}
	}
	return findings
}

// askMetadata asks one broker about the cluster and the topic; without an answer it says what is wrong, and the
// connection is given up.
func (e *examination) askMetadata(ctx context.Context, address string) (*kmsg.MetadataResponse, fault) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // nil would be all topics
	if e.topic != "" {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &e.topic
		request.Topics = append(request.Topics, topic)
		request.IncludeTopicAuthorizedOperations = true
	}
	conn, err := e.connect(ctx, address)
	if err != nil {
		return nil, fault{err.Error(), fixPort}
	}
	response, err := e.ask(ctx, conn, request)
	if err != nil {
		what := e.metadataFault(ctx, address, err)
		e.drop(address)
		return nil, what
	}
	metadata := response.(*kmsg.MetadataResponse)
	if err := kerr.ErrorForCode(metadata.ErrorCode); err != nil {
		e.drop(address)
		return nil, fault{"it refuses to describe its cluster: " + err.Error(), "look at the broker's log"}
	}
	if len(metadata.Brokers) == 0 {
		e.drop(address)
		return nil, fault{"it knows no broker, not even itself", "wait until it has started and joined its cluster, and look at its log"}
	}
	slices.SortFunc(metadata.Brokers, func(a, b kmsg.MetadataResponseBroker) int { return cmp.Compare(a.NodeID, b.NodeID) })
	return metadata, fault{}
}

// metadataFault is why a broker that shook hands does not describe its cluster.
func (e *examination) metadataFault(ctx context.Context, address string, err error) fault {
	if timedOut(err) {
		return fault{
			fmt.Sprintf("it shook hands, and then gave no answer to Metadata within %v", e.timeout),
			"look at the broker's log and load: it hangs, is starting, or cannot reach its controller",
		}
	}
	if mechanisms := e.probeSASL(ctx, address); len(mechanisms) > 0 {
		return fault{
			"the listener wants a login (SASL): " + strings.Join(mechanisms, ", "),
			"set security.protocol=" + e.withLogin() + ", sasl.mechanism and sasl.jaas.config, or name the port of a PLAINTEXT listener",
		}
	}
	return fault{"it shook hands, and then closed the connection at the Metadata request: " + err.Error(), "look at the broker's log for the reason"}
}

// describeCluster is what the cluster says of itself.
func (e *examination) describeCluster(address string) []Finding {
	text := fmt.Sprintf("cluster %s of %s", clusterID(e.cluster), plural(len(e.cluster.Brokers), "broker"))
	if e.cluster.ControllerID < 0 {
		return []Finding{
			pass("cluster", address, "%s", text),
			fault{
				"it has no controller at the moment: partitions whose leader dies get no new one, and no topic can be created",
				"look at the controllers' logs (or ZooKeeper's, before Kafka 4.0): most of them must run",
			}.warns("controller", "cluster "+clusterID(e.cluster)),
		}
	}
	return []Finding{pass("cluster", address, "%s, controller %d", text, e.cluster.ControllerID)}
}

// clusterID names a cluster.
func clusterID(metadata *kmsg.MetadataResponse) string {
	if metadata.ClusterID == nil {
		return "(without an id)"
	}
	return *metadata.ClusterID
}
