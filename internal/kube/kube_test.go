package kube

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deploytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// said are the logs of the fake's pods.
type said struct {
	mu    sync.Mutex
	lines map[string][]string // by pod
	grown chan struct{}
}

func (s *said) says(pod string, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lines {
		s.lines[pod] = append(s.lines[pod], time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z")+" "+l)
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// serve answers pods/log.
func (s *said) serve(f *fake) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return false
		}
		pod := strings.Split(r.URL.Path, "/")[6]
		q := r.URL.Query()
		w.WriteHeader(http.StatusOK)
		for shown := 0; ; {
			s.mu.Lock()
			lines, grown := s.lines[pod], s.grown
			s.mu.Unlock()
			if n := 0; shown == 0 && q.Get("tailLines") != "" {
				_, _ = fmt.Sscan(q.Get("tailLines"), &n)
				shown = max(0, len(lines)-n)
			}
			for ; shown < len(lines); shown++ {
				_, _ = fmt.Fprintln(w, lines[shown])
			}
			w.(http.Flusher).Flush()
			if q.Get("follow") != "true" {
				return true
			}
			f.mu.Lock()
			cut := f.cut
			f.mu.Unlock()
			select {
			case <-grown:
			case <-cut:
				panic(http.ErrAbortHandler) // a connection that breaks
			case <-r.Context().Done():
				return true
			}
		}
	}
}

func TestConformance(t *testing.T) {
	deploytest.Conformance(t, func(t *testing.T) deploytest.Target {
		f := newFake(t)
		logs := &said{lines: map[string][]string{}, grown: make(chan struct{})}
		f.handle = logs.serve(f)
		return deploytest.Target{
			Cluster: f.client(Options{}), Namespace: "shop", Kind: deploy.Deployment, Pauses: true,
			Image: func(name string, version int) string { return fmt.Sprintf("%s:%d", name, version) },
			Make:  func(_ *testing.T, name string, replicas int) { f.has(deployments+name, deployment(name, "", replicas)) },
			Says:  func(_ *testing.T, _, replica string, lines ...string) { logs.says(replica, lines...) },
		}
	})
}
