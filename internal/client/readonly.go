package client

import (
	"net/http"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// readOnly lets through what is declared to change nothing, and nothing else:
// the rule holds for every request of the process, whatever command or mistake
// built it.
type readOnly struct {
	next  http.RoundTripper
	reads *http.ServeMux
}

func newReadOnly(next http.RoundTripper, prefix string, ops []op.Declaration) *readOnly {
	r := &readOnly{next: next, reads: http.NewServeMux()}
	for _, d := range ops {
		s := d.Describe()
		if !s.Effect.Mutates() {
			r.reads.Handle(s.Method()+" "+prefix+s.Path(), http.NotFoundHandler())
		}
	}
	return r
}

// RoundTrip implements http.RoundTripper.
func (r *readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.permits(req) {
		return r.next.RoundTrip(req)
	}
	return nil, fail.New(fail.Refused, "read-only: %s %s would change something and was not sent",
		req.Method, req.URL.Path).Hint("aictl config view --show-origin shows where read-only is set")
}

func (r *readOnly) permits(req *http.Request) bool {
	if op.IsDryRun(req) || req.Method == http.MethodGet || req.Method == http.MethodHead {
		return true
	}
	_, pattern := r.reads.Handler(req)
	return pattern != ""
}
