package doctor

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What answers on this machine's own address is some other broker, if anything: no way is gone there.
func TestAClusterElsewhereThatAdvertisesLocalhostFails(t *testing.T) {
	for bootstrap, want := range map[string]Status{"kafka.example:9092": Fail, "kafka.example:9092,127.0.0.1:1": ""} {
		e := &examination{values: map[string]string{"bootstrap.servers": bootstrap}, cluster: &kmsg.MetadataResponse{}}
		for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
			f, told := e.elsewhere(&kmsg.MetadataResponseBroker{NodeID: 1, Host: host, Port: 9092})
			if f.Status != want || told != (want != "") {
				t.Errorf("%s behind %s: %+v, want %q", host, bootstrap, f, want)
			}
		}
		if f, told := e.elsewhere(&kmsg.MetadataResponseBroker{Host: "kafka-1.example", Port: 9092}); told {
			t.Errorf("a name behind %s: %+v, want nothing", bootstrap, f)
		}
	}
}
