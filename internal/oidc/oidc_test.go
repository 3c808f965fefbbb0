package oidc_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/oidc"
	"github.com/omnibus-kafka/omnibus/internal/secret"
)

const canary = "canary-secret"

// provider answers requests in this process.
type provider func(request *http.Request, form url.Values) (status int, body string)

func (p provider) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	status, text := p(request, form)
	if status == 0 {
		return nil, errors.New("nobody there")
	}
	header := http.Header{}
	if status == http.StatusFound {
		header.Set("Location", "https://elsewhere.example/")
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: request}, nil
}

func source(p provider, change ...func(*oidc.Config)) *oidc.Source {
	config := oidc.Config{
		Endpoint: "https://idp.example/token", Scope: "kafka", Client: &http.Client{Transport: p},
		Credentials: func() (oidc.Credentials, error) {
			return oidc.Credentials{ID: "a b", Secret: secret.New(canary + "/")}, nil
		},
	}
	for _, c := range change {
		c(&config)
	}
	return oidc.New(config)
}

func TestTheRequestIsKafkas(t *testing.T) {
	for name, test := range map[string]struct {
		encode bool
		header string
	}{"plain": {false, "a b:" + canary + "/"}, "encoded": {true, "a+b:" + canary + "%2F"}} {
		s := source(func(r *http.Request, form url.Values) (int, string) {
			if r.Method != http.MethodPost || r.URL.String() != "https://idp.example/token" ||
				r.Header.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(test.header)) ||
				form.Get("grant_type") != "client_credentials" || form.Get("scope") != "kafka" {
				t.Errorf("%s: %s %s, %v, %v", name, r.Method, r.URL, r.Header, form)
			}
			return http.StatusOK, `{"access_token":"t","expires_in":3600,"token_type":"Bearer"}`
		}, func(c *oidc.Config) { c.URLEncode = test.encode })
		if token, err := s.Token(t.Context()); err != nil || token.Reveal() != "t" {
			t.Errorf("%s: %q, %v", name, token.Reveal(), err)
		}
	}
}

// jwt is a token whose claims are these; nobody here checks a signature.
func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestATokenIsUsedForFourFifthsOfItsLife(t *testing.T) {
	for name, test := range map[string]struct {
		answer func() string
		fresh  time.Duration
	}{
		"by the answer": {func() string { return `{"access_token":"t","expires_in":100}` }, 80 * time.Second},
		"by a string":   {func() string { return `{"access_token":"t","expires_in":"100"}` }, 80 * time.Second},
		"by the token": {func() string {
			return fmt.Sprintf(`{"access_token":%q}`, jwt(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+100)))
		}, 80 * time.Second},
		"not known":          {func() string { return `{"access_token":"t"}` }, 0},
		"a token without it": {func() string { return fmt.Sprintf(`{"access_token":%q}`, jwt(`{"sub":"x"}`)) }, 0},
		"no JWT":             {func() string { return `{"access_token":"a.!.c"}` }, 0},
		"ended":              {func() string { return fmt.Sprintf(`{"access_token":%q}`, jwt(`{"exp":1}`)) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				s := source(func(*http.Request, url.Values) (int, string) {
					asked++
					return http.StatusOK, test.answer()
				})
				get := func() {
					t.Helper()
					if _, err := s.Token(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				get()
				if test.fresh > 0 {
					time.Sleep(test.fresh - time.Second)
					get()
					if asked != 1 {
						t.Errorf("asked %d times while the token was fresh", asked)
					}
					time.Sleep(time.Second)
				}
				get()
				if asked != 2 {
					t.Errorf("asked %d times, wanted 2", asked)
				}
			})
		})
	}
}

func TestManyWaitForOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		s := source(func(*http.Request, url.Values) (int, string) {
			asked.Add(1)
			time.Sleep(time.Second)
			return http.StatusOK, `{"access_token":"t","expires_in":100}`
		})
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := s.Token(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Go(func() {
			time.Sleep(100 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := s.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who could not wait got %v", err)
			}
		})
		group.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestWhatAProviderSaysIsToldAndTheSecretIsNot(t *testing.T) {
	for name, test := range map[string]struct {
		status    int
		body      string
		wanted    string
		permanent bool
	}{
		"wrong secret":      {401, `{"error":"invalid_client","error_description":"no such client"}`, `"invalid_client": "no such client"`, true},
		"wrong scope":       {400, `{"error":"invalid_scope"}`, "check the client id, its secret and the scope", true},
		"wrong address":     {404, `<html>`, "404 Not Found", true},
		"too often":         {429, ``, "429", false},
		"broken":            {500, canary, "500", false},
		"away":              {0, "", "nobody there", false},
		"no JSON":           {200, canary, "is this the token endpoint?", false},
		"no token":          {200, `{"id_token":"` + canary + `"}`, "has no access_token", false},
		"sent somewhere":    {302, canary, "302", false},
		"an endless answer": {200, strings.Repeat(" ", 2<<20), "no JSON", false},
	} {
		requests := 0
		_, err := source(func(*http.Request, url.Values) (int, string) {
			requests++
			return test.status, test.body
		}).Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.wanted) || !strings.Contains(err.Error(), "https://idp.example/token") ||
			authn.Permanent(err) != test.permanent || requests != 1 {
			t.Errorf("%s: after %d requests %v, wanted %q", name, requests, err, test.wanted)
		}
		if strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%s: the secret is in %v", name, err)
		}
	}
}
