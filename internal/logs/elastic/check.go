package elastic

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// The kinds of stores.
const (
	elasticsearch = "elasticsearch"
	openSearch    = "opensearch"
)

// Check implements logs.Store. It is tolerant of what it doesn't know: a
// proxy that hides the version or the product header is no reason to refuse.
func (s *Store) Check(ctx context.Context) (logs.Info, error) {
	var root struct {
		Tagline string `json:"tagline"`
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	sent := s.o.Now()
	h, err := s.do(ctx, "asking for the version", esapi.InfoRequest{}, &root)
	if err != nil {
		if fail.CodeOf(err) != fail.Forbidden {
			return logs.Info{}, err
		}
		// Accounts that may read an index need not be let see the cluster.
		if _, err := s.fieldCaps(ctx, capsAge); err != nil {
			return logs.Info{}, err
		}
		s.know(elasticsearch)
		return logs.Info{Kind: elasticsearch, URL: s.url}, nil
	}
	info := logs.Info{Kind: elasticsearch, Version: root.Version.Number, URL: s.url, Skew: skew(h, sent, s.o.Now())}
	if root.Version.Distribution == openSearch || strings.Contains(root.Tagline, "OpenSearch") {
		info.Kind = openSearch
	}
	switch major, _, _ := strings.Cut(info.Version, "."); {
	case info.Version == "":
		return logs.Info{}, fail.New(fail.Unavailable, "%s answers, but not as Elasticsearch or OpenSearch do", s.url).
			Hint("check the context's URL: is it the store's own?")
	case info.Kind == elasticsearch && len(major) == 1 && major < "7":
		return logs.Info{}, fail.New(fail.Version, "Elasticsearch %s is too old: 7.17 is the first that is supported", info.Version).
			Hint("upgrade the cluster")
	}
	s.know(info.Kind)
	return info, nil
}

func (s *Store) know(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flavour = kind
}

// kind is what the store is, asked once; "" where it can't be told.
func (s *Store) kind(ctx context.Context) string {
	s.mu.Lock()
	known := s.flavour
	s.mu.Unlock()
	if known != "" {
		return known
	}
	info, err := s.Check(ctx)
	if err != nil {
		return ""
	}
	return info.Kind
}

// skew is the store's clock minus ours, by the Date header, which has whole
// seconds: a smaller skew than the doubt of that is none.
func skew(h http.Header, sent, received time.Time) time.Duration {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	d := at.Add(500 * time.Millisecond).Sub(sent.Add(received.Sub(sent) / 2))
	if d.Abs() <= 500*time.Millisecond+received.Sub(sent)/2 {
		return 0
	}
	return d.Round(time.Second)
}
