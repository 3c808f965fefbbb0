// Package timeline is invented time: events in the order of their times, and a trace of what happened.
//
// Stage: none; packages play and whole run on it.
//
// Invariants:
//
//  1. Of two events at one time the one that was planned first comes first. So a run is the same each time.
//  2. A trace is a number of everything that was noted, so that two runs can be compared without keeping either. Notes take
//     numbers alone: what nobody reads costs a few multiplications.
package timeline
