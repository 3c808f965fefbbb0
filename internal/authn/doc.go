// Package authn is how the two ends of a connection prove who they are: SASL's exchange over Kafka's own requests, and
// what a failure of it, or of TLS, means in words.
//
//	SaslHandshake(mechanism)  ->  error, mechanisms that the listener enables
//	SaslAuthenticate(message) ->  error, the broker's words, message, lifetime     as often as the mechanism needs
//
// The package does no I/O: who has the connection lends it as a Roundtrip. So the same exchange serves a fresh
// connection and one that has requests in flight (KIP-368), and tests need no network. What holds:
//
//  1. An exchange has succeeded when the mechanism says that it is done, not when the broker has no more to say: a
//     SCRAM server that never proved that it knows the password is refused.
//  2. An exchange ends: roundsMax bounds its length, messageBytesMax each message, iterationsMax the work that a SCRAM
//     server can ask for, whoever wrote the mechanism.
//  3. No text from here holds a password, a token, or a value that helps to guess one.
//  4. What asking again cannot cure says so: Permanent.
//
// Rejected: mechanisms of this package's own. Users have some that fit franz-go's interface, and franz-go's serve here.
package authn
