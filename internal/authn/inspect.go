package authn

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// iterationsMax is the most rounds of hashing that a SCRAM server is granted: some 0.3 s of a core. Kafka's own credentials
// have 4,096 to 16,384; without a bound a server could keep a core busy for half an hour. What is too few is the
// mechanism's to refuse (RFC 5802 wants 4,096).
const iterationsMax = 1_000_000

// inspect refuses a message that the mechanism should not be given.
func (a *Attempt) inspect(message []byte) error {
	switch {
	case strings.HasPrefix(a.mechanism, "SCRAM-") && a.round == 1:
		return checkIterations(message)
	case a.mechanism == "OAUTHBEARER" && len(message) > 0:
		return tokenRefused(message)
	}
	return nil
}

// checkIterations looks for the i= of a SCRAM server's first message.
func checkIterations(message []byte) error {
	for attribute := range strings.SplitSeq(string(message), ",") {
		count, found := strings.CutPrefix(attribute, "i=")
		if !found {
			continue
		}
		if n, err := strconv.Atoi(count); err != nil || n > iterationsMax {
			return fmt.Errorf("the server asks for %.20q SCRAM iterations, at most %d are granted: is this the right server?", count, iterationsMax)
		}
	}
	return nil
}

// tokenRefused reads the JSON by which a server says what is wrong with a token (RFC 7628, section 3.2.2). It is an
// answer without an error code: the code would only come after one more round.
func tokenRefused(message []byte) error {
	var told struct {
		Status string `json:"status"`
		Scope  string `json:"scope"`
	}
	if err := json.Unmarshal(message, &told); err != nil || told.Status == "" {
		return errors.New("the broker does not take the token and does not say why")
	}
	text := fmt.Sprintf("the broker does not take the token: %.100q", told.Status)
	if told.Scope != "" {
		text += fmt.Sprintf("; it wants the scope %.200q", told.Scope)
	}
	return errors.New(text)
}

// plainly is a mechanism's error without what helps to guess a password: franz-go's SCRAM quotes the signature that it
// expected, which is a hash of it.
func (a *Attempt) plainly(err error) error {
	if strings.HasPrefix(a.mechanism, "SCRAM-") && strings.Contains(err.Error(), "signature") {
		return errors.New("the server has not proved that it knows the password: its signature is not the expected one; " +
			"check the password, and that this is the right server")
	}
	return err
}
