// Command ingest takes records over HTTP and writes them to Kafka: one producer for the whole program, backpressure that the
// caller feels, and an orderly end.
//
//	go run ./examples/ingest -brokers localhost:9092 -listen 127.0.0.1:8080
//	curl -d paid 'http://127.0.0.1:8080/topics/orders?key=42'
//
// The answers say what became of the record, so that the caller knows whether to send it again:
//
//	200  it is written; the body tells where
//	202  the caller went on before the outcome; the record goes on, too
//	400  it can never be written as it is
//	502  nobody can tell whether it was written
//	503  it was not written: the buffer is full, or the cluster does not take it; try again later
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

// bodyBytesMax is the longest value that is taken.
const bodyBytesMax = 1 << 20

func main() {
	brokers := flag.String("brokers", "localhost:9092", "`addresses` of the cluster, separated by commas")
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to listen on")
	flag.Parse()
	if err := run(*brokers, *listen); err != nil {
		log.Fatal(err)
	}
}

// run serves until a signal comes: first no request is taken any more, then what was accepted is sent.
func run(brokers, listen string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p, err := omnibus.Open(ctx, omnibus.Config{
		Brokers:   strings.Split(brokers, ","),
		MaxBlock:  500 * time.Millisecond, // who waits for room any longer is told to come back
		OnFailure: func(err *omnibus.RecordError) { log.Print(err) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()

	server := &http.Server{Addr: listen, Handler: handler(p), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Shutdown(context.WithoutCancel(ctx)) })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler is the program's interface.
func handler(p *omnibus.Producer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /topics/{topic}", func(w http.ResponseWriter, r *http.Request) {
		value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		record := omnibus.Record{Topic: r.PathValue("topic"), Value: value}
		if r.URL.Query().Has("key") { // an empty key is a key
			record.Key = []byte(r.URL.Query().Get("key"))
		}
		ack, err := p.Send(r.Context(), record)
		if err != nil {
			http.Error(w, err.Error(), status(err))
			return
		}
		fmt.Fprintf(w, "{\"partition\":%d,\"offset\":%d}\n", ack.Partition, ack.Offset)
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		s := p.Stats()
		fmt.Fprintf(w, "acked %d, not written %d, unknown %d, pending %d, refused %d\n",
			s.Acked, s.NotWritten, s.Unknown, s.Pending, s.Refused)
	})
	return mux
}

// status is what an error means to who sent the record.
func status(err error) int {
	var pending *omnibus.PendingError
	switch {
	case errors.As(err, &pending):
		return http.StatusAccepted
	case errors.Is(err, omnibus.ErrInvalidRecord), errors.Is(err, omnibus.ErrRecordTooLarge):
		return http.StatusBadRequest
	case omnibus.NotWritten(err):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}
