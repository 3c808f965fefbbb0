package realkafka

import (
	"fmt"
	"strings"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/loopback"
)

// properties returns server.properties. Clients and brokers have listeners of
// their own, so that only clients go through a proxy.
func (s *Server) properties() string {
	e := s.ensemble
	var voters []string
	for _, other := range e.servers {
		voters = append(voters, fmt.Sprintf("%d@%s", other.id, loopback.Addr(other.ports[2])))
	}
	factor, minISR := 1, 1
	if e.settings.Nodes >= 3 {
		factor, minISR = 3, 2
	}
	var b strings.Builder
	set := func(name string, value any) { fmt.Fprintf(&b, "%s=%v\n", name, value) }
	set("process.roles", "broker,controller")
	set("node.id", s.id)
	set("controller.quorum.voters", strings.Join(voters, ","))
	set("listeners", fmt.Sprintf("PLAINTEXT://%s,INTERNAL://%s,CONTROLLER://%s",
		loopback.Addr(s.ports[0]), s.InternalAddr(), loopback.Addr(s.ports[2]))+s.securedListeners())
	set("advertised.listeners", fmt.Sprintf("PLAINTEXT://%s,INTERNAL://%s", s.Addr(), s.InternalAddr())+s.securedListeners())
	set("inter.broker.listener.name", "INTERNAL")
	set("controller.listener.names", "CONTROLLER")
	set("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"+
		",TLS:SSL,MTLS:SSL,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL")
	set("log.dirs", s.DataDir())
	set("default.replication.factor", factor)
	set("min.insync.replicas", minISR)
	set("unclean.leader.election.enable", false)
	for _, topic := range []string{"offsets.topic", "transaction.state.log", "share.coordinator.state.topic"} {
		set(topic+".replication.factor", factor)
		set(topic+".num.partitions", 3)
	}
	set("transaction.state.log.min.isr", minISR)
	set("share.coordinator.state.topic.min.isr", minISR)
	set("group.initial.rebalance.delay.ms", 0)
	set("broker.session.timeout.ms", 3000)
	set("broker.heartbeat.interval.ms", 500)
	set("log.cleaner.dedupe.buffer.size", 4<<20) // of the heap; the default is 128 MiB
	if e.settings.Secured != nil {
		s.secure(set)
	}
	for _, p := range e.settings.Properties {
		set(p[0], p[1]) // the last line of a name wins
	}
	return b.String()
}

// log4jProperties keeps out the configuration, some 300 lines at each start, which
// would fill a test's tail.
const log4jProperties = `status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = ${sys:kafkatest.log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{HH:mm:ss.SSS} %-5p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.clients.name = org.apache.kafka.clients
logger.clients.level = warn
`
