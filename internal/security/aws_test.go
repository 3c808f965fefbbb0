package security

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestAWSSignature checks what is said to a broker of Amazon's as the broker does: by the algorithm that Amazon publishes
// (Signature Version 4, with the signature in the query), which leads from the secret key to the signature.
func TestAWSSignature(t *testing.T) {
	const secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_SESSION_TOKEN", "a/session+token=")
	c := connection(t, settings(t, protocol, "SASL_SSL", mechanismName, "AWS_MSK_IAM", login, iamLogin))
	text := c.first(t)
	if strings.Contains(text, secretKey) {
		t.Error("the secret key is sent")
	}
	var said map[string]string
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	const host = "b-1.example.kafka.eu-west-1.amazonaws.com"
	for name, want := range map[string]string{
		"version": "2020_10_22", "host": host, "action": "kafka-cluster:Connect", "x-amz-algorithm": "AWS4-HMAC-SHA256",
		"x-amz-signedheaders": "host", "x-amz-security-token": "a/session+token=",
	} {
		if said[name] != want {
			t.Errorf("%s is %q, want %q", name, said[name], want)
		}
	}
	day := said["x-amz-date"][:8]
	scope := day + "/eu-west-1/kafka-cluster/aws4_request"
	if want := "AKIDEXAMPLE/" + scope; said["x-amz-credential"] != want {
		t.Errorf("credential %q, want %q", said["x-amz-credential"], want)
	}

	names := map[string]string{"Action": "action"}
	for _, name := range []string{"Algorithm", "Credential", "Date", "Expires", "Security-Token", "SignedHeaders"} {
		names["X-Amz-"+name] = "x-amz-" + strings.ToLower(name)
	}
	var query []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		query = append(query, name+"="+strings.ReplaceAll(url.QueryEscape(said[names[name]]), "+", "%20"))
	}
	empty := sha256.Sum256(nil)
	canonical := sha256.Sum256(fmt.Appendf(nil, "GET\n/\n%s\nhost:%s\n\nhost\n%x", strings.Join(query, "&"), host, empty))
	key := []byte("AWS4" + secretKey)
	for _, part := range []string{day, "eu-west-1", "kafka-cluster", "aws4_request",
		fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", said["x-amz-date"], scope, canonical)} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if want := hex.EncodeToString(key); said["x-amz-signature"] != want {
		t.Errorf("signature %s, want %s", said["x-amz-signature"], want)
	}
}
