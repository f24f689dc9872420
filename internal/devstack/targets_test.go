package devstack

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func exposition(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(text))
	}
}

func TestTargetsOfEveryKind(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(exposition("kind 1\n"))
	defer plain.Close()
	var token atomic.Value
	token.Store("first")
	guarded := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		exposition("kind 2\n")(w, r)
	}
	locked := httptest.NewServer(http.HandlerFunc(guarded))
	defer locked.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(guarded))
	defer secure.Close()
	bearer := func(context.Context) (string, error) { return token.Load().(string), nil }

	o := options(t)
	o.ScrapeInterval = time.Second // the time-out too: a TLS handshake takes a while on a busy machine
	s, url := open(t, o)
	require.NoError(t, s.SetTargets("replicas", []Target{
		{URL: plain.URL, Labels: map[string]string{"service": "plain", "revision": "1"}},
		{URL: locked.URL + "/custom?format=x", Labels: map[string]string{"service": "locked"}, Bearer: bearer},
		{URL: secure.URL, Labels: map[string]string{"service": "tls"}, Bearer: bearer, Transport: secure.Client().Transport},
		{URL: "http://builtin/metrics", Labels: map[string]string{"service": "memory"}, Transport: op.InProcess{Handler: exposition("kind 3\n")}},
		{URL: "http://127.0.0.1:1", Labels: map[string]string{"service": "dead"}},
	}))
	want := map[string]float64{"plain": 1, "locked": 2, "tls": 2, "memory": 3}
	eventually(t, "all that live are scraped", func() bool {
		return maps.Equal(want, vector(t, url, "kind", "service"))
	})
	eventually(t, "the dead one is down", func() bool {
		_, down := vector(t, url, `up{job="replicas"} == 0`, "service")["dead"]
		return down
	})

	token.Store("second") // rotated: the function is asked for every scrape
	time1 := vector(t, url, `timestamp(kind{service="locked"})`, "service")["locked"]
	eventually(t, "the new token is used", func() bool {
		return vector(t, url, `timestamp(kind{service="locked"})`, "service")["locked"] > time1+1
	})

	for _, path := range []string{"/prometheus/api/v1/status/config", "/prometheus/api/v1/targets"} {
		_, text := get(t, url+path)
		require.NotContains(t, text, "second")
	}
	require.NoError(t, filepath.WalkDir(o.DataDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NotContains(t, string(text), "Bearer")
		return err
	}))

	require.NoError(t, s.SetTargets("replicas", nil))
	eventually(t, "the job is gone", func() bool {
		targets, err := querier(t, url).Targets(t.Context())
		require.NoError(t, err)
		return len(targets.Active) == 2
	})
}

// A target cannot send the scraper, and with it the token, somewhere else.
func TestRedirectTakesNoTokenAlong(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked.Store(leaked.Load() || r.Header.Get("Authorization") != "")
	}))
	defer thief.Close()
	asked := make(chan struct{}, 100)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		http.Redirect(w, r, thief.URL, http.StatusFound)
	}))
	defer target.Close()
	s, _ := open(t, options(t))
	require.NoError(t, s.SetTargets("r", []Target{{URL: target.URL, Bearer: func(context.Context) (string, error) { return "x", nil }}}))
	<-asked
	<-asked // the first scrape is over
	require.False(t, leaked.Load())
}

func TestTargetsThatAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := open(t, options(t))
	for name, tt := range map[string]struct {
		job    string
		target Target
		code   fail.Code
	}{
		"the job of a label": {"x", Target{URL: "http://a", Labels: map[string]string{"job": "y"}}, fail.Usage},
		"a twin's name":      {"first/x", Target{URL: "http://a"}, fail.Usage},
		"no job":             {"", Target{URL: "http://a"}, fail.Usage},
		"our own job":        {Job, Target{URL: "http://a"}, fail.Conflict},
		"not a URL":          {"x", Target{URL: "::"}, fail.Usage},
		"a file":             {"x", Target{URL: "file:///etc/passwd"}, fail.Usage},
		"credentials in URL": {"x", Target{URL: "http://al:pw@a/"}, fail.Usage},
		"an empty label":     {"x", Target{URL: "http://a", Labels: map[string]string{"": "x"}}, fail.Usage},
		"the metric's name":  {"x", Target{URL: "http://a", Labels: map[string]string{"__name__": "x"}}, fail.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.SetTargets(tt.job, []Target{tt.target})
			require.Equal(t, tt.code, fail.CodeOf(err), "%v", err)
			require.NotContains(t, err.Error(), "pw")
		})
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, path string
		want         bool
	}{
		{http.MethodGet, "/prometheus/api/v1/query", false},
		{http.MethodPost, "/prometheus/api/v1/query", false},
		{http.MethodPost, "/prometheus/api/v1/query_range", false},
		{http.MethodPost, "/prometheus/-/reload", true},
		{http.MethodGet, "/alertmanager/api/v2/alerts", false},
		{http.MethodPost, "/alertmanager/api/v2/alerts", true},
		{http.MethodPost, "/alertmanager/api/v2/silences", true},
		{http.MethodDelete, "/alertmanager/api/v2/silence/1", true},
		{http.MethodPost, "/alertmanager/-/reload", true},
		{http.MethodPut, "/prometheus/api/v1/x", true},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(""))
		require.Equal(t, tt.want, Writes(r), "%s %s", tt.method, tt.path)
	}
}
