package gate

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/slo"
)

// slo makes the check of an objective: its budget must not burn too fast over
// a long and a short window at once.
func (g *run) slo(text string) (func(context.Context, time.Time) finding, error) {
	o, err := parseObjective(text)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, now time.Time) finding {
		q, err := g.d.Metrics(ctx)
		if err != nil {
			return unknown("%s", err.Error())
		}
		return o.look(ctx, q, now)
	}, nil
}

// objective is how an SLI is measured: by the platform's recording rules, or by
// expressions.
type objective struct {
	text          string
	name, service string
	errors, total string // with $w
	goal          float64
}

func parseObjective(text string) (objective, error) {
	o := objective{text: text}
	if !strings.Contains(text, "errors=") {
		o.name, o.service, _ = strings.Cut(text, "/")
		if o.name == "" || strings.ContainsAny(o.name, `"{}\`) || strings.ContainsAny(o.service, `"{}\`) {
			return o, fail.New(fail.Usage, "%q names no objective", text).Hint("--slo availability, or --slo availability/chat")
		}
		return o, nil
	}
	i, j, k := strings.Index(text, "errors="), strings.Index(text, "total="), strings.Index(text, "objective=")
	if i < 0 || j < i || k < j {
		return o, fail.New(fail.Usage, "an objective by expressions has errors=, total= and objective=, in this order").
			Hint(`--slo 'errors=sum(rate(http_requests_total{code=~"5.."}[$w])) total=sum(rate(http_requests_total[$w])) objective=99.9'`)
	}
	o.errors, o.total = strings.TrimSpace(text[i+len("errors="):j]), strings.TrimSpace(text[j+len("total="):k])
	goal, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text[k+len("objective="):]), "%"), 64)
	if err != nil || !(goal > 0 && goal < 100) {
		return o, fail.New(fail.Usage, "the objective is a percentage below 100").Hint("objective=99.9")
	}
	o.goal = goal / 100
	if !strings.Contains(o.errors, "$w") || !strings.Contains(o.total, "$w") {
		return o, fail.New(fail.Usage, "errors= and total= need $w where the window goes").Hint("errors=sum(rate(errors_total[$w]))")
	}
	return o, nil
}

// ratio is the expression of the share of bad calls over a window.
func (o objective) ratio(window string) string {
	if o.errors != "" {
		fill := func(s string) string { return strings.ReplaceAll(s, "$w", window) }
		return "(" + fill(o.errors) + ") / (" + fill(o.total) + ")"
	}
	return "slo:bad_calls:ratio_rate" + window + o.selector()
}

func (o objective) selector() string {
	s := fmt.Sprintf("{slo=%q", o.name)
	if o.service != "" {
		s += fmt.Sprintf(",service=%q", o.service)
	}
	return s + "}"
}

// look measures every row of the table. The first row that both windows exceed
// fails; for the check to pass the fastest row must be known, and the long window
// of any whose short one is exceeded.
func (o objective) look(ctx context.Context, q metrics.Querier, now time.Time) finding {
	goal := o.goal
	if o.errors == "" {
		v, known, err := one(ctx, q, fmt.Sprintf("slo:objective:ratio{slo=%q}", o.name), now)
		if err != nil {
			return unknown("%s", err.Error())
		}
		if !known {
			return unknown("no objective %q is recorded: aictl metrics query slo:objective:ratio", o.name)
		}
		goal = v
	}
	worst := finding{state: deploy.Unknown, message: "no data over " + slo.Burns()[0].ShortName()}
	var open finding // of a row that cannot be told; a later one may still fail
	burned := 0.0
	for i, row := range slo.Burns() {
		limit := row.Factor * (1 - goal)
		if limit >= 1 {
			continue // the budget is too large to burn so fast
		}
		long, knownLong, err := highest(ctx, q, o.ratio(row.LongName()), now)
		if err != nil {
			return unknown("%s", err.Error())
		}
		short, knownShort, err := highest(ctx, q, o.ratio(row.ShortName()), now)
		if err != nil {
			return unknown("%s", err.Error())
		}
		fact := api.Fact{
			ID: digest("slo", o.text, row.LongName(), now.UTC().Format(time.RFC3339)), Kind: "slo", Source: "metrics", Time: now.UTC(),
			Show: argv.Line("aictl", "metrics", "query", o.ratio(row.LongName()), "--time", now.UTC().Format(time.RFC3339)),
		}
		switch {
		case knownLong && knownShort && long > limit && short > limit:
			fact.Text = fmt.Sprintf("the budget burns %.1f times too fast over %s and %.1f times over %s (%.1f are allowed)", long/(1-goal), row.LongName(), short/(1-goal), row.ShortName(), row.Factor)
			return finding{state: deploy.False, message: fact.Text, evidence: []api.Fact{fact}}
		case !knownShort && i == 0:
			return worst
		case knownShort && short > limit && !knownLong:
			open = unknown("the budget burns %.1f times too fast over %s, and over %s there is no data", short/(1-goal), row.ShortName(), row.LongName())
		case knownShort:
			burned = max(burned, short/(1-goal))
			fact.Text = fmt.Sprintf("the budget burns %.2f times as fast as it may", burned)
			worst = finding{state: deploy.True, message: fact.Text, evidence: []api.Fact{fact}}
		}
	}
	if open.message != "" {
		return open
	}
	return worst
}

// one is the value of an expression with one series.
func one(ctx context.Context, q metrics.Querier, expr string, at time.Time) (float64, bool, error) {
	r, err := q.Instant(ctx, expr, at)
	if err != nil || len(r.Series) == 0 || len(r.Series[0].Samples) == 0 {
		return 0, false, err
	}
	v := float64(r.Series[0].Samples[0].Value)
	return v, !math.IsNaN(v), nil
}

// highest is the greatest value of an expression; a series without a number
// makes it unknown unless all others are there (no calls are no failures: a
// ratio of nothing to nothing says nothing).
func highest(ctx context.Context, q metrics.Querier, expr string, at time.Time) (float64, bool, error) {
	r, err := q.Instant(ctx, expr, at)
	if err != nil {
		return 0, false, err
	}
	best, known := math.Inf(-1), false
	for _, s := range r.Series {
		if n := len(s.Samples); n > 0 {
			if v := float64(s.Samples[n-1].Value); !math.IsNaN(v) {
				best, known = max(best, v), true
			}
		}
	}
	return best, known, nil
}
