package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/metrics"
)

// memory is how far back a series is remembered that must still be there.
const memory = 5 * time.Minute

// query makes the check of an expression with a comparison.
func (g *run) query(text string) (func(context.Context, time.Time) finding, error) {
	plain, factor, relative := cutBaseline(text)
	e, err := deploy.ParseExpr("metric: "+plain, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, now time.Time) finding {
		q, err := g.d.Metrics(ctx)
		if err != nil {
			return unknown("%s", err.Error())
		}
		r, err := q.Instant(ctx, e.Left, now)
		if err != nil {
			return unknown("%s", err.Error())
		}
		limit := e
		if relative {
			was, known := g.base(ctx, q, e.Left)
			if !known {
				return unknown("the baseline (%s to %s) has no data", clock(g.baseFrom), clock(g.baseTo))
			}
			limit = e.With(factor * was)
		}
		f := judgeSeries(r.Series, limit)
		f.evidence = []api.Fact{{
			ID: digest("qry", text, now.UTC().Format(time.RFC3339)), Kind: "metric", Source: "metrics", Time: now.UTC(), Text: f.message,
			Show: argv.Line("aictl", "metrics", "query", e.Left, "--time", now.UTC().Format(time.RFC3339)),
		}}
		if f.state != deploy.True {
			return f
		}
		if gone := g.gone(ctx, q, e.Left, r.Series, now); gone != "" {
			f.state, f.message = deploy.Unknown, f.message+"; "+gone
		}
		return f
	}, nil
}

var baselineWord = regexp.MustCompile(`(==|!=|<=|>=|<|>)\s*(?:([0-9.eE+-]+)\s*\*\s*)?baseline\s*(?:\*\s*([0-9.eE+-]+))?\s*$`)

// cutBaseline reads a right side that is a multiple of the baseline; the
// expression it gives compares with 0 in its place.
func cutBaseline(text string) (plain string, factor float64, relative bool) {
	m := baselineWord.FindStringSubmatchIndex(text)
	if m == nil {
		return text, 0, false
	}
	factor = 1
	for _, i := range []int{4, 6} {
		if m[i] >= 0 {
			f, err := strconv.ParseFloat(text[m[i]:m[i+1]], 64)
			if err != nil {
				return text, 0, false
			}
			factor *= f
		}
	}
	return text[:m[3]] + " 0", factor, true
}

// leastBase is how many moments of the baseline must have a value: what has just
// begun to be is no measure of itself.
const leastBase = 3

// base is the median of an expression over the baseline.
func (g *run) base(ctx context.Context, q metrics.Querier, expr string) (float64, bool) {
	w, err := metrics.NewWindow(g.baseFrom, g.baseTo, 0, g.baseTo)
	if err != nil {
		return 0, false
	}
	r, err := q.Range(ctx, expr, w)
	if err != nil {
		return 0, false
	}
	var all []float64
	moments := map[int64]bool{}
	for _, s := range r.Series {
		for _, p := range s.Samples {
			if v := float64(p.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
				all = append(all, v)
				moments[p.Time.UnixMilli()] = true
			}
		}
	}
	if len(moments) < leastBase {
		return 0, false
	}
	return median(all)
}

// judgeSeries holds every series against the comparison. One that does not hold
// decides; NaN and no series at all are not known. An infinity compares as what
// it is.
func judgeSeries(list []api.MetricSeries, e deploy.Expr) finding {
	if len(list) == 0 {
		return unknown("no data")
	}
	missing, worst, bad := 0, "", 0
	for _, s := range list {
		if len(s.Samples) == 0 {
			missing++
			continue
		}
		v := float64(s.Samples[len(s.Samples)-1].Value)
		switch {
		case math.IsNaN(v):
			missing++
		case !e.Holds(v):
			if bad++; worst == "" {
				worst = fmt.Sprintf("%s is %s", metrics.Labels(s.Labels), number(v))
			}
		}
	}
	switch {
	case bad > 1:
		return finding{state: deploy.False, message: fmt.Sprintf("%s, and %d more do not hold", worst, bad-1)}
	case bad == 1:
		return finding{state: deploy.False, message: worst}
	case missing > 0:
		return unknown("%d of %d series have no value", missing, len(list))
	}
	first := list[0].Samples[len(list[0].Samples)-1].Value
	if len(list) == 1 {
		return finding{state: deploy.True, message: number(float64(first))}
	}
	return finding{state: deploy.True, message: fmt.Sprintf("%d series hold", len(list))}
}

// gone says what was there some minutes ago and is no longer: a series of the
// expression, or a target that was scraped. Where that cannot be asked, nobody
// knows that all are there.
func (g *run) gone(ctx context.Context, q metrics.Querier, expr string, now []api.MetricSeries, at time.Time) string {
	unasked := func(err error) string {
		return "whether series have gone is not known: " + err.Error()
	}
	before, err := q.Instant(ctx, expr, at.Add(-memory))
	if err != nil {
		return unasked(err)
	}
	have := map[string]bool{}
	for _, s := range now {
		have[metrics.Labels(s.Labels)] = true
	}
	var lost []string
	for _, s := range before.Series {
		if l := metrics.Labels(s.Labels); !have[l] {
			lost = append(lost, l)
		}
	}
	if len(lost) > 0 {
		return fmt.Sprintf("%d of %d series of %s ago have gone: %s", len(lost), len(before.Series), memory, lost[0])
	}
	down, err := q.Instant(ctx, "count(up == 0 and on (job, instance) up offset 5m == 1)", at)
	if err != nil {
		return unasked(err)
	}
	if len(down.Series) == 1 && len(down.Series[0].Samples) > 0 && float64(down.Series[0].Samples[0].Value) > 0 {
		return fmt.Sprintf("%s targets that were scraped %s ago are down", number(float64(down.Series[0].Samples[0].Value)), memory)
	}
	return ""
}

func median(x []float64) (float64, bool) {
	if len(x) == 0 {
		return 0, false
	}
	s := append([]float64(nil), x...)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2, true
	}
	return s[len(s)/2], true
}

func number(v float64) string { return strings.Replace(fmt.Sprintf("%.6g", v), "e+0", "e+", 1) }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func digest(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:5])
}
