//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// awsCall is a request to Secrets Manager.
type awsCall struct {
	Action string `json:"-"`
	ID     string `json:"SecretId"`
	From   string `json:"RemoveFromVersionId"`
	To     string `json:"MoveToVersionId"`
}

// revokes says that the call takes a label away from a version and gives it to
// no other.
func (c awsCall) revokes() bool {
	return c.Action == "UpdateSecretVersionStage" && c.From != "" && c.To == ""
}

// awsGate stands between a control plane and moto, and holds one call: before
// moto has it, or when moto has done it and the control plane does not know.
type awsGate struct {
	url      string
	pass     http.Handler
	onRevoke func(awsCall)

	mu   sync.Mutex // guards hold
	hold *held
}

type held struct {
	match func(awsCall) bool
	done  bool          // moto has done it
	at    chan struct{} // closed when the call is held
}

func newAWSGate(t *testing.T, moto string, onRevoke func(awsCall)) *awsGate {
	t.Helper()
	to, err := url.Parse(moto)
	require.NoError(t, err)
	g := &awsGate{onRevoke: onRevoke, pass: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}}}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	g.url = s.URL
	return g
}

// holdNext holds the next call that matches until its caller is gone.
func (g *awsGate) holdNext(done bool, match func(awsCall) bool) (at <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = &held{match: match, done: done, at: make(chan struct{})}
	return g.hold.at
}

func (g *awsGate) take(c awsCall) *held {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.hold
	if h == nil || !h.match(c) {
		return nil
	}
	g.hold = nil
	return h
}

func (g *awsGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := awsCall{Action: r.Header.Get("X-Amz-Target")}
	c.Action = c.Action[strings.LastIndex(c.Action, ".")+1:]
	if err := json.Unmarshal(body, &c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h := g.take(c)
	if h != nil && !h.done {
		close(h.at)
		<-r.Context().Done()
		return
	}
	if c.revokes() {
		g.onRevoke(c)
	}
	if h == nil {
		g.pass.ServeHTTP(w, r)
		return
	}
	g.pass.ServeHTTP(httptest.NewRecorder(), r)
	close(h.at)
	<-r.Context().Done()
}
