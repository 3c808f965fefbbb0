package authn_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// FuzzServer lets a server say anything: each byte string of the input, behind its length, is a message. Whatever it says,
// the exchange ends soon, and only PLAIN and OAUTHBEARER, whose servers prove nothing, can succeed.
func FuzzServer(f *testing.F) {
	message := func(texts ...string) (input []byte) {
		for _, text := range texts {
			input = append(binary.BigEndian.AppendUint16(input, uint16(len(text))), text...)
		}
		return input
	}
	for mechanism := range uint8(4) {
		f.Add(mechanism, int16(0), message("", "", ""))
		f.Add(mechanism, int16(58), message("r=NONCEx,s=c2FsdA==,i=4096", "v=c2lnbmF0dXJl"))
		f.Add(mechanism, int16(0), message("r=NONCEx,s=c2FsdA==,i=4096", "e=other-error"))
		f.Add(mechanism, int16(0), message(`{"status":"invalid_token"}`))
	}
	f.Fuzz(func(t *testing.T, mechanism uint8, code int16, input []byte) {
		nonce := ""
		l := &listener{answer: func(round int, said []byte) *kmsg.SASLAuthenticateResponse {
			if _, own, found := strings.Cut(string(said), "r="); found && round == 1 {
				nonce = own
			}
			var text string
			if len(input) >= 2 {
				end := min(2+int(binary.BigEndian.Uint16(input)), len(input))
				text, input = string(input[2:end]), input[end:]
			}
			if strings.Contains(text, "i=") && len(text) > 40 {
				text = text[:40] // the time for a million iterations is not what is looked for
			}
			answer := says(strings.ReplaceAll(text, "NONCE", nonce))
			if len(input) == 0 {
				answer.ErrorCode = code
			}
			return answer
		}}
		choice := []sasl.Mechanism{
			plain.Auth{User: "alice", Pass: canary}.AsMechanism(), oauth.Auth{Token: canary}.AsMechanism(),
			scram.Auth{User: "alice", Pass: canary}.AsSha256Mechanism(), scram.Auth{User: "alice", Pass: canary}.AsSha512Mechanism(),
		}[mechanism%4]
		attempt, err := authn.Begin(t.Context(), choice, "b1:9092")
		if err != nil {
			t.Fatal(err)
		}
		_, err = attempt.Run(l.ask)
		switch {
		case err == nil && strings.HasPrefix(choice.Name(), "SCRAM"):
			t.Error("a server that cannot know the password was believed")
		case err != nil && strings.Contains(err.Error(), canary):
			t.Errorf("the error holds the password: %v", err)
		}
	})
}
