package promcursor

import (
	"context"
	"strconv"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// Words asks for everything that may stand under the cursor, safe for a
// terminal. A metric has its help behind a tab; a value is escaped as inside
// of its quotes.
func Words(ctx context.Context, c op.Caller, at Cursor) ([]string, error) {
	var out []string
	if at.Kind == Metric {
		list, err := api.MetricsList.Call(ctx, c, api.MetricListInput{})
		for _, m := range list {
			out = append(out, term.SafeLine(m.Name)+"\t"+term.SafeLine(m.Help))
		}
		return out, err
	}
	in := api.MetricLabelsInput{Selector: at.Name, Label: at.Label}
	if at.Kind == Label {
		in.Label = ""
	}
	list, err := api.MetricsLabels.Call(ctx, c, in)
	for _, l := range list {
		switch {
		case at.Kind == Label && l.Name != "__name__":
			out = append(out, term.SafeLine(l.Name))
		case at.Kind == Value:
			quoted := strconv.Quote(l.Value)
			out = append(out, term.SafeLine(quoted[1:len(quoted)-1]))
		}
	}
	return out, err
}
