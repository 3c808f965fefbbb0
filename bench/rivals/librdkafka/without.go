//go:build !cgo || !(linux || darwin)

package main

import (
	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

// contender says why it is none: there was no C compiler, or confluent-kafka-go brings no librdkafka for this system.
func contender() drive.Contender {
	return drive.Contender{Maker: client.Maker{Name: clientName}, Missing: "built without cgo, or for a system that no librdkafka comes for"}
}
