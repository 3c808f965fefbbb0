// Package control is the control plane's way to the brokers: few requests, to any broker or to a certain one, over
// connections that carry no records. Metadata and the producer id go this way.
//
// It knows addresses, not topics: package metadata tells it who the brokers are ([Client.SetBrokers]) and asks through it.
// It starts no goroutine; the caller of a request does the dialing, one at a time for each address, and takes along the
// error of a dial that it has waited for.
//
// Invariants:
//
//  1. Every wait ends with the caller's context. A context that ends never counts against a broker.
//  2. An address that failed is dialed again only after a pause that grows (reconnect.backoff.ms), whoever asks.
//  3. One dead or stopped broker delays a request by a few seconds, not by a whole timeout, as long as there are
//     others to ask: dials and answers get a share of their time then.
//  4. A connection is closed under a request only by Close; one that is merely no longer wanted is closed by its
//     last user.
//
// Rejected: keeping to the bootstrap connection for good. Behind a load balancer or a host that was taken out of the cluster
// it may go on answering with a picture that nobody else has.
package control
