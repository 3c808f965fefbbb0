package perf

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/load"
)

// percentileTicks is how many percentiles stand in each half of what is left, as in HdrHistogram's own tools.
const percentileTicks = 5

// hdrFile is the file of --hdr. A nil one is none.
type hdrFile struct {
	file *os.File
	out  *bufio.Writer
	log  *hdrhistogram.HistogramLogWriter // nil for percentiles
	err  error                            // the first
}

// createHDR creates the file, before anything is sent: a name that cannot be written to is told in time.
func createHDR(name string) (*hdrFile, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	h := &hdrFile{file: file, out: bufio.NewWriter(file)}
	if strings.HasSuffix(name, ".hlog") {
		h.log = hdrhistogram.NewHistogramLogWriter(h.out)
		h.note(h.log.OutputLogFormatVersion())
		h.note(h.log.OutputStartTime(time.Now().UnixMilli()))
		h.note(h.log.OutputLegend())
	}
	return h, nil
}

// note keeps the first error.
func (h *hdrFile) note(err error) {
	if h.err == nil {
		h.err = err
	}
}

// window writes an interval of the log.
func (h *hdrFile) window(w load.Window) {
	if h == nil || h.log == nil {
		return
	}
	end := time.Now()
	w.Latency.SetStartTimeMs(end.Add(-w.Took).UnixMilli())
	w.Latency.SetEndTimeMs(end.UnixMilli())
	h.note(h.log.OutputIntervalHistogram(w.Latency))
}

// finish writes the percentiles, if the file is for them, and closes it.
func (h *hdrFile) finish(latency *hdrhistogram.Histogram) error {
	if h == nil {
		return nil
	}
	if h.log == nil {
		_, err := latency.PercentilesPrint(h.out, percentileTicks, float64(time.Millisecond))
		h.note(err)
	}
	return h.close()
}

// close closes the file and returns the first error of all.
func (h *hdrFile) close() error {
	if h == nil {
		return nil
	}
	return errors.Join(h.err, h.out.Flush(), h.file.Close())
}
