package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// The chart's measures, in pixels. A workload is a row; its x axis is logarithmic, a step for each doubling.
const (
	chartWidth  = 880
	chartLeft   = 320 // where the axis begins
	chartRight  = 30
	chartTop    = 96
	chartRow    = 30
	chartBottom = 34
	markRadius  = 6
)

// mark is how a client is drawn: a shape besides the colour, for those who tell colours badly apart.
type mark struct {
	client, color, shape string
}

// marks have colours that can be told apart on white and on black.
func marks() []mark {
	return []mark{
		{client.FloorName, "#8b949e", "ring"},
		{"franz-go", "#0a84d6", "circle"},
		{"java", "#e07b00", "square"},
		{"kafka-go", "#2ea043", "triangle"},
		{"sarama", "#c2439f", "diamond"},
		{"librdkafka", "#d1434b", "cross"},
	}
}

const ourColor = "#7c5cff"

// chart draws the ratios of a Report.
type chart struct {
	out       strings.Builder
	summaries []compare.Summary
	ours      string
	rows      []workload.Workload
	low, high float64 // of the axis, powers of two
}

// WriteChart writes the chart as SVG: for each workload without a real cluster, every client's CPU time a record as a
// multiple of ours. Its background is none, and its text follows the reader's colour scheme.
func (r Report) WriteChart(out io.Writer) error {
	c := chart{summaries: compare.Summarize(r.Results), ours: r.Candidates[0].Name, low: 0.5, high: 2}
	for _, w := range r.Workloads {
		if _, ran := compare.Of(c.summaries, c.ours, w.ID); ran && !w.Kafka {
			c.rows = append(c.rows, w)
		}
	}
	c.span()
	c.draw(r.Quick)
	_, err := io.WriteString(out, c.out.String())
	return err
}

// span makes the axis as long as the ratios need.
func (c *chart) span() {
	for _, w := range c.rows {
		for _, m := range marks() {
			if ratio, ok := c.ratio(m.client, w); ok {
				c.low = min(c.low, math.Exp2(math.Floor(math.Log2(ratio))))
				c.high = max(c.high, math.Exp2(math.Ceil(math.Log2(ratio))))
			}
		}
	}
}

// ratio is a client's CPU time as a multiple of ours.
func (c *chart) ratio(name string, w workload.Workload) (ratio float64, ok bool) {
	own, _ := compare.Of(c.summaries, c.ours, w.ID)
	other, ran := compare.Of(c.summaries, name, w.ID)
	if !ran || own.CPUNanosMin <= 0 || other.CPUNanosMin <= 0 {
		return 0, false
	}
	return other.CPUNanosMin / own.CPUNanosMin, true
}

func (c *chart) x(ratio float64) float64 {
	const width = chartWidth - chartLeft - chartRight
	return chartLeft + width*math.Log2(ratio/c.low)/math.Log2(c.high/c.low)
}

func (c *chart) put(format string, args ...any) { fmt.Fprintf(&c.out, format+"\n", args...) }

func (c *chart) draw(quick bool) {
	bottom := chartTop + chartRow*len(c.rows)
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`,
		chartWidth, bottom+chartBottom, chartWidth, bottom+chartBottom)
	c.put(`<title>CPU time a record, as a multiple of %s's</title>`, c.ours)
	c.put(`<style>text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#57606a}.name{fill:#1f2328}.head{font-size:16px;font-weight:600;fill:#1f2328}` +
		`.grid{stroke:#8b949e;stroke-opacity:.35}.ours{stroke:` + ourColor + `;stroke-width:3}` +
		`@media(prefers-color-scheme:dark){text{fill:#9198a1}.name,.head{fill:#f0f6fc}}</style>`)
	subtitle := "further to the right is dearer"
	if quick {
		subtitle += " (a quick look)"
	}
	c.put(`<text class="head" x="12" y="26">CPU time a record, as a multiple of %s's</text>`, c.ours)
	c.put(`<text x="12" y="46">%s</text>`, subtitle)
	c.legend()
	for at := c.low; at <= c.high; at *= 2 {
		c.put(`<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, c.x(at), c.x(at), chartTop-6, bottom)
		c.put(`<text x="%.1f" y="%d" text-anchor="middle">%g×</text>`, c.x(at), bottom+20, at)
	}
	c.put(`<line class="ours" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, c.x(1), c.x(1), chartTop-6, bottom)
	for i, w := range c.rows {
		c.row(w, float64(chartTop+chartRow*i+chartRow/2))
	}
	c.put(`</svg>`)
}

// legend names the marks of the clients that ran.
func (c *chart) legend() {
	const step, y = 104, 70
	x := 20.0
	c.put(`<line class="ours" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x, x, y-8, y+8)
	c.put(`<text class="name" x="%.1f" y="%d">%s</text>`, x+12, y+5, c.ours)
	for _, m := range marks() {
		if c.anywhere(m.client) {
			x += step
			c.shape(m, x, y)
			c.put(`<text class="name" x="%.1f" y="%d">%s</text>`, x+12, y+5, m.client)
		}
	}
}

func (c *chart) anywhere(name string) bool {
	for _, w := range c.rows {
		if _, ok := c.ratio(name, w); ok {
			return true
		}
	}
	return false
}

func (c *chart) row(w workload.Workload, y float64) {
	c.put(`<text class="name" x="12" y="%.1f">%s</text>`, y+5, escape(w.Title))
	for _, m := range marks() {
		if ratio, ok := c.ratio(m.client, w); ok {
			c.shape(m, c.x(ratio), y)
		}
	}
}

// shape draws a mark.
func (c *chart) shape(m mark, x, y float64) {
	const r = markRadius
	switch m.shape {
	case "ring":
		c.put(`<circle cx="%.1f" cy="%.1f" r="%d" fill="none" stroke="%s" stroke-width="2"/>`, x, y, r-1, m.color)
	case "square":
		c.put(`<rect x="%.1f" y="%.1f" width="%d" height="%d" fill="%s"/>`, x-r+1, y-r+1, 2*r-2, 2*r-2, m.color)
	case "triangle":
		c.put(`<path d="M%.1f %.1fl%d %dh%dz" fill="%s"/>`, x, y-r, r, 2*r-1, -2*r, m.color)
	case "diamond":
		c.put(`<path d="M%.1f %.1fl%d %dl%d %dl%d %dz" fill="%s"/>`, x, y-r, r, r, -r, r, -r, -r, m.color)
	case "cross":
		c.put(`<path d="M%.1f %.1fl%d %dm0 %dl%d %d" stroke="%s" stroke-width="3"/>`, x-r+1, y-r+1, 2*r-2, 2*r-2, -2*r+2, -2*r+2, 2*r-2, m.color)
	default:
		c.put(`<circle cx="%.1f" cy="%.1f" r="%d" fill="%s"/>`, x, y, r-1, m.color)
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
