package test

import _ "github.com/omnibus-kafka/omnibus"
