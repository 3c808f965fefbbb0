package play

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "")
var fromFlag = flag.Uint64("from", 1, "")
var toFlag = flag.Uint64("to", 300, "")

func TestX(t *testing.T) {
	p := NewPlayer()
	if *seedFlag != 0 {
		setup, plan := Draw(*seedFlag)
		r := p.Play(setup, plan, os.Stdout)
		fmt.Printf("%+v\n%s%+v\n", *setup, plan, r)
		return
	}
	began := time.Now()
	var total Result
	bad := 0
	for seed := *fromFlag; seed <= *toFlag; seed++ {
		setup, plan := Draw(seed)
		r := p.Play(setup, plan, nil)
		if len(r.Violations) > 0 {
			bad++
			if bad < 15 {
				v := r.Violations[0]
				if len(v) > 600 {
					v = v[:600]
				}
				fmt.Printf("seed %d: %s\n", seed, v)
			}
		}
		total.Faults += r.Faults
		total.Steps += r.Steps
		total.Records += r.Records
		total.Requests += r.Requests
		total.Acked += r.Acked
		total.Unknown += r.Unknown
		total.NotWritten += r.NotWritten
		total.Misnumbered += r.Misnumbered
		total.Inquiries += r.Inquiries
		total.Late += r.Late
		total.Lost += r.Lost
		total.Alarms += r.Alarms
		total.Refused += r.Refused
	}
	fmt.Printf("%d bad, %v, %+v\n", bad, time.Since(began), total)
}
