package alerts

import (
	"cmp"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// Past gathers what fired in a window by alert: how often, how long, when
// last. The stretches are those of Prometheus's series ALERTS; one without an
// end lasts until now.
func Past(stretches []api.Annotation, m Matchers, now time.Time) []api.PreviewPast {
	type key = string
	byLabels := map[key]*api.PreviewPast{}
	for _, s := range stretches {
		if s.Kind != "alert" || !m.Hit(s.Labels) {
			continue
		}
		k := Exactly(s.Labels).String()
		p := byLabels[k]
		if p == nil {
			p = &api.PreviewPast{Name: s.Title, Labels: s.Labels}
			byLabels[k] = p
		}
		end := now
		if s.End != nil {
			end = *s.End
		}
		p.Times++
		p.Fired += op.Duration(end.Sub(s.Time))
		if end.After(p.Last) {
			p.Last = end.UTC()
		}
	}
	out := []api.PreviewPast{}
	for _, p := range byLabels {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b api.PreviewPast) int {
		return cmp.Or(cmp.Compare(b.Fired, a.Fired), cmp.Compare(a.Name, b.Name), b.Last.Compare(a.Last),
			cmp.Compare(Exactly(a.Labels).String(), Exactly(b.Labels).String()))
	})
	return out
}

// Stretches makes the history of what fired.
func Stretches(list []api.Annotation, m Matchers) []api.AlertPast {
	var out []api.AlertPast
	for _, s := range list {
		if s.Kind != "alert" || !m.Hit(s.Labels) {
			continue
		}
		p := api.AlertPast{Kind: "firing", Name: s.Title, Labels: s.Labels, Start: s.Time.UTC(), Text: s.Text, Source: "ALERTS"}
		if s.End != nil {
			end := s.End.UTC()
			p.End, p.Duration = &end, op.Duration(end.Sub(s.Time))
		}
		out = append(out, p)
	}
	return out
}

// Stale says why a silence can go, or nothing: it has held for an hour, hits
// nothing, and what it would hit has not fired in the window either (past is
// nil where that cannot be told).
func Stale(s Silence, hits int, past []api.Annotation, now time.Time) string {
	if s.State(now) != Active || hits > 0 || now.Sub(s.Starts) < time.Hour {
		return ""
	}
	for _, p := range past {
		if p.Kind == "alert" && s.Matchers.Hit(p.Labels) {
			return ""
		}
	}
	if past == nil {
		return "it hits nothing"
	}
	return "it hits nothing, and nothing that it would hit has fired in the last week"
}
