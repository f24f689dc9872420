// Package alertmanager is the adapter of alerts.Manager to one or several
// Alertmanagers by their API v2: independent ones, and the members of
// high-availability clusters.
//
// It promises that an alert and a silence is given once, whoever has it; that
// a member that does not answer is named while the others' answer is given;
// that a silence is made once in each cluster, on a member that answers, and
// that credentials go to the configured host only. Requests are our own: the
// generated client of the module brings the whole of go-openapi along, at a
// cost of 3 MB and of start-up time, for five requests.
package alertmanager

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Manager implements alerts.Manager. It is safe for concurrent use.
type Manager struct {
	members  []*member
	clusters [][]*member
}

var _ alerts.Manager = (*Manager)(nil)

// New makes a manager; it reads certificates and does no other I/O.
func New(endpoints []Endpoint) (*Manager, error) {
	if len(endpoints) == 0 {
		return nil, fail.New(fail.Usage, "there is no Alertmanager").Hint("aictl config view")
	}
	m := &Manager{}
	at := map[string]int{}
	for _, e := range endpoints {
		one, err := newMember(e)
		if err != nil {
			return nil, err
		}
		m.members = append(m.members, one)
		i, known := at[e.Cluster]
		if !known {
			i = len(m.clusters)
			at[e.Cluster] = i
			m.clusters = append(m.clusters, nil)
		}
		m.clusters[i] = append(m.clusters[i], one)
	}
	return m, nil
}

// Close drops idle connections.
func (m *Manager) Close() {
	for _, one := range m.members {
		one.http.CloseIdleConnections()
	}
}

// ask asks every member at once. When none answers it gives the first error.
func ask[T any](ctx context.Context, m *Manager, path string) ([]T, []api.BackendFailure, error) {
	answers, errs := make([]T, len(m.members)), make([]error, len(m.members))
	// Who is silent must not cost the answer of the others: they need what is
	// left of the time to get it to the person.
	within, cancel := share(ctx, len(m.members) > 1)
	defer cancel()
	var wg sync.WaitGroup
	for i, one := range m.members {
		wg.Go(func() { errs[i] = one.do(within, http.MethodGet, path, nil, &answers[i]) })
	}
	wg.Wait()
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, nil, fail.From(ctx.Err())
	}
	living := map[string]bool{}
	for i, err := range errs {
		if err == nil {
			living[m.members[i].Cluster] = true
		}
	}
	var out []T
	failed := []api.BackendFailure{}
	var first error
	for i, err := range errs {
		if err == nil {
			out = append(out, answers[i])
			continue
		}
		if first == nil {
			first = err
		}
		f := alerts.Failure(m.members[i].Name, err)
		f.Covered = living[m.members[i].Cluster]
		failed = append(failed, f)
	}
	if len(out) == 0 {
		return nil, failed, first
	}
	return out, failed, nil
}

// patience is how long one of several members may take.
const patience = 5 * time.Second

// share is the part of the time that one of several members may use.
func share(ctx context.Context, several bool) (context.Context, context.CancelFunc) {
	if !several {
		return context.WithCancel(ctx)
	}
	limit := patience
	if end, bounded := ctx.Deadline(); bounded {
		limit = min(limit, time.Until(end)/2)
	}
	return context.WithTimeout(ctx, limit)
}

// gettableAlert is an alert on the wire (the API v2's schema).
type gettableAlert struct {
	Fingerprint  string            `json:"fingerprint"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State       string   `json:"state"`
		SilencedBy  []string `json:"silencedBy"`
		InhibitedBy []string `json:"inhibitedBy"`
	} `json:"status"`
}

// Alerts implements alerts.Manager. Of an alert that several members have, the
// one that was updated last counts; it began with the first, and is silenced
// where any member silences it.
func (m *Manager) Alerts(ctx context.Context) ([]api.Alert, []api.BackendFailure, error) {
	answers, failed, err := ask[[]gettableAlert](ctx, m, "/alerts?active=true&silenced=true&inhibited=true&unprocessed=true")
	if err != nil {
		return nil, failed, err
	}
	byID := map[string]int{}
	out := []api.Alert{}
	for _, list := range answers {
		for _, g := range list {
			a := g.alert()
			i, known := byID[a.Fingerprint]
			if !known {
				byID[a.Fingerprint] = len(out)
				out = append(out, a)
				continue
			}
			out[i] = merge(out[i], a)
		}
	}
	return out, failed, nil
}

func (g gettableAlert) alert() api.Alert {
	a := api.Alert{
		Fingerprint: g.Fingerprint, Name: g.Labels["alertname"], State: "firing", Severity: g.Labels["severity"], Service: g.Labels["service"],
		Started: g.StartsAt.UTC(), Updated: g.UpdatedAt.UTC(), Labels: g.Labels, Annotations: g.Annotations, Source: g.GeneratorURL,
		SilencedBy: g.Status.SilencedBy, InhibitedBy: g.Status.InhibitedBy,
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	if a.Annotations == nil {
		a.Annotations = map[string]string{}
	}
	for _, key := range []string{"summary", "message", "description"} {
		if a.Summary == "" {
			a.Summary = a.Annotations[key]
		}
	}
	for _, key := range []string{"runbook_url", "runbook"} {
		if a.Runbook == "" {
			a.Runbook = a.Annotations[key]
		}
	}
	a.State = state(a)
	return a
}

func state(a api.Alert) string {
	switch {
	case len(a.SilencedBy) > 0:
		return "silenced"
	case len(a.InhibitedBy) > 0:
		return "inhibited"
	}
	return "firing"
}

func merge(a, b api.Alert) api.Alert {
	newest, other := a, b
	if b.Updated.After(a.Updated) {
		newest, other = b, a
	}
	if other.Started.Before(newest.Started) {
		newest.Started = other.Started
	}
	newest.SilencedBy = union(newest.SilencedBy, other.SilencedBy)
	newest.InhibitedBy = union(newest.InhibitedBy, other.InhibitedBy)
	newest.State = state(newest)
	return newest
}

func union(a, b []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, list := range [][]string{a, b} {
		for _, s := range list {
			if !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// wireMatcher and wireSilence are the API v2's schemas.
type wireMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual,omitempty"`
}

type wireSilence struct {
	ID        string        `json:"id,omitempty"`
	Matchers  []wireMatcher `json:"matchers"`
	StartsAt  time.Time     `json:"startsAt"`
	EndsAt    time.Time     `json:"endsAt"`
	CreatedBy string        `json:"createdBy"`
	Comment   string        `json:"comment"`
}

// Silences implements alerts.Manager.
func (m *Manager) Silences(ctx context.Context) ([]alerts.Silence, []api.BackendFailure, error) {
	answers, failed, err := ask[[]wireSilence](ctx, m, "/silences")
	if err != nil {
		return nil, failed, err
	}
	byID := map[string]int{}
	var out []alerts.Silence
	for _, list := range answers {
		for _, w := range list {
			s, err := w.silence()
			if err != nil {
				return nil, failed, err
			}
			i, known := byID[s.ID]
			switch {
			case !known:
				byID[s.ID] = len(out)
				out = append(out, s)
			case s.Ends.After(out[i].Ends): // members that have not told each other yet
				out[i] = s
			}
		}
	}
	return out, failed, nil
}

func (w wireSilence) silence() (alerts.Silence, error) {
	s := alerts.Silence{ID: w.ID, By: w.CreatedBy, Comment: w.Comment, Starts: w.StartsAt.UTC(), Ends: w.EndsAt.UTC()}
	for _, x := range w.Matchers {
		one, err := alerts.New(x.Name, x.Value, x.IsRegex, x.IsEqual == nil || *x.IsEqual)
		if err != nil {
			return s, fail.Wrap(fail.Unavailable, err, "the silence %s has a matcher that is none", clip(w.ID, 40))
		}
		s.Matchers = append(s.Matchers, one)
	}
	return s, nil
}

// Set implements alerts.Manager. Independent clusters give ids of their own;
// the first one's is returned, and an error names the clusters that have not
// taken it.
func (m *Manager) Set(ctx context.Context, s alerts.Silence) (string, error) {
	w := wireSilence{ID: s.ID, StartsAt: s.Starts.UTC(), EndsAt: s.Ends.UTC(), CreatedBy: s.By, Comment: s.Comment}
	for _, one := range s.Matchers {
		name, value, isRegex, isEqual := alerts.Wire(one)
		w.Matchers = append(w.Matchers, wireMatcher{name, value, isRegex, &isEqual})
	}
	id := ""
	var first error
	failed := 0
	for _, cluster := range m.clusters {
		var answer struct {
			SilenceID string `json:"silenceID"`
		}
		err := reachable(ctx, cluster, http.MethodPost, "/silences", w, &answer)
		switch {
		case err == nil && id == "":
			id = answer.SilenceID
		case err == nil:
		case s.ID != "" && fail.CodeOf(err) == fail.NotFound && len(m.clusters) > 1:
			// It is another cluster's silence.
		default:
			failed++
			if first == nil {
				first = err
			}
		}
	}
	switch {
	case id == "" && first == nil:
		return "", fail.New(fail.NotFound, "no silence with the id %q", clip(s.ID, 60)).Hint("aictl alerts silences")
	case id == "":
		return "", first
	case first != nil:
		return id, fail.Wrap(fail.Partial, first, "the silence %s is made, but %d of %d clusters have not taken it", id, failed, len(m.clusters)).
			Hint("aictl alerts silences")
	}
	return id, nil
}

// Expire implements alerts.Manager.
func (m *Manager) Expire(ctx context.Context, id string) error {
	var first error
	done := false
	for _, cluster := range m.clusters {
		err := reachable(ctx, cluster, http.MethodDelete, "/silence/"+url.PathEscape(id), nil, nil)
		switch {
		case err == nil:
			done = true
		case fail.CodeOf(err) == fail.NotFound || first != nil:
		default:
			first = err
		}
	}
	if !done && first == nil {
		return fail.New(fail.NotFound, "no silence with the id %q", clip(id, 60)).Hint("aictl alerts silences")
	}
	return first
}

// reachable asks the members of a cluster in turn, until one can be reached: they
// tell each other.
func reachable(ctx context.Context, cluster []*member, method, path string, in, out any) error {
	var first error
	for i, one := range cluster {
		within, cancel := share(ctx, i+1 < len(cluster))
		err := one.do(within, method, path, in, out)
		cancel()
		switch fail.CodeOf(err) {
		case fail.Unavailable, fail.Timeout, fail.Limited:
			if first == nil {
				first = err
			}
			if ctx.Err() != nil {
				return first
			}
			continue
		}
		return err
	}
	return first
}

// Check implements alerts.Manager.
func (m *Manager) Check(ctx context.Context) ([]alerts.Member, error) {
	out := make([]alerts.Member, len(m.members))
	var wg sync.WaitGroup
	for i, one := range m.members {
		wg.Go(func() {
			var status struct {
				VersionInfo struct {
					Version string `json:"version"`
				} `json:"versionInfo"`
			}
			err := one.do(ctx, http.MethodGet, "/status", nil, &status)
			out[i] = alerts.Member{Name: one.Name, URL: one.base.Redacted(), Version: status.VersionInfo.Version, Err: err}
		})
	}
	wg.Wait()
	return out, nil
}
