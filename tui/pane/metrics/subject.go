package metrics

import (
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/chart"
	"github.com/aictl/aictl/tui/pane"
)

// Subject implements pane.Pane: the curve that was chosen, at the window's
// cursor.
func (p *Pane) Subject() pane.Subject {
	if p.top.shown {
		row, ok := p.top.table.Current()
		if !ok {
			return pane.Subject{}
		}
		s := about(row.Labels)
		s.Query, s.At = row.expression(p.top.shownQuery), p.env.Window.Cursor
		if s.Context == "" {
			s.Context = row.context
		}
		return s
	}
	one, ok := p.selected()
	if !ok {
		return pane.Subject{}
	}
	s := pane.Subject{}
	if series, ok := one.chosen(); ok {
		s = about(series.Labels)
	}
	if s.Service == "" {
		s.Service = p.current().service
	}
	s.Query, s.At = one.spec.Query, p.env.Window.Cursor
	return s
}

// chosen is the curve that jumps go from.
func (one *panel) chosen() (api.MetricSeries, bool) {
	if one.data == nil || len(one.data.now.Series) == 0 {
		return api.MetricSeries{}, false
	}
	all := chart.Ordered(one.data.now.Series)
	return all[min(one.series, len(all)-1)], true
}

// about reads a label set.
func about(labels map[string]string) pane.Subject {
	s := pane.Subject{Context: labels[contextLabel], Namespace: labels["namespace"], Alert: labels["alertname"]}
	s.Labels = map[string]string{}
	for k, v := range labels {
		if k != contextLabel && k != metrics.NameLabel {
			s.Labels[k] = v
		}
	}
	for _, k := range []string{"service", "job", "deployment", "app"} {
		if s.Service = labels[k]; s.Service != "" {
			break
		}
	}
	return s
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	if p.top.shown {
		return p.top.command()
	}
	one, ok := p.selected()
	if !ok {
		return "aictl metrics list"
	}
	words := []string{"aictl", "metrics", "plot", one.spec.Query}
	words = append(words, strings.Fields(p.env.Window.Flags())...)
	for _, t := range one.spec.Threshold {
		words = append(words, "--threshold", strconv.FormatFloat(t, 'g', -1, 64))
	}
	if one.spec.Unit != "" {
		words = append(words, "--unit", one.spec.Unit)
	}
	if one.bare {
		words = append(words, "--marks", "none")
	}
	return argv.Line(words...)
}
