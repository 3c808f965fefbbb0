package core

import "github.com/twmb/franz-go/pkg/kerr"

// The error codes that the sender must tell apart; the broker's names stand beside them. Java's exception classes for
// all of them are listed in org.apache.kafka.common.protocol.Errors.
const (
	codeNone                  = 0
	codeCorruptMessage        = 2
	codeUnknownTopic          = 3
	codeLeaderNotAvailable    = 5
	codeNotLeader             = 6
	codeRequestTimedOut       = 7
	codeReplicaNotAvailable   = 9
	codeMessageTooLarge       = 10
	codeNetworkException      = 13
	codeCoordinatorLoading    = 14
	codeCoordinatorMissing    = 15
	codeNotCoordinator        = 16
	codeRecordListTooLarge    = 18
	codeNotEnoughReplicas     = 19
	codeNotEnoughAfterAppend  = 20
	codeOutOfOrderSequence    = 45
	codeDuplicate             = 46
	codeInvalidProducerEpoch  = 47
	codeConcurrentTransaction = 51
	codeStorageError          = 56
	codeUnknownProducerID     = 59
	codeListenerNotFound      = 72
	codeFencedLeaderEpoch     = 74
	codeUnknownLeaderEpoch    = 75
	codeInvalidRecord         = 87
	codeThrottlingExceeded    = 89
	codeUnknownTopicID        = 100
	codeInconsistentTopicID   = 103
	codeUnknownServerError    = -1
)

// verdict is what an error code means for a batch.
type verdict uint8

const (
	verdictRefused    verdict = iota // not in the log, and another attempt would end alike
	verdictAccepted                  // in the log
	verdictMoved                     // the partition is led elsewhere: find out where, try again
	verdictAgain                     // not in the log now; try again
	verdictMaybe                     // may be in the log; try again under the same number
	verdictOnceMore                  // damaged on the way: one more try
	verdictTooLarge                  // split it
	verdictOutOfOrder                // its number does not follow
	verdictRecords                   // some records are at fault (KIP-467)
)

// verdictOf reads an error code of a Produce response.
func verdictOf(code int16) verdict {
	switch code {
	case codeNone, codeDuplicate:
		return verdictAccepted
	case codeUnknownTopic, codeLeaderNotAvailable, codeNotLeader, codeReplicaNotAvailable, codeStorageError,
		codeListenerNotFound, codeFencedLeaderEpoch, codeUnknownLeaderEpoch, codeUnknownTopicID, codeInconsistentTopicID:
		return verdictMoved
	case codeNotEnoughReplicas, codeCoordinatorLoading, codeCoordinatorMissing, codeNotCoordinator,
		codeConcurrentTransaction, codeThrottlingExceeded:
		return verdictAgain
	case codeRequestTimedOut, codeNotEnoughAfterAppend, codeNetworkException, codeUnknownServerError:
		return verdictMaybe
	case codeCorruptMessage:
		return verdictOnceMore
	case codeMessageTooLarge, codeRecordListTooLarge:
		return verdictTooLarge
	case codeOutOfOrderSequence, codeUnknownProducerID, codeInvalidProducerEpoch:
		return verdictOutOfOrder
	case codeInvalidRecord:
		return verdictRecords
	}
	if known := kerr.TypedErrorForCode(code); known == nil || known.Code != code {
		return verdictMaybe // of a broker newer than this client, or broken: it proves nothing
	}
	return verdictRefused
}

// accepted reports whether the code means that the batch is in the log.
func accepted(code int16) bool { return verdictOf(code) == verdictAccepted }
