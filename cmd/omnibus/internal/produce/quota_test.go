package produce_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

func TestOnRealKafkaAQuotaShowsInTheProgressAndTheSummary(t *testing.T) {
	kafkatest.RequireKafka(t)
	const records = 8 << 10
	kafka := kafkatest.StartKafka(t, 1, kafkatest.Property("quota.window.num", "3"))
	kafka.CreateTopic("orders", 1, nil)
	kafka.LimitClient("throttled", 1<<20)
	command := clitest.Command{Stdin: strings.Repeat(strings.Repeat("x", 1000)+"\n", records)}
	result := command.Run(t.Context(), t, "produce", "orders", "-b", kafka.Brokers()[0], "-X", "client.id=throttled",
		"--progress-interval", "500ms", "--summary", "json")
	var summary struct {
		Acked     int     `json:"acked"`
		Throttled float64 `json:"throttled_seconds"`
	}
	if err := json.Unmarshal([]byte(result.Out), &summary); err != nil {
		t.Fatalf("%v: %s%s", err, result.Out, result.Err)
	}
	if result.Code != cli.ExitOK || summary.Acked != records || summary.Throttled <= 1 {
		t.Errorf("code %d, %+v", result.Code, summary)
	}
	for _, want := range []string{`MB/s, .*throttled [0-9.]+ s, ack p50`, `; throttled for [0-9.]+ s by the brokers' quotas`} {
		if !regexp.MustCompile(want).MatchString(result.Err) {
			t.Errorf("standard error does not say %s: %s", want, result.Err)
		}
	}
	t.Log(result.Err)
}
