package cli

import (
	"fmt"
	"os"
	"runtime/debug"
)

// Recover ends the process with ExitFatal when the goroutine that defers it panics, having told the user. Every goroutine
// of a command defers it, because the Go runtime would end the process with 2, a code that means something else here.
func (f *Factory) Recover() {
	if broken := recover(); broken != nil {
		f.Broken(broken)
		f.Leave(ExitFatal)
	}
}

// Broken tells the user of a panic, with the stack of the caller.
func (f *Factory) Broken(broken any) {
	fmt.Fprintf(f.IO.Err, "omnibus: internal error, please report it: %v\n%s", broken, debug.Stack())
}

// Leave ends the process at once.
func (f *Factory) Leave(code int) {
	if f.Exit == nil {
		os.Exit(code)
	}
	f.Exit(code)
}
