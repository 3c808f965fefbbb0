package kafkatest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const (
	tokenIssuer   = "kafkatest"
	tokenAudience = "kafka"
	tokenKeyID    = "1"
	tokenLifetime = time.Hour
)

// tokenServer is an identity provider: a token endpoint for client credentials, and the set of keys that brokers check
// tokens with.
type tokenServer struct {
	t   testing.TB
	key *rsa.PrivateKey
	url string
}

func startTokenServer(t testing.TB) *tokenServer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &tokenServer{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", s.serveKeys)
	mux.HandleFunc("POST /token", s.serveToken)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *tokenServer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	public := &s.key.PublicKey
	answer(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": tokenKeyID,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

func (s *tokenServer) serveToken(w http.ResponseWriter, r *http.Request) {
	id, password, _ := r.BasicAuth()
	switch {
	case r.FormValue("grant_type") != "client_credentials":
		answer(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
	case id != User || password != Password:
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "unknown client or wrong secret"})
	default:
		answer(w, http.StatusOK, map[string]any{
			"access_token": s.issue(id, tokenLifetime), "token_type": "Bearer", "expires_in": int(tokenLifetime.Seconds()),
		})
	}
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // who asked has gone otherwise
}

// issue signs a token.
func (s *tokenServer) issue(subject string, lifetime time.Duration) string {
	s.t.Helper()
	now := time.Now()
	signed := segment(s.t, map[string]any{"alg": "RS256", "typ": "JWT", "kid": tokenKeyID}) + "." +
		segment(s.t, map[string]any{
			"iss": tokenIssuer, "aud": tokenAudience, "sub": subject, "scope": "kafka",
			"iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
		})
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, hash[:])
	if err != nil {
		s.t.Error(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(t testing.TB, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}
