package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// checkTimeout bounds each readiness check.
const checkTimeout = time.Second

// Readiness is the body of /readyz.
type Readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []Reason `json:"reasons"`
}

// Reason says why the server is not ready.
type Reason struct {
	Check   string    `json:"check"`
	Code    fail.Code `json:"code"`
	Message string    `json:"message"`
}

// Readiness asks every check at the same time. While the server drains it is
// not ready, whatever they say.
func (s *Server) Readiness(ctx context.Context) Readiness {
	if s.draining.Load() {
		return Readiness{Reasons: []Reason{{"server", errShutdown.Code, errShutdown.Message}}}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(s.o.Checks))
	var wg sync.WaitGroup
	for i, c := range s.o.Checks {
		wg.Go(func() { errs[i] = c.Ready(ctx) })
	}
	wg.Wait()
	out := Readiness{Ready: true, Reasons: []Reason{}}
	for i, err := range errs {
		if err != nil {
			out.Ready = false
			out.Reasons = append(out.Reasons, Reason{s.o.Checks[i].Name, fail.CodeOf(err), err.Error()})
		}
	}
	return out
}

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ready := s.Readiness(r.Context())
	status := http.StatusOK
	if !ready.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, ready)
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"name": "aictl-server", "version": s.o.Version,
		"links": map[string]string{
			"openapi": "/openapi.json", "api": "/api/v1/", "openai": "/v1/models", "inference": "/v2",
			"live": "/livez", "ready": "/readyz", "metrics": "/metrics",
		},
	})
}

func (s *Server) openapi(w http.ResponseWriter, r *http.Request) {
	if s.o.OpenAPI == nil {
		problem(w, r, fail.New(fail.NotFound, "this server has no OpenAPI document"))
		return
	}
	doc, err := s.o.OpenAPI()
	if err != nil {
		problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(doc) // a client that is gone is no failure of ours
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone is no failure of ours
}
