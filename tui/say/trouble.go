package say

import (
	"fmt"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
)

// Trouble is something that did not answer. What it would have said is
// unknown: it is shown beside what is known, and never left out.
type Trouble struct {
	Who, What, Next string
	Code            fail.Code
}

// Contexts are the contexts that did not answer. A question that was cancelled
// is none: nobody waits for it.
func Contexts(results []feed.Result) []Trouble {
	var out []Trouble
	for _, r := range results {
		if r.Err != nil && fail.CodeOf(r.Err) != fail.Canceled {
			out = append(out, Err(r.Context, r.Err))
		}
	}
	return out
}

// Err is one error.
func Err(who string, err error) Trouble {
	e := fail.From(err)
	return Trouble{Who: who, What: e.Error(), Next: e.Next, Code: e.Code}
}

// Backends are the backends of a context that did not answer. The context is
// named where it is not empty.
func Backends(context string, failed []api.BackendFailure) []Trouble {
	out := make([]Trouble, 0, len(failed))
	for _, f := range failed {
		who := f.Backend
		if context != "" {
			who = context + ": " + who
		}
		out = append(out, Trouble{Who: who, What: f.Message, Next: f.Next, Code: f.Code})
	}
	return out
}

// Line is the trouble in one line.
func (t Trouble) Line(th *theme.Theme) string {
	return th.Warn.Render("! no data from "+Line(t.Who)+": "+Line(t.What)) + t.next(th)
}

func (t Trouble) next(th *theme.Theme) string {
	if t.Next == "" {
		return ""
	}
	return th.Muted.Render("  → " + Line(t.Next))
}

// Troubles are at most limit lines; the last one counts what has no room.
func Troubles(th *theme.Theme, list []Trouble, limit int) []string {
	out := make([]string, 0, min(len(list), max(limit, 0)))
	for i, t := range list {
		if len(out) == limit {
			break
		}
		if left := len(list) - i; left > 1 && len(out) == limit-1 {
			out = append(out, th.Warn.Render(fmt.Sprintf("! no data from %d: %s, …", left, Line(t.Who))))
			break
		}
		out = append(out, t.Line(th))
	}
	return out
}
