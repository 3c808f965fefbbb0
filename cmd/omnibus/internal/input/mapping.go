package input

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/omnibus-kafka/omnibus"
)

// mapping makes key, headers and timestamp of the JSON that a value is, each with a jq expression. An expression that yields null,
// or nothing, is one that was not given: the key is null, the timestamp that of the sending. A header that yields null is null, and
// one that yields nothing is not there. More than one result is bad input: nobody can know which was meant.
type mapping struct {
	key, timestamp *expression // nil for none
	headerPaths    []headerPath
	headers        []omnibus.Header // of this record
}

type headerPath struct {
	name string
	expression
}

// expression is a compiled jq expression, and the flag that it came from.
type expression struct {
	flag string
	code *gojq.Code
}

// newMapping compiles the expressions; nil if there are none.
func newMapping(o *Options) (*mapping, error) {
	if o.KeyPath == "" && o.TimestampPath == "" && len(o.HeaderPaths) == 0 {
		return nil, nil
	}
	m := &mapping{}
	var err error
	var errs []error
	if o.KeyPath != "" {
		m.key, err = compile("--key", o.KeyPath)
		errs = append(errs, err)
	}
	if o.TimestampPath != "" {
		m.timestamp, err = compile("--timestamp", o.TimestampPath)
		errs = append(errs, err)
	}
	for _, text := range o.HeaderPaths {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			errs = append(errs, fmt.Errorf("--header is %q, want name=expression such as src=.origin (for a fixed value: --fixed-header)", text))
			continue
		}
		compiled, err := compile("--header "+name, path)
		errs = append(errs, err)
		if err == nil {
			m.headerPaths = append(m.headerPaths, headerPath{name, *compiled})
		}
	}
	return m, errors.Join(errs...)
}

func compile(flag, text string) (*expression, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s is %q, want a jq expression such as .user.id: %w", flag, text, err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, fmt.Errorf("%s is %q, want a jq expression such as .user.id: %w", flag, text, err)
	}
	return &expression{flag, code}, nil
}

// apply sets what the expressions make of the value.
func (m *mapping) apply(ctx context.Context, record *omnibus.Record, value []byte) error {
	parsed, err := parse(value)
	if err != nil {
		return err
	}
	if m.key != nil {
		if record.Key, _, err = m.key.bytes(ctx, parsed); err != nil {
			return err
		}
	}
	m.headers = append(m.headers[:0], record.Headers...)
	for i := range m.headerPaths {
		path := &m.headerPaths[i]
		content, ok, err := path.bytes(ctx, parsed)
		if err != nil {
			return err
		}
		if ok {
			m.headers = append(m.headers, omnibus.Header{Key: path.name, Value: content})
		}
	}
	record.Headers = m.headers
	if m.timestamp != nil {
		record.Timestamp, err = m.timestamp.time(ctx, parsed)
	}
	return err
}

// run returns what the expression makes of a value, and whether that is anything.
func (e *expression) run(ctx context.Context, value any) (result any, ok bool, err error) {
	results := e.code.RunWithContext(ctx, value)
	result, ok = results.Next()
	if !ok {
		return nil, false, nil
	}
	if err, failed := result.(error); failed {
		return nil, false, e.failed(ctx, err)
	}
	if _, more := results.Next(); more {
		return nil, false, &problem{e.flag + " yields more than one result", "make it yield one, such as with first(…)"}
	}
	return result, true, nil
}

func (e *expression) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &problem{fmt.Sprintf("%s: %v", e.flag, err), "repair the line, or the expression: .a? is null where .a fails"}
}

// bytes returns the text of a string result, the JSON text of any other, and nil for null.
func (e *expression) bytes(ctx context.Context, value any) (content []byte, ok bool, err error) {
	result, ok, err := e.run(ctx, value)
	if err != nil || !ok {
		return nil, false, err
	}
	switch result := result.(type) {
	case nil:
		return nil, true, nil
	case string:
		return []byte(result), true, nil
	}
	content, err = gojq.Marshal(result)
	return content, true, err
}

// time returns the time that a result says: milliseconds since 1970, or a text as in RFC 3339. It is zero for null.
func (e *expression) time(ctx context.Context, value any) (time.Time, error) {
	result, _, err := e.run(ctx, value)
	if err != nil || result == nil {
		return time.Time{}, err
	}
	if text, ok := result.(string); ok {
		at, err := time.Parse(time.RFC3339, text)
		if err == nil && at.Unix() >= 0 {
			return at.Truncate(time.Millisecond), nil
		}
	} else if millis, ok := whole(result); ok && millis >= 0 {
		return time.UnixMilli(millis), nil
	}
	return time.Time{}, &problem{fmt.Sprintf("%s yields %.60s", e.flag, gojq.Preview(result)), "want whole milliseconds since 1970, or a text such as 2026-11-22T19:00:00.5Z"}
}

// whole returns a result that is a whole number.
func whole(result any) (int64, bool) {
	switch n := result.(type) {
	case int:
		return int64(n), true
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	case json.Number:
		if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
			return i, true
		}
		f, err := strconv.ParseFloat(string(n), 64)
		return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
	}
	return 0, false
}
