// Package pipeline joins the stages: it makes them from the settings, tells each of them what the others must know, and
// takes them down in the right order. It decides nothing about a record.
//
//	root package --Route, Append--> accumulator --news--> sender --requests--> connections --> brokers
//	     ^                               ^                  |  ^
//	     +---- Tell (outcomes) ----------|------------------+  | leaders
//	                                     +---- partitions -- metadata <--- control connections --> brokers
//
// The control plane (metadata, producer ids) and the data plane (the sender's connections) share nothing but the settings
// of their connections: a broker answers one request after the other on a connection, so a look-up behind a slow Produce
// request would wait for it.
//
// # Coming up
//
// Open starts the send loop and the metadata manager, and dials nobody: whatever is wrong with the cluster is found out
// by the first to need it.
//
// # Going down
//
// 1. Every partition refuses further records; an append under way has either boarded before or is refused.
//
// 2. What boarded leaves without lingering, and has its outcome or the caller's patience ends.
//
// 3. The sender ends what is still open, truthfully for each batch, and closes its connections; then the metadata manager
// and the control connections end. Nothing can append or answer any more.
//
// 4. The callbacks run out.
package pipeline
