package serde_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/omnibus-kafka/omnibus/serde"
)

// scratch stands for the producer's own: never nil, and reused for every record.
func scratch() []byte { return make([]byte, 0, 64) }

func ExampleString() {
	out, _ := serde.String(scratch(), serde.Meta{Topic: "orders"}, "42")
	fmt.Printf("%q\n", out)
	// Output: "42"
}

func ExampleInt64() {
	out, _ := serde.Int64(scratch(), serde.Meta{Topic: "orders", IsKey: true}, 42)
	fmt.Printf("% x\n", out)
	// Output: 00 00 00 00 00 00 00 2a
}

func ExampleBytes() {
	null, _ := serde.Bytes(scratch(), serde.Meta{}, nil)
	empty, _ := serde.Bytes(scratch(), serde.Meta{}, []byte{})
	fmt.Println("nil is null:", null == nil)
	fmt.Println("empty is null:", empty == nil)
	// Output:
	// nil is null: true
	// empty is null: false
}

func ExampleJSON() {
	type order struct {
		ID    int    `json:"id"`
		Title string `json:"title"`
	}
	out, _ := serde.JSON(scratch(), serde.Meta{Topic: "orders"}, order{7, "salt & pepper"})
	fmt.Printf("%s\n", out)
	// Output: {"id":7,"title":"salt & pepper"}
}

func ExampleUUID() {
	type UUID [16]byte // As the common libraries define it.
	out, _ := serde.UUID(scratch(), serde.Meta{}, UUID{0xca, 0xfe, 15: 1})
	fmt.Printf("%s\n", out)
	// Output: cafe0000-0000-0000-0000-000000000001
}

func ExampleText() {
	out, _ := serde.Text(scratch(), serde.Meta{}, netip.MustParseAddr("::1"))
	fmt.Printf("%s\n", out)
	// Output: ::1
}

func ExampleNullable() {
	price := serde.Nullable(serde.Float64)
	absent, _ := price(scratch(), serde.Meta{}, nil)
	zero, _ := price(scratch(), serde.Meta{}, new(0.0))
	fmt.Println(absent == nil, len(zero))
	// Output: true 8
}

func ExampleNoKey() {
	key, _ := serde.NoKey(scratch(), serde.Meta{IsKey: true}, struct{}{})
	fmt.Println("null:", key == nil)
	// Output: null: true
}

// A serializer of one's own: Confluent's framing, a zero byte and the schema's number, before what another one writes.
func ExampleSerializer() {
	framed := func(schema uint32, next serde.Serializer[string]) serde.Serializer[string] {
		return func(dst []byte, m serde.Meta, v string) ([]byte, error) {
			dst = binary.BigEndian.AppendUint32(append(dst, 0), schema)
			return next(dst, m, v)
		}
	}
	out, _ := framed(5, serde.String)(scratch(), serde.Meta{Topic: "orders"}, "x")
	fmt.Printf("% x\n", out)
	// Output: 00 00 00 00 05 78
}

func ExampleHeaders() {
	typed := func(dst []byte, m serde.Meta, v string) ([]byte, error) {
		m.Headers.Add("content-type", []byte("text/plain"))
		return append(dst, v...), nil
	}
	var headers serde.Headers
	out, _ := typed(scratch(), serde.Meta{Headers: &headers}, "hello")
	for name, value := range headers.All() {
		fmt.Printf("%s: %s\n", name, value)
	}
	fmt.Printf("%s\n", out)
	// Output:
	// content-type: text/plain
	// hello
}
