package prom

import (
	"context"
	"errors"
	"sort"
	"strconv"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

// Instant implements metrics.Querier.
func (c *Client) Instant(ctx context.Context, query string, at time.Time) (metrics.Result, error) {
	if err := notEmpty(query); err != nil {
		return metrics.Result{}, err
	}
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	v, warnings, infos, err := c.api.Query(ctx, query, at)
	return c.result(ctx, v, warnings, infos, err)
}

// Range implements metrics.Querier.
func (c *Client) Range(ctx context.Context, query string, w metrics.Window) (metrics.Result, error) {
	if err := notEmpty(query); err != nil {
		return metrics.Result{}, err
	}
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	v, warnings, infos, err := c.api.QueryRange(ctx, query, v1.Range{Start: w.From, End: w.To, Step: w.Step})
	return c.result(ctx, v, warnings, infos, err)
}

func notEmpty(query string) error {
	if strings.TrimSpace(query) == "" {
		return fail.New(fail.Usage, "the expression is empty").Hint("aictl metrics query up")
	}
	return nil
}

func (c *Client) result(ctx context.Context, v model.Value, warnings v1.Warnings, infos v1.Infos, err error) (metrics.Result, error) {
	if err != nil {
		return metrics.Result{}, c.wire.foreignError(ctx, err)
	}
	r := metrics.Result{Warnings: warnings, Infos: infos, Series: []api.MetricSeries{}}
	switch v := v.(type) {
	case model.Vector:
		r.Type = "vector"
		for _, s := range v {
			p := sample(s.Timestamp, s.Value, s.Histogram)
			r.Series = append(r.Series, api.MetricSeries{Labels: labels(s.Metric), Samples: []api.MetricSample{p}})
		}
	case model.Matrix:
		r.Type = "matrix"
		for _, s := range v {
			r.Series = append(r.Series, api.MetricSeries{Labels: labels(s.Metric), Samples: samples(s)})
		}
	case *model.Scalar:
		r.Type = "scalar"
		r.Series = append(r.Series, api.MetricSeries{Labels: map[string]string{}, Samples: []api.MetricSample{sample(v.Timestamp, v.Value, nil)}})
	default:
		return r, fail.New(fail.Unavailable, "%s answered without a result that is known here", c.wire.at()).Hint(wrongURL)
	}
	return r, nil
}

// samples merges floats and native histograms in order of time.
func samples(s *model.SampleStream) []api.MetricSample {
	out := make([]api.MetricSample, 0, len(s.Values)+len(s.Histograms))
	for _, p := range s.Values {
		out = append(out, sample(p.Timestamp, p.Value, nil))
	}
	for _, p := range s.Histograms {
		out = append(out, sample(p.Timestamp, 0, p.Histogram))
	}
	if len(s.Histograms) > 0 {
		sort.SliceStable(out, func(i, j int) bool { return out[i].Time.Before(out[j].Time) })
	}
	return out
}

func sample(t model.Time, v model.SampleValue, h *model.SampleHistogram) api.MetricSample {
	p := api.MetricSample{Time: t.Time().UTC(), Value: api.Number(v)}
	if h == nil {
		return p
	}
	p.Value = api.Number(h.Sum)
	p.Histogram = &api.MetricHistogram{Count: api.Number(h.Count), Sum: api.Number(h.Sum), Buckets: []api.MetricBucket{}}
	for _, b := range h.Buckets {
		p.Histogram.Buckets = append(p.Histogram.Buckets, api.MetricBucket{Lower: api.Number(b.Lower), Upper: api.Number(b.Upper), Count: api.Number(b.Count)})
	}
	return p
}

func labels(m model.Metric) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[string(k)] = string(v)
	}
	return out
}

// foreignError gives a code to what v1 found wrong after our own layer was
// content.
func (w *wire) foreignError(ctx context.Context, err error) error {
	if isRefusal(err) {
		return err
	}
	if ctx.Err() != nil {
		return w.unreachable(ctx, err)
	}
	var e *v1.Error
	if errors.As(err, &e) {
		if strings.Contains(e.Msg, `value type "string"`) { // v1 does not decode strings
			return fail.New(fail.Usage, "the expression is a string and has no value").Hint("aictl metrics query up")
		}
		return fail.New(fail.Unavailable, "%s answered in a form that is not the Prometheus API's: %s", w.at(), clip(e.Msg, 200)).
			Hint("try again; if it stays so, curl %s/api/v1/status/buildinfo", w.base)
	}
	return w.unreachable(ctx, err)
}

// limited turns 0 into no option at all.
func limited(n int) []v1.Option {
	if n <= 0 {
		return nil
	}
	return []v1.Option{v1.WithLimit(uint64(n))}
}

// LabelNames implements metrics.Querier.
func (c *Client) LabelNames(ctx context.Context, s metrics.Selection) ([]string, []string, error) {
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	list, warnings, _, err := c.api.LabelNames(ctx, s.Matchers, s.From, s.To, limited(s.Limit)...)
	if err != nil {
		return nil, nil, c.wire.foreignError(ctx, err)
	}
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = string(n)
	}
	return cut(out, s.Limit), warnings, nil
}

// LabelValues implements metrics.Querier. Names that are not plain are sent
// in the escaped form of Prometheus 3 (U__…).
func (c *Client) LabelValues(ctx context.Context, label string, s metrics.Selection) ([]string, []string, error) {
	if label == "" {
		return nil, nil, fail.New(fail.Usage, "the label has no name").Hint("aictl metrics labels")
	}
	if !model.LegacyValidation.IsValidLabelName(label) {
		label = model.EscapeName(label, model.ValueEncodingEscaping)
	}
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	list, warnings, _, err := c.api.LabelValues(ctx, label, s.Matchers, s.From, s.To, limited(s.Limit)...)
	if err != nil {
		return nil, nil, c.wire.foreignError(ctx, err)
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return cut(out, s.Limit), warnings, nil
}

// Series implements metrics.Querier.
func (c *Client) Series(ctx context.Context, s metrics.Selection) ([]map[string]string, []string, error) {
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	list, warnings, _, err := c.api.Series(ctx, s.Matchers, s.From, s.To, limited(s.Limit)...)
	if err != nil {
		return nil, nil, c.wire.foreignError(ctx, err)
	}
	out := make([]map[string]string, 0, len(list))
	for _, set := range list {
		out = append(out, labels(model.Metric(set)))
	}
	if s.Limit > 0 && len(out) > s.Limit {
		out = out[:s.Limit]
	}
	return out, warnings, nil
}

// cut bounds a list from a backend that does not know the limit.
func cut(list []string, n int) []string {
	sort.Strings(list)
	if n > 0 && len(list) > n {
		return list[:n]
	}
	return list
}

// Metadata implements metrics.Querier. Backends without the endpoint give an
// empty map. Of several entries for a name the first is taken.
func (c *Client) Metadata(ctx context.Context, metric string, limit int) (map[string]api.Metric, error) {
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	n := ""
	if limit > 0 {
		n = strconv.Itoa(limit)
	}
	all, err := c.api.Metadata(ctx, metric, n)
	if err != nil {
		if err = c.wire.foreignError(ctx, err); fail.CodeOf(err) == fail.NotFound {
			return map[string]api.Metric{}, nil
		}
		return nil, err
	}
	out := make(map[string]api.Metric, len(all))
	for name, list := range all {
		m := api.Metric{Name: name, Type: "unknown"}
		if len(list) > 0 {
			m.Help, m.Unit = list[0].Help, list[0].Unit
			if list[0].Type != "" {
				m.Type = string(list[0].Type)
			}
		}
		out[name] = m
	}
	return out, nil
}

// Check implements metrics.Querier: the build information, or where there is
// none a question that every backend can answer.
func (c *Client) Check(ctx context.Context) (metrics.Backend, error) {
	b := metrics.Backend{URL: c.URL()}
	bounded, cancel := c.wire.bound(ctx)
	defer cancel()
	info, err := c.api.Buildinfo(bounded)
	if err == nil {
		b.Version = info.Version
		return b, nil
	}
	if err = c.wire.foreignError(bounded, err); fail.CodeOf(err) != fail.NotFound {
		return b, err
	}
	if _, err := c.Instant(bounded, "vector(1)", time.Time{}); err != nil {
		return b, err
	}
	return b, nil
}
