package batch

// Reason is why a batch left.
type Reason uint8

// The reasons. Reasons is their number.
const (
	ReasonNone Reason = iota
	ReasonFull
	ReasonLinger
	ReasonWaiter
	ReasonFlush
	ReasonPressure
	ReasonCompany
	ReasonClose
	ReasonRetry
	Reasons
)

// String is the reason's name in statistics and traces.
func (r Reason) String() string {
	return [...]string{"none", "full", "linger", "waiter", "flush", "pressure", "company", "close", "retry"}[r]
}
