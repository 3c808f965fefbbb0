// Package security turns what a configuration says of its cluster's listeners into what a connection needs: a tls.Config
// and a SASL mechanism.
//
//	Config.TLS, Config.SASL  ------------------------------+
//	security.protocol, ssl.*, sasl.* -> Settings -> Resolve +-> Connection -> broker, metadata: every connection
//	sasl.jaas.config -> internal/jaas -> mechanism --------+
//
// What holds:
//
//  1. A password or a token goes over a connection without TLS, or to a broker whose name nobody checked, only where
//     that was asked for in so many words; and then it is warned of at each start.
//  2. Files are read again for each connection, and taken if they are whole: what cannot be read or does not fit
//     together leaves what held before, with a warning. Connections are few, and modification times lie.
//  3. Passwords that the configuration takes from elsewhere (${file:…}) are looked up again for each authentication.
//  4. Nothing here holds the value of a setting that Java calls a PASSWORD in a text.
//
// Rejected: watching files (a goroutine, and a platform's interface, to learn what the next connection finds out by
// itself), and TLS in Java's terms throughout (a Go program has a tls.Config already).
package security
