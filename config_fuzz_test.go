package omnibus_test

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"net"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

// configOf fills a Config's numbers, switches and texts from bytes, three a field: mostly nothing, else one of the values
// that go wrong, or any.
func configOf(script []byte) omnibus.Config {
	c := omnibus.Config{Brokers: []string{"b1:9092"}, Logger: slog.New(slog.DiscardHandler)}
	fill(reflect.ValueOf(&c).Elem(), &script)
	topic := omnibus.TopicConfig{}
	if len(script) > 3 {
		fill(reflect.ValueOf(&topic).Elem(), &script)
		c.Topics = map[string]omnibus.TopicConfig{"t": topic}
	}
	return c
}

func fill(v reflect.Value, script *[]byte) {
	for i := range v.NumField() {
		if len(*script) < 3 {
			return
		}
		choice, value := (*script)[0], binary.BigEndian.Uint16((*script)[1:])
		switch f := v.Field(i); f.Kind() {
		case reflect.Int, reflect.Int64, reflect.Int8:
			f.SetInt(number(choice, value))
		case reflect.Bool:
			f.SetBool(choice > 200)
		case reflect.String:
			f.SetString([]string{"", "x", "\x00\xff", "a b", string((*script)[:min(len(*script), 300)])}[choice%5])
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.String && choice > 200 {
				f.Set(reflect.ValueOf([]string{"", ":", "x", "x:70000", "[::1]:9092", "b1:9092", "http://b1:1"}[value%7 : value%7+1]))
			}
			if f.Type().Elem().Kind() != reflect.String {
				continue
			}
		case reflect.Pointer:
			if choice < 200 || f.Type().Elem().Kind() != reflect.Int8 {
				continue
			}
			f.Set(reflect.New(f.Type().Elem()))
			f.Elem().SetInt(int64(int8(value)))
		default:
			continue
		}
		*script = (*script)[3:]
	}
}

func number(choice byte, value uint16) int64 {
	switch choice >> 4 {
	case 15:
		return int64(value)
	case 14:
		return int64(value) * int64(time.Millisecond)
	case 13:
		return -int64(value)
	case 12:
		return []int64{-1, 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxInt64, math.MinInt64, math.MinInt32}[value%7]
	case 11:
		return int64(value) << 16
	}
	return 0
}

// FuzzConfig: a Config is either refused with reasons, or a producer lives by it: it opens, says of a record in bounded
// time that nobody is there to take it, and closes in bounded time.
func FuzzConfig(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0, 2, 0xff, 0, 0, 0xff, 0, 0, 0xf0, 0, 4})
	long := make([]byte, 3*50)
	for i := range long {
		long[i] = byte(200 + i%50)
	}
	f.Add(long)
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) {
			c := configOf(script)
			invalid := c.Validate()
			for _, mistake := range configErrors(invalid) {
				if mistake.Field == "" || mistake.Want == "" {
					t.Errorf("%v does not say what is wrong or wanted", mistake)
				}
			}
			if c.DNSLookup == omnibus.DNSCanonicalBootstrap {
				c.DNSLookup = omnibus.DNSAllAddresses // no question to a real name server, which may take its time
			}
			c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody is there") }
			p, err := omnibus.Open(t.Context(), c)
			if (err == nil) != (invalid == nil) {
				t.Fatalf("Validate says %v, Open %v", invalid, err)
			}
			if err != nil {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if _, err := p.Send(ctx, omnibus.Record{Topic: "t"}); err == nil {
				t.Error("a record was acknowledged by nobody")
			}
			ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begun := time.Now()
			_ = p.Shutdown(ctx)
			if took := time.Since(begun); took > 61*time.Second {
				t.Errorf("it closed after %v", took)
			}
		})
	})
}

// configErrors are the mistakes joined in err.
func configErrors(err error) []*omnibus.ConfigError {
	var all []*omnibus.ConfigError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, configErrors(e)...)
		}
	} else if e, ok := errors.AsType[*omnibus.ConfigError](err); ok {
		all = append(all, e)
	}
	return all
}
