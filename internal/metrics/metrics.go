// Package metrics is the domain of metrics: what a backend must be able to do
// (Querier), and what is built on any of them: the choice of a step, series
// on a grid with their gaps, alerts as annotations, rankings, the place of a
// mistake in an expression, units by name.
//
// It promises that a missing step is a gap and never interpolated, that NaN
// counts as missing, and that an infinity stays what it is. It knows no
// backend: the adapter below it (prom) does. It keeps no state and is safe for
// concurrent use.
package metrics

import (
	"context"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Querier is what the domain needs of a metrics backend. Implementations are
// safe for concurrent use. Errors carry a fail.Code: Usage for an expression
// that the backend refuses, Auth and Forbidden for credentials, Limited when
// it pushes back (with RetryAfter where it said so), TooLarge for an answer or
// a query over a limit, Timeout, and Unavailable when it can't be reached or
// answers as no Prometheus does. The messages name the backend's URL.
type Querier interface {
	// Instant evaluates query at one moment; the zero time is the backend's now.
	Instant(ctx context.Context, query string, at time.Time) (Result, error)
	// Range evaluates query at every step of the window, both ends included.
	Range(ctx context.Context, query string, w Window) (Result, error)
	// LabelNames lists the label names of the series that match any of the
	// selectors (all series without one) in the window; zero times are open
	// ends. limit 0 is the backend's own.
	LabelNames(ctx context.Context, s Selection) ([]string, []string, error)
	// LabelValues lists the values of a label, as LabelNames does names.
	LabelValues(ctx context.Context, label string, s Selection) ([]string, []string, error)
	// Series lists the label sets of the matching series.
	Series(ctx context.Context, s Selection) ([]map[string]string, []string, error)
	// Metadata gives type, help and unit by metric name; metric "" is all. A
	// backend that keeps none gives an empty map.
	Metadata(ctx context.Context, metric string, limit int) (map[string]api.Metric, error)
	// Check reports what answers, and proves address and credentials.
	Check(ctx context.Context) (Backend, error)
}

// Backend is what a backend says of itself.
type Backend struct {
	URL     string
	Version string // empty where it does not say
}

// Window is a stretch of time in equal steps; From and To are both part of it.
type Window struct {
	From, To time.Time
	Step     time.Duration
}

// Points is how many steps the window has.
func (w Window) Points() int {
	if w.Step <= 0 || w.To.Before(w.From) {
		return 0
	}
	return int(w.To.Sub(w.From)/w.Step) + 1
}

// Time gives the moment of step i.
func (w Window) Time(i int) time.Time { return w.From.Add(time.Duration(i) * w.Step) }

// Selection picks series.
type Selection struct {
	Matchers []string // PromQL selectors; any of them
	From, To time.Time
	Limit    int
}

// Result is the answer of a query.
type Result struct {
	Type            string // vector, matrix, scalar
	Series          []api.MetricSeries
	Warnings, Infos []string
}

// NameLabel is the label that holds a metric's name.
const NameLabel = "__name__"

// Labels writes a label set as PromQL does: name{label="value"}. The labels
// are in order of their names; {} stands for none.
func Labels(set map[string]string) string {
	name := set[NameLabel]
	keys := make([]string, 0, len(set))
	for k := range set {
		if k != NameLabel {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	var b strings.Builder
	quoted := name != "" && !simpleName(name, true)
	if !quoted {
		b.WriteString(name)
	}
	if len(keys) == 0 && name != "" && !quoted {
		return b.String()
	}
	b.WriteByte('{')
	if quoted { // UTF-8 names stand inside the braces, since Prometheus 3
		b.WriteString(strconv.Quote(name))
	}
	for i, k := range keys {
		if i > 0 || quoted {
			b.WriteString(", ")
		}
		if simpleName(k, false) {
			b.WriteString(k)
		} else {
			b.WriteString(strconv.Quote(k))
		}
		b.WriteString("=" + strconv.Quote(set[k]))
	}
	b.WriteByte('}')
	return b.String()
}

// simpleName reports whether a name needs no quotes; colon is for metrics.
func simpleName(s string, colon bool) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || colon && c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
