package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// The forms of output of commands that have more than one, in their flag -o.
const (
	// OutputText is for people.
	OutputText = "text"
	// OutputJSON is a JSON object on a line of its own for each thing that is told.
	OutputJSON = "json"
	// OutputUsage is the help of the flag.
	OutputUsage = "`form` of the output: text, or json for a JSON object a line"
)

// CheckOutput refuses any other form.
func CheckOutput(output string) error {
	if output != OutputText && output != OutputJSON {
		return fmt.Errorf("--output is %q, want text or json", output)
	}
	return nil
}

// JSONLine writes v as JSON on one line, with characters as they are instead of escaped for HTML.
func JSONLine(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// OutputClosed reports whether a write failed because nobody reads any more, as behind `| head`: an end, and no failure.
func OutputClosed(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
