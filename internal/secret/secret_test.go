package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/secret"
)

const canary = "canary-password"

func TestNothingPrintsASecret(t *testing.T) {
	text := secret.New(canary)
	type holder struct {
		Shown  secret.Text
		hidden secret.Text
		Any    any
	}
	h := holder{text, text, text}
	var out bytes.Buffer
	for _, verb := range "vsqxXdtTpwU" {
		for _, flag := range []string{"", "+", "#"} {
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", text)
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", h)
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", &h)
		}
	}
	for _, v := range []any{text, h, &h, map[string]secret.Text{"a": text}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(encoded)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is printed", form)
		}
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("nothing says that something is hidden")
	}
}

func TestRevealIsTheText(t *testing.T) {
	if got := secret.New(canary).Reveal(); got != canary {
		t.Errorf("got %q", got)
	}
	if zero := (secret.Text{}); zero.Reveal() != "" {
		t.Error("the zero value is not the empty text")
	}
}
