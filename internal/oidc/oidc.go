// Package oidc gets access tokens from an identity provider for a client that has an id and a secret: OAuth's client
// credentials grant, as Kafka does it (KIP-768).
//
//	POST endpoint                               200 {"access_token": "…", "expires_in": 3600}
//	Authorization: Basic id:secret        ->    400 {"error": "invalid_client", "error_description": "…"}
//	grant_type=client_credentials&scope=…
//
// A token is used for reuseShare of its life and then asked for anew by who needs one; nothing runs in between. One request
// is under way at a time: who comes meanwhile waits for it, so that a hundred connections cost one token.
package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/secret"
)

const (
	// reuseShare is Java's sasl.login.refresh.window.factor.
	reuseShare = 0.8
	// answerBytesMax bounds an answer; a token with many claims has a few KiB.
	answerBytesMax = 1 << 20
)

// Credentials are what the provider knows the client by.
type Credentials struct {
	ID     string
	Secret secret.Text
}

// Config says whom to ask and how.
type Config struct {
	// Endpoint is the token endpoint's URL.
	Endpoint string
	// Credentials are asked for before each request, so that they can change.
	Credentials func() (Credentials, error)
	// Scope is sent unless it is empty.
	Scope string
	// URLEncode writes id and secret as a form would before they are encoded for the header (RFC 6749, section 2.3.1).
	URLEncode bool
	// Client sends the requests. Its redirects are not followed: the secret is for the endpoint alone.
	Client *http.Client
}

// Source gives out tokens. Its method may be called by many goroutines.
type Source struct {
	config Config
	// turn is held by who asks the provider, and guards token; it is a channel because waiting for it must end with a
	// context.
	turn  chan struct{}
	token token
}

type token struct {
	text  secret.Text
	fresh time.Time // until when it is used
}

// New makes a Source that has no token yet.
func New(config Config) *Source {
	client := *config.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	config.Client = &client
	return &Source{config: config, turn: make(chan struct{}, 1)}
}

// Token returns a token that is good for a while yet. It asks the provider if there is none, and waits for at most as long
// as ctx lasts. The error is a *RefusedError if the provider does not know the client.
func (s *Source) Token(ctx context.Context) (secret.Text, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return secret.Text{}, fmt.Errorf("no token yet from %s: %w", s.config.Endpoint, context.Cause(ctx))
	}
	if time.Now().Before(s.token.fresh) {
		return s.token.text, nil
	}
	got, err := s.ask(ctx)
	if err != nil {
		return secret.Text{}, fmt.Errorf("no token from %s: %w", s.config.Endpoint, err)
	}
	s.token = got
	return got.text, nil
}

// ask sends one request.
func (s *Source) ask(ctx context.Context) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.config.Scope != "" {
		form.Set("scope", s.config.Scope)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	credentials, err := s.config.Credentials()
	if err != nil {
		return token{}, err
	}
	id, password := credentials.ID, credentials.Secret.Reveal()
	if s.config.URLEncode {
		id, password = url.QueryEscape(id), url.QueryEscape(password)
	}
	request.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+password)))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	response, err := s.config.Client.Do(request)
	if err != nil {
		return token{}, errors.Unwrap(err) // without the method and the address, which the caller says
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return token{}, err
	}
	return read(response.StatusCode, body)
}

// answer is what a provider says, good or bad.
type answer struct {
	AccessToken string      `json:"access_token"`
	ExpiresIn   json.Number `json:"expires_in"`
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
}

func read(status int, body []byte) (token, error) {
	var said answer
	if err := json.Unmarshal(body, &said); err != nil && status == http.StatusOK {
		return token{}, errors.New("the answer is no JSON with an access_token: is this the token endpoint?")
	}
	switch {
	case status == http.StatusOK && said.AccessToken != "":
		life := lifetime(said, time.Now())
		return token{secret.New(said.AccessToken), time.Now().Add(time.Duration(reuseShare * float64(life)))}, nil
	case status == http.StatusOK:
		return token{}, errors.New("the answer has no access_token: is this the token endpoint?")
	case status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
		return token{}, &RefusedError{Status: status, Code: said.Error, Description: said.Description}
	}
	return token{}, fmt.Errorf("the identity provider answered %d %s", status, http.StatusText(status))
}

// lifetime is how long a token lives, by the answer or by the token itself if it is a JWT; 0 if neither says so, and then it
// is used once.
func lifetime(said answer, now time.Time) time.Duration {
	if seconds, err := said.ExpiresIn.Float64(); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 365*24*3600) * float64(time.Second))
	}
	parts := strings.Split(said.AccessToken, ".")
	if len(parts) != 3 {
		return 0
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 {
		return 0
	}
	left := time.Unix(int64(min(claims.Exp, 1<<40)), 0).Sub(now)
	return min(max(left, 0), 365*24*time.Hour)
}

// RefusedError is a provider's no.
type RefusedError struct {
	// Status is HTTP's.
	Status int
	// Code and Description are the provider's words; they may be empty.
	Code, Description string
}

// Error gives the status, the provider's words and what to do.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the identity provider answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		text += fmt.Sprintf(" (%.60q", e.Code)
		if e.Description != "" {
			text += fmt.Sprintf(": %.200q", e.Description)
		}
		text += ")"
	}
	return text + "; check the client id, its secret and the scope"
}

// Permanent is true: the provider would say the same again.
func (e *RefusedError) Permanent() bool { return true }
