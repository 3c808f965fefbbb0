package dialect

import (
	"fmt"
	"strings"
	"testing"
)

func TestNothingOfAProfileIsDroppedWithoutAWord(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"kafka_api:\n  brokers: [k:1]\n  sals: {user: u, password: canary}\n", `f:3: "sals" is none of the names`},
		{"kafka_api:\n  brokers: [k:1]\n  sasl: canary\n", "f:3: sasl is no section"},
		{"kafka_api:\n  brokers: [k:1]\n  tls: false\n", "f:3: tls is no section"},
		{"canary\n", "f:1: it has no names with values"},
		{"rpk: 7\n", "f:1: rpk is no section"},
		{"kafka_api: k:1\n", "f:1: kafka_api is no section"},
		{"kafka_api:\n  brokers: k:1\n", "f:2: brokers is no list"},
		{"kafka_api:\n  brokers: [{host: k}]\n", "f:2: a broker has no address"},
		{"kafka_api:\n  brokers: [k:1]\n  brokers: [k:2]\n", `f:3: "brokers" stands there twice`},
		{"kafka_api:\n  sasl: {user: u, password: canary, password: x}\n", `f:2: "password" stands there twice`},
		{"kafka_api:\n  sasl: {user: u, password:canary}\n", `f:2: "password", which goes on`},
		{"profiles:\n- name: a\n  kafka_api: &a {sasl: {user: u, password: canary}}\n- name: b\n  kafka_api:\n    <<: *a\ncurrent_profile: b\n", "f:6: it takes names from another section"},
		{"profiles:\n- &a\n  name: a\n  kafka_api: {tls: {}}\n- <<: *a\n  name: b\ncurrent_profile: b\n", "f:5: it takes names from another section"},
		{"kafka_api:\n  brokers: [k:1]\n---\nkafka_api:\n  brokers: [k:2]\n", "a second document"},
	} {
		_, mistakes := Rpk.Read(test.text, func(line int) string { return fmt.Sprint("f:", line) })
		told := fmt.Sprint(mistakes)
		if !strings.Contains(told, test.want) || strings.Contains(told, "canary") {
			t.Errorf("%q: %s, want %s", test.text, told, test.want)
		}
	}
}
