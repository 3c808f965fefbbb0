package config

import (
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

func TestPasswordsThatHoldAreHidden(t *testing.T) {
	for _, test := range []struct {
		property omnibus.Property
		want     string
	}{
		{omnibus.Property{Name: "ssl.key.password", Type: "PASSWORD", Value: "secret"}, "#ssl.key.password=[hidden]"},
		{omnibus.Property{Name: "ssl.key.password", Type: "PASSWORD", Value: "null"}, "ssl.key.password=null"},
		{omnibus.Property{Name: "url", Type: "STRING", Value: "https://me:secret@h/p"}, "#url=https://[hidden]@h/p"},
		{omnibus.Property{Name: "url", Type: "STRING", Value: "https://h/p@q"}, "url=https://h/p@q"},
	} {
		row := newRow(test.property, []connect.Setting{{Name: test.property.Name, Value: test.property.Value, Origin: "-X"}}, "", false)
		if got := row.line(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
