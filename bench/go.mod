module github.com/omnibus-kafka/omnibus/bench

go 1.26.0
