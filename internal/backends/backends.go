// Package backends opens the observability systems that a configuration names:
// Prometheus, Alertmanagers, a log store. The server and the direct context
// share it, so that a backend behaves the same whoever asks.
//
// It promises that nothing is opened before it is asked for, that what could
// not be opened is tried again at the next question, and that a credential is
// read from its file and never printed. It holds no rules of its own.
package backends

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/alerts/alertmanager"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/elastic"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/prom"
)

// Endpoint is a system behind a URL, or behind a transport in this process.
type Endpoint struct {
	Name, URL string
	// Cluster groups Alertmanagers that tell each other.
	Cluster                   string
	Username, PasswordFile    string
	TokenFile                 string
	CAFile, CertFile, KeyFile string
	Headers                   map[string]string
	// Transport replaces the network.
	Transport http.RoundTripper
}

// Elasticsearch is an endpoint with what is read from it.
type Elasticsearch struct {
	Endpoint
	APIKeyFile string
	Index      string
	Fields     map[string]string
}

// Options name the systems; nil is none.
type Options struct {
	Prometheus    *Endpoint
	Alertmanagers []Endpoint
	Elasticsearch *Elasticsearch
	// Store is a log store that is open already, in place of Elasticsearch.
	Store logs.Store
	// Kubernetes is the cluster. With Discover, what is not named above is found
	// there by its Service and reached through the API server.
	Kubernetes *kube.Options
	Discover   bool
}

// Set are the systems of one context. It is safe for concurrent use.
type Set struct {
	o Options

	mu      sync.Mutex // guards what is open
	logs    logs.Store
	metrics *prom.Client
	alerts  *alertmanager.Manager
	cluster *kube.Client
}

// New makes a set; it opens nothing.
func New(o Options) *Set { return &Set{o: o} }

// Logs gives the log store, or nil where none is named.
func (s *Set) Logs() func(context.Context) (logs.Store, error) {
	switch {
	case s.o.Store != nil:
		return func(context.Context) (logs.Store, error) { return s.o.Store, nil }
	case s.o.Elasticsearch == nil && !s.finds():
		return nil
	}
	return func(ctx context.Context) (logs.Store, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.logs == nil {
			named := s.o.Elasticsearch
			if named == nil {
				e, err := s.find(ctx, kube.Elasticsearch)
				if err != nil {
					return nil, err
				}
				named = &Elasticsearch{Endpoint: e}
			}
			store, err := openElastic(*named)
			if err != nil {
				return nil, err
			}
			s.logs = store
		}
		return s.logs, nil
	}
}

// Metrics gives the metrics backend, or nil where none is named.
func (s *Set) Metrics() func(context.Context) (metrics.Querier, error) {
	if s.o.Prometheus == nil && !s.finds() {
		return nil
	}
	return func(ctx context.Context) (metrics.Querier, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.metrics == nil {
			var e Endpoint
			if s.o.Prometheus != nil {
				e = *s.o.Prometheus
			} else {
				var err error
				if e, err = s.find(ctx, kube.Prometheus); err != nil {
					return nil, err
				}
			}
			c, err := prom.New(prom.Options{
				URL: e.URL, Name: e.Name, Username: e.Username, PasswordFile: e.PasswordFile, TokenFile: e.TokenFile,
				Headers: e.Headers, TLS: prom.TLS{CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile}, Transport: e.Transport,
			})
			if err != nil {
				return nil, err
			}
			s.metrics = c
		}
		return s.metrics, nil
	}
}

// Alerts gives the Alertmanagers, or nil where none is named.
func (s *Set) Alerts() func(context.Context) (alerts.Manager, error) {
	if len(s.o.Alertmanagers) == 0 && !s.finds() {
		return nil
	}
	return func(ctx context.Context) (alerts.Manager, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.alerts == nil {
			var list []alertmanager.Endpoint
			named := s.o.Alertmanagers
			if len(named) == 0 {
				e, err := s.find(ctx, kube.Alertmanager)
				if err != nil {
					return nil, err
				}
				named = []Endpoint{e}
			}
			for _, e := range named {
				list = append(list, alertmanager.Endpoint{
					Name: e.Name, URL: e.URL, Cluster: e.Cluster, Username: e.Username, PasswordFile: e.PasswordFile, TokenFile: e.TokenFile,
					CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile, Headers: e.Headers, Transport: e.Transport,
				})
			}
			m, err := alertmanager.New(list)
			if err != nil {
				return nil, err
			}
			s.alerts = m
		}
		return s.alerts, nil
	}
}

// Silences gives the marks of a plot: the silences that held in a window.
func (s *Set) Silences(ctx context.Context, from, to time.Time) ([]api.Annotation, error) {
	open := s.Alerts()
	if open == nil {
		return nil, nil
	}
	m, err := open(ctx)
	if err != nil {
		return nil, err
	}
	list, _, err := m.Silences(ctx)
	return alerts.Annotations(list, from, to), err
}

// Close drops idle connections.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.metrics != nil {
		s.metrics.Close()
	}
	if s.alerts != nil {
		s.alerts.Close()
	}
	if c, ok := s.logs.(interface{ Close() }); ok {
		c.Close()
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
}

func openElastic(e Elasticsearch) (logs.Store, error) {
	o := elastic.Options{
		URLs: list(e.URL), Index: list(e.Index), Username: e.Username, CAFile: e.CAFile, Transport: e.Transport,
		Header: http.Header{},
		Fields: elastic.Mapping{
			Time: e.Fields["time"], Message: list(e.Fields["message"]), Level: list(e.Fields["level"]),
			Service: list(e.Fields["service"]), Trace: list(e.Fields["trace"]),
		},
	}
	for k, v := range e.Headers {
		o.Header.Set(k, v)
	}
	for _, secret := range []struct {
		file string
		into *string
	}{{e.PasswordFile, &o.Password}, {e.TokenFile, &o.Bearer}, {e.APIKeyFile, &o.APIKey}} {
		if err := readSecret(secret.file, secret.into); err != nil {
			return nil, err
		}
	}
	return elastic.Open(o)
}

func list(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// maxSecret bounds a credential's file, in bytes.
const maxSecret = 64 << 10

func readSecret(path string, into *string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxSecret {
		return fail.New(fail.Usage, "%s is too large for a credential", path)
	}
	body, err := os.ReadFile(path) //nolint:gosec // the configuration names it
	if err != nil {
		return fail.Wrap(fail.Usage, err, "reading a credential").Hint("aictl config view")
	}
	*into = strings.TrimSpace(string(body))
	return nil
}
