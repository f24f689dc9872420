package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// drawn is the last drawing of the answer, which is made anew only when what
// it is made of has changed.
type drawn struct {
	of    string
	lines []string
	// list is the line of the first item, and first its number, for clicks.
	list, first int
}

// verdictWords are a verdict for people.
func verdictWords(v string) string {
	switch v {
	case api.WhyCause:
		return "cause found"
	case api.WhyNoChange:
		return "no change explains this"
	case api.WhyUnclear:
		return "unclear"
	case api.WhyHealthy:
		return "nothing is wrong"
	case api.WhyNoData:
		return "too little is known to tell"
	}
	return say.Line(v)
}

func verdictStyle(th *theme.Theme, v string) theme.Style {
	switch v {
	case api.WhyHealthy:
		return th.OK
	case api.WhyCause, api.WhyNoChange:
		return th.Title
	}
	return th.Warn
}

// whyView draws the answer: the sentence first, then what it stands on.
func (p *Pane) whyView(width, height int) string {
	w := &p.why
	of := fmt.Sprint(width, "x", height, " ", w.changes, " ", w.cursor, " ", p.env.Theme.Name, p.env.ASCII, " ", p.env.Now.Unix()/60, " ", p.env.Window.Cursor.Unix())
	if of != w.drawn.of {
		w.drawn = drawn{of: of}
		w.drawn.lines = p.whyLines(width, height)
	}
	p.top = w.drawn.list
	return widget.Join(w.drawn.lines)
}

func (p *Pane) whyLines(width, height int) []string {
	w, th := &p.why, p.env.Theme
	page := say.NewPage(th, width)
	if w.out == nil {
		p.afterLines(page)
		for _, t := range w.trouble {
			page.Text("", th.Warn, "! "+t.What)
			page.Text("  → ", th.Muted, t.Next)
		}
		if len(w.trouble) == 0 {
			page.Line(th.Muted, "asking why: "+subjectName(w)+"…")
		}
		return fitted(page.Lines(), width, height)
	}
	head := p.headLines(width, height)
	room := height - len(head)
	list := min(w.len(), max(room/4, min(room, 3)))
	if room >= 22 {
		list = min(w.len(), max(room/3, 5))
	}
	room -= list
	var chart []string
	if room >= 8 && len(w.out.Symptom.Values) > 0 {
		chart = p.symptom(width, min(max(room*45/100, 7), 16))
		room -= len(chart)
	}
	lines := slices.Concat(head, chart)
	if room > 2 && list > 0 {
		lines = append(lines, "")
		room--
	}
	w.drawn.list = len(lines)
	if width >= wide && room >= 4 { // side by side: what there is, and what speaks for it
		left := width * 9 / 20
		rows := p.items(left, list)
		right := p.itemLines(width-left-3, list+room)
		for i := range max(len(rows), min(len(right), list+room)) {
			a, b := "", ""
			if i < len(rows) {
				a = rows[i]
			}
			if i < len(right) {
				b = right[i]
			}
			lines = append(lines, widget.Fit(a, left)+th.Muted.Render(p.bar())+b)
		}
		return fitted(lines, width, height)
	}
	lines = append(lines, p.items(width, list)...)
	if room > 2 {
		lines = append(lines, "")
		lines = append(lines, p.itemLines(width, room-1)...)
	}
	return fitted(lines, width, height)
}

// wide is from where the candidates and the evidence stand side by side.
const wide = 110

func (p *Pane) bar() string {
	if p.env.ASCII {
		return " | "
	}
	return " │ "
}

// headLines are the verdict and the sentence, what acts, what is followed, and
// what is not known.
func (p *Pane) headLines(width, height int) []string {
	w, th := &p.why, p.env.Theme
	page := say.NewPage(th, width)
	summary := say.NewPage(th, width)
	summary.Text(verdictStyle(th, w.out.Verdict).Render(verdictWords(w.out.Verdict))+"  ", th.Text, w.out.Summary)
	page.Add(clipped(summary.Lines(), max(min(height/6, 4), 1))...)
	if height >= 4 {
		p.afterLines(page)
	}
	if c := w.item().acts(); c != "" && height >= 8 {
		page.Line(th.Accent, "x  "+c)
	}
	if height >= 6 {
		words := subjectWords(p, w.out)
		if w.at.After(w.fresh) && len(w.trouble) == 0 {
			words += " · asking again…"
		}
		page.Line(th.Muted, words)
	}
	limit := max(height/6, 1)
	if height >= 3 {
		page.Add(say.Troubles(th, w.trouble, limit)...)
	}
	if len(w.trouble) > 0 && w.at.Sub(w.fresh) > 0 && height >= 6 {
		page.Line(th.Muted, "as of "+say.Clock(p.env, w.fresh))
	}
	if height >= 12 {
		for _, one := range w.out.Warnings[:min(len(w.out.Warnings), 2)] {
			page.Line(th.Warn, "! "+one)
		}
	}
	return page.Lines()
}

func subjectName(w *why) string {
	s := w.in.Subject
	if w.subject.Alert != "" {
		s = w.subject.Alert
	}
	if w.in.Service != "" {
		s += " of " + w.in.Service
	}
	return s
}

func subjectWords(p *Pane, w *api.Why) string {
	s := w.Subject.Name
	if w.Subject.Kind == "alert" {
		if w.Subject.Service != "" {
			s += " of " + w.Subject.Service
		}
		if w.Subject.State != "" {
			s += ", " + w.Subject.State
		}
		if !w.Subject.Started.IsZero() {
			s += " since " + say.Clock(p.env, w.Subject.Started)
		}
	}
	if on := w.Symptom.Onset; on != nil {
		s += fmt.Sprintf("; it began at %s (%s ago, within %s)", say.Clock(p.env, *on), say.Ago(p.env, *on), say.Long(w.Symptom.OnsetWithin))
	}
	return s
}

// symptom is the plot of what is wrong, with its threshold, its onset and the
// changes.
func (p *Pane) symptom(width, height int) []string {
	w := p.why.out
	chart := plot.Chart{From: w.From, To: w.Time, Zone: p.env.Zone, Series: say.Curves(w.Symptom.Values)}
	if w.Symptom.Threshold != nil {
		chart.Thresholds = []float64{float64(*w.Symptom.Threshold)}
	}
	if w.Symptom.Onset != nil {
		chart.Marks = append(chart.Marks, plot.Mark{Time: *w.Symptom.Onset, Text: "onset"})
	}
	for _, x := range w.Candidates {
		if x.Change != nil {
			chart.Marks = append(chart.Marks, plot.Mark{Time: x.Change.Time, Text: say.Line(x.Object)})
		}
	}
	if at := p.env.Window.Cursor; at.After(w.From) && at.Before(w.Time) {
		chart.Marks = append(chart.Marks, plot.Mark{Time: at, Text: "cursor"})
	}
	return widget.Chart(p.env.Theme, chart, width, height, p.env.ASCII)
}

// items are the candidates and then what was cleared, around the cursor.
func (p *Pane) items(width, height int) []string {
	w, th := &p.why, p.env.Theme
	first := max(0, min(w.cursor-height/2, w.len()-height))
	w.drawn.first = first
	out := make([]string, 0, height)
	for i := first; i < min(first+height, w.len()); i++ {
		words, style := "", th.Text
		switch x := w.nth(i); {
		case x.candidate != nil:
			words = fmt.Sprintf("%d. %3.0f %%  %s  %s", x.candidate.Rank, 100*float64(x.candidate.Confidence), x.candidate.Kind, x.candidate.Title)
		case x.cleared != nil:
			words, style = "cleared   "+say.Clock(p.env, x.cleared.Change.Time)+"  "+x.cleared.Change.Summary, th.Muted
		}
		sign := "  "
		if i == w.cursor {
			sign, style = "> ", th.Selected
		}
		out = append(out, style.Render(widget.Fit(sign+say.Line(words), width)))
	}
	return out
}

// itemLines are what speaks for the item under the cursor and against it, as
// many lines as there is room for.
func (p *Pane) itemLines(width, height int) []string {
	page := say.NewPage(p.env.Theme, width)
	p.evidence(page, p.why.item(), false)
	lines := page.Lines()
	if n := len(lines); n > height && height > 0 {
		lines = append(lines[:height-1:height-1], p.env.Theme.Muted.Render(fmt.Sprintf("%d more lines: enter shows them", n-height+1)))
	}
	return lines
}

// evidence is what an item stands on; whole adds the commands and the ids.
func (p *Pane) evidence(page *say.Page, x item, whole bool) {
	th := p.env.Theme
	switch {
	case x.candidate != nil:
		c := x.candidate
		if whole {
			page.Text("", th.Bold, c.Title)
			page.Text("", th.Muted, fmt.Sprintf("%s, %.0f %% by what was measured on the catalogue of scenarios", c.Kind, 100*float64(c.Confidence)))
			if !c.Onset.IsZero() {
				page.Field("Since", say.Clock(p.env, c.Onset)+" ("+say.Ago(p.env, c.Onset)+" ago)")
			}
			page.Blank()
		}
		if len(c.Path) > 1 {
			page.Text("through ", th.Muted, strings.Join(c.Path, " → "))
		}
		for _, e := range c.Evidence {
			page.Text("+ ", th.Text, e.Text)
			if whole {
				page.Text("  ", th.Muted, strings.TrimSpace(e.ID+"  "+say.Clock(p.env, e.Time)+"  "+e.Show))
			}
		}
		for _, a := range c.Against {
			page.Text("- ", th.Muted, a)
		}
		page.Text("→ ", th.Accent, c.Command)
		page.Text("? ", th.Accent, c.Next)
		if whole && c.Change != nil {
			page.Head("The change")
			p.changeLines(page, c.Change)
		}
	case x.cleared != nil:
		if whole {
			page.Text("", th.Bold, x.cleared.Change.Summary)
		}
		page.Text("cleared: ", th.Muted, x.cleared.Why)
		if whole {
			p.changeLines(page, &x.cleared.Change)
		} else {
			page.Text("? ", th.Accent, x.cleared.Change.Show)
		}
	case len(p.why.out.Candidates) == 0:
		for _, e := range p.why.out.Symptom.Evidence {
			page.Text("+ ", th.Text, e.Text)
		}
	}
}

// clipped keeps a number of lines and says that there were more.
func clipped(lines []string, limit int) []string {
	if len(lines) <= limit {
		return lines
	}
	out := append([]string{}, lines[:limit]...)
	out[limit-1] += "…"
	return out
}

func fitted(lines []string, width, height int) []string {
	lines = lines[:min(len(lines), height)]
	for i, l := range lines {
		lines[i] = widget.Fit(l, width)
	}
	return lines
}
