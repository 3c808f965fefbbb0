package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// examineBrokers goes the way to each address that the cluster advertises: records go there, whatever the bootstrap
// addresses are. It then reads the settings of one broker.
func (e *examination) examineBrokers(ctx context.Context) []Finding {
	if e.cluster == nil {
		return nil
	}
	var findings []Finding
	for i := range e.cluster.Brokers {
		findings = append(findings, e.examineBroker(ctx, &e.cluster.Brokers[i]))
	}
	for i := range e.cluster.Brokers {
		b := &e.cluster.Brokers[i]
		if e.conns[addressOf(b)] != nil {
			e.readBrokerSettings(ctx, b)
			break
		}
	}
	return findings
}

// addressOf is what a broker advertises.
func addressOf(b *kmsg.MetadataResponseBroker) string {
	return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
}

// examineBroker goes the way to one broker, in one finding.
func (e *examination) examineBroker(ctx context.Context, b *kmsg.MetadataResponseBroker) Finding {
	address, subject := addressOf(b), subjectOf(b)
	if finding, told := e.elsewhere(b); told {
		return finding
	}
	steps := e.reach(ctx, address)
	if last := steps[len(steps)-1]; last.Status == Fail {
		fix := fixAdvertised(b)
		if last.Check != "dns" && last.Check != "tcp" {
			fix = last.Fix
		}
		return e.unreachable(b, subject, fault{"the cluster tells its clients this address, and from here: " + last.Text, fix})
	}
	metadata, what := e.askMetadata(ctx, address)
	switch {
	case metadata == nil:
		return e.unreachable(b, subject, what)
	case clusterID(metadata) != clusterID(e.cluster):
		return e.unreachable(b, subject, fault{"another cluster answers there: " + clusterID(metadata), fixAdvertised(b)})
	}
	return pass("advertised", subject, "reachable from here")
}

// elsewhere tells a broker that advertises an address which means another machine to each client. That is right on the one
// machine where it runs, and for whoever reached it under such an address himself, as through a tunnel.
func (e *examination) elsewhere(b *kmsg.MetadataResponseBroker) (finding Finding, told bool) {
	if !isLoopback(b.Host) || slices.ContainsFunc(e.bootstrap(), func(a string) bool { return isLoopback(hostOf(a)) }) {
		return Finding{}, false
	}
	what := fault{"the cluster tells its clients an address that is each client's own machine", fixAdvertised(b)}
	return e.unreachable(b, subjectOf(b), what), true
}

// subjectOf names a broker.
func subjectOf(b *kmsg.MetadataResponseBroker) string {
	return fmt.Sprintf("broker %d at %s", b.NodeID, addressOf(b))
}

// unreachable is a broker that cannot be used. It stops a producer unless none of the topic's partitions are led by it.
func (e *examination) unreachable(b *kmsg.MetadataResponseBroker, subject string, what fault) Finding {
	if e.topic != "" && len(e.cluster.Topics) == 1 && e.cluster.Topics[0].ErrorCode == 0 {
		led := 0
		for _, p := range e.cluster.Topics[0].Partitions {
			if p.Leader == b.NodeID {
				led++
			}
		}
		if led == 0 {
			what.text += fmt.Sprintf("; it leads no partition of topic %s now", e.topic)
			return what.warns("advertised", subject)
		}
		what.text += fmt.Sprintf("; it leads %s of topic %s", plural(led, "partition"), e.topic)
	}
	return what.fails("advertised", subject)
}

func fixAdvertised(b *kmsg.MetadataResponseBroker) string {
	return fmt.Sprintf("set advertised.listeners of broker %d to a name and a port that clients can reach from where they run "+
		"(in Docker or Kubernetes: a listener of its own for clients outside), or start that broker", b.NodeID)
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// isLoopback tells addresses that never leave the machine. Other names are not looked up for it.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// brokerSettingsRead are the settings of a broker that other groups compare with.
var brokerSettingsRead = []string{
	"auto.create.topics.enable", "connections.max.idle.ms", "message.max.bytes", "num.partitions", "replica.lag.time.max.ms",
	"socket.request.max.bytes",
}

// readBrokerSettings learns one broker's settings. Most clients may not read them, and need not.
func (e *examination) readBrokerSettings(ctx context.Context, b *kmsg.MetadataResponseBroker) {
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeBroker
	resource.ResourceName = strconv.Itoa(int(b.NodeID))
	resource.ConfigNames = slices.Clone(brokerSettingsRead)
	e.brokerSettings, _ = e.readSettings(ctx, addressOf(b), resource)
}

// readSettings asks for the settings of a topic or a broker. refused is the broker's error code, if it gave one.
func (e *examination) readSettings(
	ctx context.Context, address string, resource kmsg.DescribeConfigsRequestResource,
) (settings map[string]string, refused int16) {
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.Resources = append(request.Resources, resource)
	conn := e.conns[address]
	if conn == nil {
		conn = e.anyConn()
	}
	if conn == nil {
		return nil, 0
	}
	response, err := e.ask(ctx, conn, request)
	if err != nil {
		return nil, 0
	}
	settings = make(map[string]string)
	for _, answer := range response.(*kmsg.DescribeConfigsResponse).Resources {
		if answer.ErrorCode != 0 {
			return nil, answer.ErrorCode
		}
		for _, config := range answer.Configs {
			if config.Value != nil {
				settings[config.Name] = *config.Value
			}
		}
	}
	return settings, 0
}
