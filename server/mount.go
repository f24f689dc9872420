package server

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Mount is a surface that other people's programs speak, beside the
// operations: the native APIs of the embedded engines, and log ingestion.
type Mount struct {
	// Prefix is the path below which Handler answers ("/prometheus/"); the
	// handler sees the whole path.
	Prefix  string
	Handler http.Handler
	// Effect says what a request does; Noun is the subject of the permission.
	Effect func(*http.Request) op.Effect
	Noun   string
	// OpenReads lets requests that only read through without a token on a
	// loopback listener, as /metrics is.
	OpenReads bool
}

// mount is the route of a Mount. Programs that cannot send a bearer token may
// send it as the password of basic authentication (the name is not looked at),
// or in Elasticsearch's ApiKey form, base64 of "NAME:TOKEN".
func (s *Server) mount(m Mount) http.Handler {
	inner := s.identify(false, problem)(failing(problem, func(w http.ResponseWriter, r *http.Request) error {
		effect := m.Effect(r)
		id, known := op.IdentityFrom(r.Context())
		open := m.OpenReads && effect == op.Read && s.loopback
		if !known || id.Subject == "" {
			if !open {
				w.Header().Set("WWW-Authenticate", `Basic realm="aictl"`)
				return fail.New(fail.Auth, "not signed in: send a token, as a bearer or as the password of basic authentication").Hint("aictl tokens create")
			}
		} else if s.o.Authorize != nil {
			if err := s.o.Authorize(id, m.Noun, effect); err != nil {
				return err
			}
		}
		m.Handler.ServeHTTP(w, r)
		return nil
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asBearer(r.Header)
		inner.ServeHTTP(w, r)
	})
}

// asBearer spells the credentials of programs that know no bearer tokens as
// one. What it does not know it leaves, for the refusal.
func asBearer(h http.Header) {
	scheme, text, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "basic") && !strings.EqualFold(scheme, "apikey") {
		return
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return
	}
	if _, token, ok := strings.Cut(string(pair), ":"); ok && token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
}

// ReadsByMethod is the Effect of an API whose GET and HEAD requests read, and
// whose other requests change something.
func ReadsByMethod(r *http.Request) op.Effect {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return op.Read
	}
	return op.Write
}
