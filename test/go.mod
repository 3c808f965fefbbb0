module github.com/omnibus-kafka/omnibus/test

go 1.26.0

