package doctor

import (
	"context"
	"fmt"
	"strings"
)

// examineSettings looks at the configuration alone: what it asks for that costs records, and what becomes of it by rules
// that are easily overlooked.
func (e *examination) examineSettings(context.Context) []Finding {
	var findings []Finding
	for _, note := range e.notes {
		name := note.Name
		if name == "" {
			name = "configuration"
		}
		fix := "say what is meant, so that nothing else is done"
		if strings.HasPrefix(name, "ssl.") || strings.HasPrefix(name, "sasl.") || name == "security.protocol" {
			fix = "mend it, unless it is meant"
		}
		findings = append(findings, fault{note.Text, fix}.warns("settings", name))
	}
	if acks := e.values["acks"]; acks != "all" {
		lost := "records that the leader acknowledged are lost when it dies before its followers have them"
		if acks == "0" {
			lost = "nobody acknowledges anything, and losses go unseen"
		}
		findings = append(findings, fault{"acks=" + acks + ": " + lost, "set acks=all"}.warns("settings", "acks"))
	}
	if e.values["enable.idempotence"] == "false" && e.values["max.in.flight.requests.per.connection"] != "1" && len(e.notes) == 0 {
		findings = append(findings, fault{
			"enable.idempotence=false: a retry may write a record twice, and out of order",
			"set enable.idempotence=true, or max.in.flight.requests.per.connection=1 for the order alone",
		}.warns("settings", "enable.idempotence"))
	}
	if e.values["retries"] == "0" {
		findings = append(findings, fault{
			"retries=0: a leader that moves, as at every restart of a broker, fails the records on their way to it",
			"leave retries out, and bound the time with delivery.timeout.ms",
		}.warns("settings", "retries"))
	}
	if len(findings) == 0 {
		findings = append(findings, pass("settings", "configuration", "acks=%s, enable.idempotence=%s, compression.type=%s",
			e.values["acks"], e.values["enable.idempotence"], e.values["compression.type"]))
	}
	return findings
}

// plural is a count with its noun.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
