// Package test holds the tests that need what the library must not depend on: real Kafka, other clients, several
// processes. It has no code of its own.
package test

import _ "github.com/omnibus-kafka/omnibus"
