package logs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
)

// bands are shares of a column of the histogram, the worst first: it stands at
// the bottom. The signs are those of aictl logs histogram, and differ without
// colour.
var bands = [...]struct {
	name         string
	block, ascii string
}{
	{"error", "█", "#"}, {"warn", "▓", "="}, {"info", "▒", "-"}, {"other", "░", "."},
}

// fewErrors is the sign of the lowest cell where there are errors, but too few
// for a cell of their own.
const fewErrors = len(bands)

func bandOf(level string) int {
	switch logs.ParseLevel(level) {
	case logs.LevelFatal, logs.LevelError:
		return 0
	case logs.LevelWarn:
		return 1
	case logs.LevelInfo:
		return 2
	case logs.LevelDebug, logs.LevelTrace, logs.LevelUnknown:
	}
	return 3
}

func bandStyle(th *theme.Theme, band int) theme.Style {
	return [...]theme.Style{th.Bad, th.Warn, th.OK, th.Muted, th.Bad}[band]
}

// histSteps is about how many steps of time are asked for.
const histSteps = 120

type shares [len(bands)]int64

func (s shares) sum() (n int64) {
	for _, v := range s {
		n += v
	}
	return n
}

// histogram are counts over time: what the stores said, and what the tail has
// brought since.
type histogram struct {
	step   time.Duration
	counts map[int64]shares // by the start of the step, in Unix nanoseconds
	until  time.Time        // the stores' counts go up to here
	asked  time.Time
	failed []failure
	// came are entries behind until, of steps that an answer will replace.
	came map[int64]shares
}

// askHistogram asks for the counts of the window.
func (p *Pane) askHistogram() tea.Cmd {
	if p.noHist || !p.opened {
		return nil
	}
	from, to := p.env.Bounds()
	step := logs.Step(to.Sub(from), histSteps)
	if step != p.hist.step {
		p.hist.counts, p.hist.came = nil, nil
	}
	p.hist.step, p.hist.asked = step, to
	in := api.LogHistogramInput{LogFilter: p.query.filter, Step: op.Duration(step)}
	in.From, in.To = from, to
	return feed.Ask(p.env.Feeds, p.key("histogram"), p.env.Contexts, api.LogsHistogram, in)
}

// take keeps an answer. Where a context fails, what was known stays.
func (h *histogram) take(a feed.Answer) {
	h.failed = nil
	counts := map[int64]shares{}
	good := false
	for _, r := range a.Results {
		buckets, ok := r.Out.([]api.LogBucket)
		if r.Err != nil || !ok {
			if fail.CodeOf(r.Err) != fail.Canceled {
				h.failed = append(h.failed, failure{r.Context, r.Err})
			}
			continue
		}
		good = true
		for _, b := range buckets {
			at := h.slot(b.Time)
			s := counts[at]
			rest := b.Count
			for level, n := range b.Levels {
				if band := bandOf(level); band < len(bands)-1 {
					s[band] += n
					rest -= n
				}
			}
			s[len(bands)-1] += max(rest, 0)
			counts[at] = s
		}
	}
	if !good {
		return
	}
	h.counts, h.until, h.came = counts, h.asked, nil
}

func (h *histogram) slot(t time.Time) int64 { return t.Truncate(h.step).UnixNano() }

// add counts an entry that came after the stores had counted.
func (h *histogram) add(e *api.LogEntry) {
	if h.step <= 0 || e.Time.Before(h.until) {
		return
	}
	if h.came == nil {
		h.came = map[int64]shares{}
	}
	at := h.slot(e.Time)
	s := h.came[at]
	s[bandOf(e.Level)]++
	h.came[at] = s
	if len(h.came) > 4*histSteps { // times that are far apart: foreign clocks
		clear(h.came)
	}
}

// columns spread the counts over so many columns of the window: a column shows
// what a step holds, the mean of its steps where it has several. Sums would
// make every column with one step more a peak.
func (h *histogram) columns(from, to time.Time, n int) []shares {
	out, steps := make([]shares, n), make([]int64, n)
	span := to.Sub(from)
	if span <= 0 || h.step <= 0 || span/h.step > 8*histSteps { // the last: counts of another window
		return out
	}
	for at := from.Truncate(h.step); at.Before(to); at = at.Add(h.step) {
		s := h.counts[at.UnixNano()]
		for b, v := range h.came[at.UnixNano()] {
			s[b] += v
		}
		// A step that is wider than a column stands in all of its columns.
		first := int(max(at.Sub(from), 0) * time.Duration(n) / span)
		last := int(at.Add(h.step).Sub(from) * time.Duration(n) / span)
		for c := first; c < n && (c < last || c == first); c++ {
			steps[c]++
			for b := range s {
				out[c][b] += s[b]
			}
		}
	}
	for c := range out {
		for b, v := range out[c] {
			if steps[c] > 1 { // rounded up: what is not nothing stays so
				out[c][b] = (v + steps[c] - 1) / steps[c]
			}
		}
	}
	return out
}

// histLabel is the room for the figures beside the columns.
const histLabel = 7

// drawHistogram draws the counts: height lines, the last of which is the axis.
// The worst stands at the bottom of a column, and one error among a thousand
// lines has a sign of its own there.
func (p *Pane) drawHistogram(width, height int) []string {
	th := p.env.Theme
	from, to := p.env.Bounds()
	n := width - histLabel
	if n < 10 || height < 2 {
		return nil
	}
	columns := p.hist.columns(from, to, n)
	var most int64
	for _, c := range columns {
		most = max(most, c.sum())
	}
	rows := height - 1
	cells := make([][]int, n) // band by row from the bottom
	for i, c := range columns {
		cells[i] = stack(c, most, rows)
	}
	out := make([]string, 0, height)
	for row := rows - 1; row >= 0; row-- {
		label := strings.Repeat(" ", histLabel)
		if row == rows-1 {
			label = pad(short(most), histLabel-1) + " "
		}
		var b strings.Builder
		b.WriteString(th.Muted.Render(label))
		for i := 0; i < n; { // a run of one sign is one style
			band := bandAt(cells[i], row)
			j := i
			for j < n && bandAt(cells[j], row) == band {
				j++
			}
			if band < 0 {
				b.WriteString(strings.Repeat(" ", j-i))
			} else {
				b.WriteString(bandStyle(th, band).Render(strings.Repeat(p.bandSign(band), j-i)))
			}
			i = j
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return append(out, p.axis(from, to, n))
}

func bandAt(cells []int, row int) int {
	if row < len(cells) {
		return cells[row]
	}
	return -1
}

func (p *Pane) bandSign(band int) string {
	if band == fewErrors {
		if p.env.ASCII {
			return "!"
		}
		return "▂"
	}
	if p.env.ASCII {
		return bands[band].ascii
	}
	return bands[band].block
}

// stack gives the bands of a column's cells, from the bottom. Each border is
// off by half a cell at most.
func stack(s shares, most int64, rows int) []int {
	total := s.sum()
	if total == 0 || most == 0 {
		return nil
	}
	tall := max(1, int(float64(total)/float64(most)*float64(rows)+0.5))
	out := make([]int, 0, tall)
	var sum int64
	for band, n := range s {
		sum += n
		end := int(float64(sum)/float64(total)*float64(tall) + 0.5)
		for len(out) < min(end, tall) {
			out = append(out, band)
		}
	}
	if s[0] > 0 && out[0] != 0 {
		out[0] = fewErrors
	}
	return out
}

// axis is the line of times, with the window's cursor and marks.
func (p *Pane) axis(from, to time.Time, n int) string {
	th, zone := p.env.Theme, p.zone()
	layout := "15:04:05"
	if to.Sub(from) > 24*time.Hour {
		layout = "01-02 15:04"
	}
	line := []rune(strings.Repeat(" ", n))
	write := func(at int, text string) {
		for i, r := range []rune(text) {
			if k := at + i; k >= 0 && k < n {
				line[k] = r
			}
		}
	}
	begin, end := from.In(zone).Format(layout), to.In(zone).Format(layout)
	write(0, begin)
	if n > 2*len(layout)+4 {
		write(n-len(end), end)
	}
	place := func(t time.Time) int { return int(t.Sub(from) * time.Duration(n) / to.Sub(from)) }
	mark, cursor := "◆", "▲"
	if p.env.ASCII {
		mark, cursor = "*", "^"
	}
	p.legend(func(text string) {
		wide := len([]rune(text))
		at := (n - wide) / 2
		if c := p.env.Window.Cursor; !c.IsZero() && place(c) > at-len(layout)-4 && place(c) < at+wide {
			return // the cursor's time stands there
		}
		if n > wide+2*len(layout)+8 {
			write(at, text)
		}
	})
	for _, t := range p.env.Window.Marks {
		if !t.Before(from) && t.Before(to) {
			write(place(t), mark)
		}
	}
	if at := p.env.Window.Cursor; !at.IsZero() && !at.Before(from) && !at.After(to) {
		text := cursor + " " + at.In(zone).Format(layout)
		c := min(place(at), n-1)
		if c+len([]rune(text)) > n { // at the right edge the time stands before it
			text = at.In(zone).Format(layout) + " " + cursor
			c -= len([]rune(text)) - 1
		}
		write(c, text)
	}
	return strings.Repeat(" ", histLabel) + th.Muted.Render(strings.TrimRight(string(line), " "))
}

// legend gives the text that names the signs.
func (p *Pane) legend(write func(text string)) {
	var out []string
	for band, b := range bands {
		out = append(out, p.bandSign(band)+" "+b.name)
	}
	write(strings.Join(out, "  "))
}

// short writes a count in four columns or so.
func short(n int64) string {
	switch {
	case n >= 1e9:
		return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + "G"
	case n >= 1e6:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
	case n >= 1e4:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + "k"
	}
	return strconv.FormatInt(n, 10)
}

func pad(s string, width int) string { return strings.Repeat(" ", max(width-len(s), 0)) + s }

// names lists the contexts of failures.
func names(f []failure) string {
	var out []string
	for _, one := range f {
		out = append(out, one.context)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
