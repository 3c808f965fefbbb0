package embedded

import (
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// hookRenewal is after how many requests a hook is registered anew: for as long as it stays registered, kfake keeps the last
// request of each connection that the hook has seen.
const hookRenewal = 64

// hook looks at each request of a kind before kfake carries it out.
type hook struct {
	cluster *kfake.Cluster
	key     int16
	// before may change the request, or answer it in place of kfake.
	before func(kmsg.Request) kmsg.Response
	// seen counts requests since the last renewal. kfake runs hooks one after the other.
	seen int
}

// hookRequests registers the function for as long as the cluster lives. kfake waits for it; it may call the cluster.
func hookRequests(cluster *kfake.Cluster, key int16, before func(kmsg.Request) kmsg.Response) {
	(&hook{cluster: cluster, key: key, before: before}).install()
}

func (h *hook) install() { h.cluster.ControlKey(h.key, h.run) }

// run is what kfake calls.
func (h *hook) run(request kmsg.Request) (response kmsg.Response, err error, handled bool) {
	response = h.before(request)
	h.cluster.KeepControl()
	if h.seen++; h.seen >= hookRenewal {
		h.seen = 0
		h.cluster.DropControl()
		h.install()
	}
	return response, nil, response != nil
}
