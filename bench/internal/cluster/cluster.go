// Package cluster is a real Kafka as the bench command sees it: the program bench-kafka, beside it, that runs the nodes.
package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// Program is the name of the program.
const Program = "bench-kafka"

// Hello is the line that the program prints when the cluster is ready.
type Hello struct {
	// Version is Kafka's.
	Version string   `json:"version"`
	Brokers []string `json:"brokers"`
}

// Cluster is the running program.
type Cluster struct {
	Hello
	cmd *exec.Cmd
	in  io.Closer
}

// Start runs the program and waits until the cluster is ready.
func Start(ctx context.Context, program string) (*Cluster, error) {
	c := &Cluster{cmd: exec.CommandContext(ctx, program)}
	var complaints bytes.Buffer
	c.cmd.Stderr = &complaints
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.in = in
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(out).Decode(&c.Hello); err != nil {
		err = errors.Join(err, c.Stop())
		return nil, fmt.Errorf("%s: %w\n%s", Program, err, complaints.Bytes())
	}
	return c, nil
}

// Stop ends the cluster and returns when it is gone.
func (c *Cluster) Stop() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }
