package doctor

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// examineRights looks at what the brokers say that this client may do with the topic. Brokers before 2.3 do not tell. Who
// sees a topic has Describe.
func (e *examination) examineRights(subject string) []Finding {
	allowed := e.found.AuthorizedOperations
	if allowed == math.MinInt32 || allowed == 0 {
		return nil
	}
	may := func(operation kmsg.ACLOperation) bool {
		return allowed&(1<<operation) != 0 || allowed&(1<<kmsg.ACLOperationAll) != 0
	}
	switch {
	case !may(kmsg.ACLOperationWrite):
		return []Finding{fault{
			e.who() + " may see it, and not write to it",
			"have its operator grant Write: " + e.client.Grant(acl.Topic(acl.Write, e.topic)),
		}.fails("rights", subject)}
	case may(kmsg.ACLOperationRead):
		return []Finding{pass("rights", subject, "%s may write it, and read it to settle what is in doubt", e.who())}
	}
	return []Finding{
		pass("rights", subject, "%s may write it", e.who()),
		fault{
			e.who() + " may not read it: where an answer is lost, the log cannot be asked whether it has the records",
			"have its operator grant Read, if doubt shall be settled: " + e.client.Grant(acl.Topic(acl.Read, e.topic)),
		}.notes("rights", subject),
	}
}

// who is this client, as brokers call it where that is known.
func (e *examination) who() string {
	if principal := e.client.Principal(); principal != "" {
		return principal
	}
	return "this client"
}

// asWhom is the user that a login is for.
func (e *examination) asWhom() string {
	if principal := e.client.Principal(); principal != "" {
		return " of " + principal
	}
	return ""
}
