package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// parse reads a line of JSON as jq sees it. Numbers keep their digits; of two fields of one name the last counts, as it does for jq.
// encoding/json would replace invalid UTF-8 without a word.
func parse(line []byte) (any, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(line[:len(line):len(line)]), jsontext.AllowDuplicateNames(true))
	value, err := parseValue(decoder)
	if err != nil {
		return nil, unlikeJSON(err)
	}
	_, err = decoder.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return value, nil
	case err != nil:
		return nil, unlikeJSON(err)
	}
	return nil, &problem{"something follows the line's JSON", "write one JSON value a line"}
}

func unlikeJSON(err error) error {
	const fix = "write one JSON value a line, or leave out what reads it: --key, --header and --timestamp"
	if errors.Is(err, io.EOF) {
		return &problem{"the line is empty and should be JSON", fix}
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return &problem{fmt.Sprintf("the line is no JSON: %v at byte %d", syntax.Err, syntax.ByteOffset+1), fix}
	}
	return &problem{fmt.Sprintf("the line is no JSON: %v", err), fix}
}

// parseValue reads one value. jsontext bounds how deep it may go.
func parseValue(decoder *jsontext.Decoder) (any, error) {
	token, err := decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	case '[':
		return parseArray(decoder)
	case '{':
		return parseObject(decoder)
	}
	return nil, nil // null: what else there is ends an array or object, and those read on their own
}

func parseArray(decoder *jsontext.Decoder) (any, error) {
	array := []any{}
	for decoder.PeekKind() != ']' {
		value, err := parseValue(decoder)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := decoder.ReadToken()
	return array, err
}

func parseObject(decoder *jsontext.Decoder) (any, error) {
	object := make(map[string]any)
	for decoder.PeekKind() != '}' {
		name, err := parseValue(decoder)
		if err != nil {
			return nil, err
		}
		value, err := parseValue(decoder)
		if err != nil {
			return nil, err
		}
		object[name.(string)] = value
	}
	_, err := decoder.ReadToken()
	return object, err
}
