package fault

import "slices"

// Shrink leaves out faults while fails says that what is left still fails, and returns a plan of which no single fault
// can be left out; or, once fails was called budget times, what it has by then. The order stays. fails must be true of
// the plan itself.
//
// It is Zeller's delta debugging without its test of the parts themselves: a run fails for a few faults among many, so
// leaving out is what gets on.
func Shrink(p Plan, budget int, fails func(Plan) bool) Plan {
	for size := (len(p) + 1) / 2; size > 0 && len(p) > 0; {
		smaller := false
		for from := 0; from < len(p) && budget > 0; budget-- {
			rest := slices.Concat(p[:from], p[min(from+size, len(p)):])
			if fails(rest) {
				p, smaller = rest, true
			} else {
				from += size
			}
		}
		switch {
		case budget <= 0:
			return p
		case size > 1:
			size = (size + 1) / 2
		case !smaller:
			return p
		}
	}
	return p
}
