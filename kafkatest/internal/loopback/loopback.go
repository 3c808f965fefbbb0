// Package loopback finds ports for servers that tests start. It listens on 127.0.0.1
// alone.
package loopback

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that tests listen on lie below every system's ephemeral range. From
// that range the kernel takes the local ports of outgoing connections, and one
// of those could sit on a stopped broker's port when it is to start again.
const (
	portMin   = 20000
	portMax   = 32000
	portTries = 100
)

// Listen listens on a loopback port that is free at this moment.
func Listen() (net.Listener, error) {
	var last error
	for range portTries {
		port := portMin + rand.IntN(portMax-portMin)
		l, err := net.Listen("tcp", Addr(port))
		if err == nil {
			return l, nil
		}
		last = err
	}
	return nil, errors.Join(errors.New("kafkatest: found no free loopback port between 20000 and 32000"), last)
}

// FreePorts returns n different loopback ports that nothing listens on. Another
// process may take one before it is used: who starts a server tries again then.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := Listen()
		if err != nil {
			return nil, err
		}
		defer l.Close() // held until all are found, so that no two are equal
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// Addr returns the address of a loopback port.
func Addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
