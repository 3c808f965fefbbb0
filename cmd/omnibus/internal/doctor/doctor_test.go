package doctor_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/doctor"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// examine runs the command line with -o json.
func examine(t *testing.T, args ...string) ([]doctor.Finding, clitest.Result) {
	t.Helper()
	result := clitest.Run(t, append([]string{"doctor", "-o", "json"}, args...)...)
	var findings []doctor.Finding
	for line := range strings.Lines(result.Out) {
		var f doctor.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		findings = append(findings, f)
	}
	return findings, result
}

// failed returns the findings that failed.
func failed(findings []doctor.Finding) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f doctor.Finding) bool { return f.Status != doctor.Fail })
}

func TestAHealthyClusterPasses(t *testing.T) {
	cluster := kafkatest.Start(t)
	cluster.CreateTopic("orders", 6, map[string]string{"min.insync.replicas": "2"})
	findings, result := examine(t, "orders", "-b", strings.Join(cluster.Brokers(), ","))
	if result.Code != cli.ExitOK || result.Err != "" {
		t.Errorf("code %d: %s", result.Code, result.Err)
	}
	seen := make(map[string]int)
	for _, f := range findings {
		seen[f.Check]++
		if f.Status != doctor.Pass || f.Fix != "" {
			t.Errorf("%+v", f)
		}
	}
	for check, count := range map[string]int{
		"settings": 1, "tcp": 3, "api": 3, "cluster": 1, "advertised": 3, "topic": 1, "rights": 1, "leaders": 1, "in-sync": 1,
		"sizes": 1, "timeouts": 1, "idempotence": 1,
	} {
		if seen[check] != count {
			t.Errorf("check %s was told %d times, want %d", check, seen[check], count)
		}
	}
}

func TestWithoutATopicTheRestIsExamined(t *testing.T) {
	cluster := kafkatest.Start(t)
	findings, result := examine(t, "-b", cluster.Brokers()[0])
	if result.Code != cli.ExitOK || len(failed(findings)) > 0 {
		t.Errorf("code %d: %s", result.Code, result.Err)
	}
	for _, f := range findings {
		if strings.HasPrefix(f.Subject, "topic") {
			t.Errorf("%+v is about a topic, and none was named", f)
		}
		if f.Check == "sizes" && !strings.Contains(f.Text, "message.max.bytes") {
			t.Errorf("sizes are not compared with the brokers' own limit: %+v", f)
		}
	}
}

func TestANameIsLookedUp(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1))
	address := strings.Replace(cluster.Brokers()[0], "127.0.0.1", "localhost", 1)
	findings, result := examine(t, "-b", address)
	if result.Code != cli.ExitOK {
		t.Errorf("code %d: %s", result.Code, result.Err)
	}
	found := slices.ContainsFunc(findings, func(f doctor.Finding) bool {
		return f.Check == "dns" && f.Subject == "localhost" && strings.Contains(f.Text, "127.0.0.1")
	})
	if !found {
		t.Errorf("the name's addresses are not told: %s", result.Out)
	}
}

func TestNothingIsWrittenAndNothingCreated(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.AutoCreate(3))
	produced := cluster.Observe(kafkatest.Produce)
	examine(t, "orders", "-b", cluster.Brokers()[0])
	if produced.Hits() > 0 || cluster.Kfake().TopicInfo("orders") != nil {
		t.Errorf("%d requests wrote something, topic %v", produced.Hits(), cluster.Kfake().TopicInfo("orders"))
	}
}

func TestTheTextHasALineForEachFindingAndItsFix(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1))
	result := clitest.Run(t, "doctor", "orders", "-b", cluster.Brokers()[0])
	for _, want := range []string{
		"pass  tcp          " + cluster.Brokers()[0] + ": accepts connections",
		"fail  topic        topic orders: it does not exist\n      fix:         create it: omnibus topic create orders",
		"1 failed\n",
	} {
		if !strings.Contains(result.Out, want) {
			t.Errorf("the text does not say %q:\n%s", want, result.Out)
		}
	}
	if result.Code != cli.ExitFatal || !strings.Contains(result.Err, "a producer would be stopped: topic orders: it does not exist") {
		t.Errorf("code %d: %s", result.Code, result.Err)
	}
}

func TestTheEmbeddedBrokerIsHealthy(t *testing.T) {
	dir := t.TempDir()
	if result := clitest.Run(t, "topic", "create", "orders", "--embedded", "--data", dir); result.Code != cli.ExitOK {
		t.Fatal(result.Err)
	}
	findings, result := examine(t, "orders", "--embedded", "--data", dir)
	if result.Code != cli.ExitOK || len(findings) < 10 {
		t.Errorf("code %d: %s%s", result.Code, result.Out, result.Err)
	}
}

func TestMistakesAreUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "--brokers"},
		{[]string{"a", "b", "-b", "x:1"}, "arg"},
		{[]string{"a b", "-b", "x:1"}, "is no topic's name"},
		{[]string{"-b", "x"}, "bootstrap.servers"},
		{[]string{"-b", "x:1", "--timeout", "0s"}, "--timeout is 0s, want 1ms or more"},
		{[]string{"-b", "x:1", "-o", "yaml"}, "--output"},
		{[]string{"-b", "x:1", "-X", "acks=7"}, "acks"},
	} {
		got := clitest.Run(t, append([]string{"doctor"}, test.args...)...)
		if got.Code != cli.ExitUsage || got.Out != "" || !strings.Contains(got.Err, test.want) {
			t.Errorf("%q: code %d, output %q, standard error %q; want %q", test.args, got.Code, got.Out, got.Err, test.want)
		}
	}
}
