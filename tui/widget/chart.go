package widget

import (
	"strings"

	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/theme"
)

// Chart draws curves over time in the theme's colours: at most height lines of
// at most width columns.
func Chart(th *theme.Theme, c plot.Chart, width, height int, ascii bool) []string {
	lines := plot.DrawChart(c, plot.Options{Width: width, Height: height, ASCII: ascii})
	out := make([]string, 0, min(len(lines), height))
	for _, l := range lines[:min(len(lines), height)] {
		var b strings.Builder
		for _, s := range l {
			b.WriteString(classStyle(th, s).Render(s.Text))
		}
		out = append(out, Fit(b.String(), width))
	}
	return out
}

func classStyle(th *theme.Theme, s plot.Span) theme.Style {
	switch s.Class {
	case plot.History, plot.Forecast:
		return th.Curve(s.Series)
	case plot.Axis, plot.Band:
		return th.Muted
	case plot.Anomaly:
		return th.Bad
	case plot.Limit:
		return th.Warn
	case plot.Event:
		return th.Info
	}
	return th.Text
}
