package promd

import (
	"cmp"
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"

	"github.com/aictl/aictl/internal/fail"
)

// Target is one endpoint that speaks the Prometheus exposition format.
type Target struct {
	// URL is where the metrics are; a path of "" or "/" means /metrics. The
	// host becomes the instance label.
	URL string
	// Labels are set on every series of the target, beside job and instance;
	// instance may be overridden here.
	Labels map[string]string
	// Bearer gives the token of one scrape; nil sends none. It runs for each
	// scrape, so that a rotated token is picked up, and the token is never
	// written to a file or shown by the API.
	Bearer func(context.Context) (string, error)
	// Transport carries the scrape; nil dials the URL. Use op.InProcess for a
	// handler of this process, or a transport that dials a Unix socket.
	Transport http.RoundTripper
}

// special targets are reached through the bridge, the others directly.
func (t Target) special() bool { return t.Bearer != nil || t.Transport != nil }

func (t Target) parse() (*url.URL, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "scrape target %q", t.URL).Hint("use a URL such as http://127.0.0.1:9100/metrics")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fail.New(fail.Usage, "scrape target %q is not a plain http or https URL", u.Redacted()).
			Hint("use a URL such as http://127.0.0.1:9100/metrics; credentials go into the bearer function")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/metrics"
	}
	for k := range t.Labels {
		if !model.UTF8Validation.IsValidLabelName(k) || k == model.MetricNameLabel || k == model.JobLabel {
			return nil, fail.New(fail.Usage, "scrape target %s has the label name %q", u.Redacted(), k).Hint("choose another label name")
		}
	}
	return u, nil
}

// address is the host with its port written out, as Prometheus dials it.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// group makes the target group of one target. The job is set by name, because
// its twin has another one. A bridged target is scraped
// over plain HTTP inside this process, whatever its own scheme is.
func group(source, job string, t Target, u *url.URL, bridged bool) *targetgroup.Group {
	scheme := u.Scheme
	if bridged {
		scheme = "http"
	}
	set := model.LabelSet{
		model.AddressLabel:     model.LabelValue(address(u)),
		model.SchemeLabel:      model.LabelValue(scheme),
		model.MetricsPathLabel: model.LabelValue(u.EscapedPath()),
		model.InstanceLabel:    model.LabelValue(u.Host),
		model.JobLabel:         model.LabelValue(job),
	}
	for name, values := range u.Query() {
		set[model.LabelName(model.ParamLabelPrefix+name)] = model.LabelValue(values[0])
	}
	for k, v := range t.Labels { // never job: parse refuses it
		set[model.LabelName(k)] = model.LabelValue(v)
	}
	return &targetgroup.Group{Source: source, Targets: []model.LabelSet{set}}
}

// jobs returns the names of all jobs, in order.
func jobs(targets map[string][]Target) []string {
	return slices.SortedFunc(maps.Keys(targets), cmp.Compare)
}
