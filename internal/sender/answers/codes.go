package answers

import "github.com/twmb/franz-go/pkg/kerr"

// The error codes that the sender must tell apart; the broker's names stand beside them. Java's exception classes for
// all of them are listed in org.apache.kafka.common.protocol.Errors.
const (
	None                  = 0
	CorruptMessage        = 2
	UnknownTopic          = 3
	LeaderNotAvailable    = 5
	NotLeader             = 6
	RequestTimedOut       = 7
	ReplicaNotAvailable   = 9
	MessageTooLarge       = 10
	NetworkException      = 13
	CoordinatorLoading    = 14
	CoordinatorMissing    = 15
	NotCoordinator        = 16
	RecordListTooLarge    = 18
	NotEnoughReplicas     = 19
	NotEnoughAfterAppend  = 20
	OutOfOrderSequence    = 45
	Duplicate             = 46
	InvalidProducerEpoch  = 47
	ConcurrentTransaction = 51
	StorageError          = 56
	UnknownProducerID     = 59
	ListenerNotFound      = 72
	FencedLeaderEpoch     = 74
	UnknownLeaderEpoch    = 75
	InvalidRecord         = 87
	ThrottlingExceeded    = 89
	UnknownTopicID        = 100
	InconsistentTopicID   = 103
	UnknownServerError    = -1
)

// Meaning is what an error code means for a batch.
type Meaning uint8

// The meanings.
const (
	MeansRefused    Meaning = iota // not in the log, and another attempt would end alike
	MeansAccepted                  // in the log
	MeansMoved                     // the partition is led elsewhere: find out where, try again
	MeansAgain                     // not in the log now; try again
	MeansMaybe                     // may be in the log; try again under the same number
	MeansOnceMore                  // damaged on the way: one more try
	MeansTooLarge                  // split it
	MeansOutOfOrder                // its number does not follow
	MeansRecords                   // some records are at fault (KIP-467)
)

// MeaningOf reads an error code of a Produce response.
func MeaningOf(code int16) Meaning {
	switch code {
	case None, Duplicate:
		return MeansAccepted
	case UnknownTopic, LeaderNotAvailable, NotLeader, ReplicaNotAvailable, StorageError,
		ListenerNotFound, FencedLeaderEpoch, UnknownLeaderEpoch, UnknownTopicID, InconsistentTopicID:
		return MeansMoved
	case NotEnoughReplicas, CoordinatorLoading, CoordinatorMissing, NotCoordinator,
		ConcurrentTransaction, ThrottlingExceeded:
		return MeansAgain
	case RequestTimedOut, NotEnoughAfterAppend, NetworkException, UnknownServerError:
		return MeansMaybe
	case CorruptMessage:
		return MeansOnceMore
	case MessageTooLarge, RecordListTooLarge:
		return MeansTooLarge
	case OutOfOrderSequence, UnknownProducerID, InvalidProducerEpoch:
		return MeansOutOfOrder
	case InvalidRecord:
		return MeansRecords
	}
	if known := kerr.TypedErrorForCode(code); known == nil || known.Code != code {
		return MeansMaybe // of a broker newer than this client, or broken: it proves nothing
	}
	return MeansRefused
}

// Accepted reports whether the code means that the batch is in the log.
func Accepted(code int16) bool { return MeaningOf(code) == MeansAccepted }
