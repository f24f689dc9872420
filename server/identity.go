package server

import (
	"net/http"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// identify puts the identity of a bearer token into the request's context. A
// wrong token is refused always, a missing one only if required.
func (s *Server) identify(required bool, deny errorWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return failing(deny, func(w http.ResponseWriter, r *http.Request) error {
			token, shown, err := bearer(r)
			if err != nil {
				return err
			}
			if !shown {
				if required {
					return fail.New(fail.Auth, "not signed in: send Authorization: Bearer TOKEN").Hint("aictl login")
				}
				next.ServeHTTP(w, r)
				return nil
			}
			// Where guesses come from is known before who guesses.
			peer := op.WithIdentity(r.Context(), op.Identity{Remote: remoteHost(r)})
			id, err := s.o.Auth.Authenticate(peer, token)
			if err != nil {
				return err
			}
			id.Remote = remoteHost(r)
			if ex := exchangeFrom(w); ex != nil {
				ex.user = id.Subject
			}
			inner := r.WithContext(op.WithIdentity(r.Context(), id))
			next.ServeHTTP(w, inner)
			r.Pattern = inner.Pattern // an inner mux knows the route better
			return nil
		})
	}
}

// bearer finds the token of the Authorization header (RFC 6750, section 2.1).
func bearer(r *http.Request) (token string, shown bool, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if len(values) > 1 || !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > 4096 {
		return "", false, fail.New(fail.Auth, "the Authorization header is not one bearer token").Hint("send Authorization: Bearer TOKEN")
	}
	return token, true, nil
}
