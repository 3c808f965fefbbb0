package doctor

import (
	"context"
	"fmt"
	"time"
)

// roundTripsMin is how many times longer than a round trip a wait for an answer should at least be.
const roundTripsMin = 10

// examineTimeouts compares waits: those of the producer with each other, with how fast the cluster answers, and with
// what the brokers do.
func (e *examination) examineTimeouts(context.Context) []Finding {
	request, _ := millis(e.values, "request.timeout.ms")
	delivery, _ := millis(e.values, "delivery.timeout.ms")
	block, _ := millis(e.values, "max.block.ms")
	var findings []Finding
	warn := func(name, text, fix string) {
		findings = append(findings, fault{text, fix}.warns("timeouts", name))
	}
	if delivery < 2*request && e.values["retries"] != "0" {
		warn("delivery.timeout.ms", fmt.Sprintf("it is %v and request.timeout.ms %v: when one request has timed out, too little is left to try again", delivery, request),
			"set delivery.timeout.ms to twice request.timeout.ms or more")
	}
	if e.roundTrip > 0 && request < roundTripsMin*e.roundTrip {
		warn("request.timeout.ms", fmt.Sprintf("it is %v, and the brokers took up to %v to answer just now", request, e.roundTrip.Round(time.Microsecond)),
			"leave it at 30000: a shorter one repeats requests that were only slow")
	}
	if block < max(time.Second, roundTripsMin*e.roundTrip) {
		warn("max.block.ms", fmt.Sprintf("it is %v: the first record of a topic waits for its metadata, and is refused if that takes longer", block),
			"set it to 1000 or more, or name the topics for preloading")
	}
	if lag, known := millis(e.brokerSettings, "replica.lag.time.max.ms"); known && request < lag && e.values["acks"] == "all" {
		warn("request.timeout.ms", fmt.Sprintf("it is %v, and the brokers wait up to %v for a follower that is behind (replica.lag.time.max.ms): meanwhile every request is repeated", request, lag),
			fmt.Sprintf("set request.timeout.ms to %d or more", lag.Milliseconds()))
	}
	idle, _ := number(e.values, "connections.max.idle.ms")
	if theirs, known := number(e.brokerSettings, "connections.max.idle.ms"); known && theirs > 0 && (idle < 0 || idle >= theirs) {
		warn("connections.max.idle.ms", fmt.Sprintf("it is %d here and %d on the brokers, which then close the connection first: the record after a pause meets a closed one and waits for a new one", idle, theirs),
			fmt.Sprintf("set it to less than %d", theirs))
	}
	if len(findings) == 0 {
		findings = append(findings, pass("timeouts", "configuration", "delivery.timeout.ms %v, request.timeout.ms %v%s", delivery, request, e.measured()))
	}
	return findings
}

// measured tells how fast the cluster is.
func (e *examination) measured() string {
	if e.roundTrip == 0 {
		return ""
	}
	return fmt.Sprintf("; answers took up to %v", e.roundTrip.Round(time.Microsecond))
}
