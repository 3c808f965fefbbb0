// Package draw makes schedules out of seeds: the configuration of a producer, a cluster and a workload, and a plan of
// faults. Each seed has other kinds of faults, and each kind is away in about half of the seeds, so that what hides behind
// another fault shows in some (swarm testing).
//
// Stage: none. Package play plays what is drawn here; package whole does so too, and draws its network beside it.
//
// Invariants:
//
//  1. A seed makes the same schedule wherever it is drawn. What one purpose draws does not depend on another: a plan of
//     which a fault was left out meets the same workload and, as far as it goes, the same network.
//  2. Nothing is drawn that no producer can survive: where brokers forget their producers, requests are not late.
package draw
