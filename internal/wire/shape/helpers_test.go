package shape

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// described are the keys of the table in order.
func described() []int16 {
	var keys []int16
	for key := range answers {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// response is an empty answer of a version.
func response(key, version int16) kmsg.Response {
	r := kmsg.ResponseForKey(key)
	r.SetVersion(version)
	return r
}

// eachVersion runs a test for each key and version that kmsg knows.
func eachVersion(t *testing.T, test func(t *testing.T, key, version int16)) {
	for _, key := range described() {
		for version := range kmsg.ResponseForKey(key).MaxVersion() + 1 {
			test(t, key, version)
		}
	}
}

// random fills v, a field of an answer, with whatever its type can hold: lists of up to most elements.
func random(r *rand.Rand, v reflect.Value, most int) {
	switch v.Kind() {
	case reflect.Struct:
		if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
			for range r.IntN(3) {
				tags.Set(100+r.Uint32N(100), make([]byte, r.IntN(4)))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Version" {
				random(r, v.Field(i), most)
			}
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			random(r, v.Elem(), most)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(most+1), most+1))
		for i := range v.Len() {
			random(r, v.Index(i), most)
		}
	case reflect.Array:
		for i := range v.Len() {
			random(r, v.Index(i), most)
		}
	case reflect.String:
		v.SetString("a topic's name, or a host's"[:r.IntN(20)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.Int64N(1<<15) - 1)
	case reflect.Uint8:
		v.SetUint(r.Uint64N(256))
	}
}

// sizes are what the elements of all lists, but those of 32-bit numbers, in a kmsg type take in memory, sorted.
func sizes(t reflect.Type) []int {
	var all []int
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[kmsg.Tags]() {
			return nil
		}
		for i := range t.NumField() {
			all = append(all, sizes(t.Field(i).Type)...)
		}
	case reflect.Pointer:
		return sizes(t.Elem())
	case reflect.Slice:
		if e := t.Elem(); e.Kind() != reflect.Int32 && e.Kind() != reflect.Uint8 {
			all = append(sizes(e), int(e.Size()))
		}
	}
	slices.Sort(all)
	return all
}

// told are the sizes that a description tells of, sorted.
func (s *structure) told() []int {
	var all []int
	for _, f := range slices.Concat(s.fields, s.tags) {
		if f.of != nil {
			all = append(all, f.of.told()...)
		}
		if f.kind == list {
			all = append(all, f.of.decodedBytes)
		}
	}
	slices.Sort(all)
	return all
}
