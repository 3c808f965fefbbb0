package core

import "errors"

// The ends that a batch can come to without a broker's refusal. The root package exports them; each text ends with what
// to do.
var (
	// ErrDeliveryTimeout: delivery.timeout.ms ran out.
	ErrDeliveryTimeout = errors.New("delivery.timeout.ms passed before the broker's answer came: look at the cause beside it, or raise Config.DeliveryTimeout")
	// ErrTooLarge: the topic refuses the record even in a batch of its own.
	ErrTooLarge = errors.New("record is too large: make it smaller, or raise Config.MaxRequestBytes and the topic's max.message.bytes together")
	// ErrInDoubt: the leader could not tell what became of a batch, nor could its log.
	ErrInDoubt = errors.New("the broker no longer knows the producer's numbering of this partition: whether the record is in the log cannot be told; read the partition to find out")
	// ErrHalted: an earlier record of the partition failed under Config.HaltOnFailure.
	ErrHalted = errors.New("the partition was halted by an earlier failure (Config.HaltOnFailure): open a new producer once its cause is mended")
	// ErrNoLeader explains a timeout: the partition had nobody to send to.
	ErrNoLeader = errors.New("the partition has no leader: look at the brokers and at the topic's replicas")
)
