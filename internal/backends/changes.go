package backends

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/changes"
)

// SilenceChanges is the source of silences and acknowledgements; nil where no
// Alertmanager is named.
func (s *Set) SilenceChanges() changes.Source {
	open := s.Alerts()
	if open == nil {
		return nil
	}
	return silences{open}
}

type silences struct {
	open func(context.Context) (alerts.Manager, error)
}

func (silences) Name() string { return "alertmanager" }

// Changes implements changes.Source: silences that began in the window, and
// those that were ended in it before their time could be told from those that
// ran out.
func (s silences) Changes(ctx context.Context, q changes.Query) (changes.Answer, error) {
	var out changes.Answer
	m, err := s.open(ctx)
	if err != nil {
		return out, err
	}
	list, failed, err := m.Silences(ctx)
	if err != nil {
		return out, err
	}
	for _, f := range failed {
		if !f.Covered {
			out.Warnings = append(out.Warnings, f.Backend+" does not answer: "+f.Message)
		}
	}
	for _, one := range list {
		if one.Starts.Before(q.From) || !one.Starts.Before(q.To) {
			continue
		}
		c := api.Change{
			ID: "silence-" + one.ID, Time: one.Starts, Kind: api.ChangeSilence, Object: "silence/" + one.ID, Actor: one.By,
			Reason: alerts.Words(one.Comment), Show: argv.Line("aictl", "alerts", "silences", "--expired"),
			Summary: fmt.Sprintf("%s was silenced until %s", one.Matchers, one.Ends.UTC().Format(time.RFC3339)),
			Undo:    argv.Line("aictl", "alerts", "unsilence", one.ID),
		}
		if alerts.IsAck(one.Comment) {
			c.Kind, c.Summary = api.ChangeAck, fmt.Sprintf("%s was taken over", one.Matchers)
		}
		for _, matcher := range one.Matchers {
			if matcher.Name == "service" && matcher.Type == labels.MatchEqual {
				c.Service = matcher.Value
			}
		}
		out.Changes = append(out.Changes, c)
	}
	return out, nil
}
