package server

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func TestMounts(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := op.IdentityFrom(r.Context())
		_, _ = fmt.Fprintf(w, "%s %s by %q", r.Method, r.URL.Path, id.Subject)
	})
	f := start(t, func(o *Options) {
		o.Mounts = []Mount{
			{Prefix: "/engine/", Handler: echo, Effect: ReadsByMethod, Noun: "metrics", OpenReads: true},
			{Prefix: "/closed/", Handler: echo, Effect: ReadsByMethod, Noun: "logs"},
		}
		o.Authorize = func(id op.Identity, noun string, effect op.Effect) error {
			require.Equal(t, "ada", id.Subject)
			if noun == "metrics" && effect == op.Write {
				return fail.New(fail.Forbidden, "not this one")
			}
			return nil
		}
	})
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("whoever:good"))
	apiKey := "Authorization: ApiKey " + base64.StdEncoding.EncodeToString([]byte("shipper:good"))
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		contains           string
	}{
		{"reads are open on loopback", "GET", "/engine/api", nil, 200, `GET /engine/api by ""`},
		{"writes are not", "POST", "/engine/api", nil, 401, "not signed in"},
		{"writes need the permission", "POST", "/engine/api", []string{good}, 403, "not this one"},
		{"a wrong token is refused for reads too", "GET", "/engine/api", []string{"Authorization: Bearer bad"}, 401, ""},
		{"closed reads", "GET", "/closed/x", nil, 401, "not signed in"},
		{"bearer", "GET", "/closed/x", []string{good}, 200, `by "ada"`},
		{"basic", "POST", "/closed/x", []string{basic}, 200, `POST /closed/x by "ada"`},
		{"api key", "POST", "/closed/x", []string{apiKey}, 200, `by "ada"`},
		{"basic without a password", "GET", "/closed/x", []string{"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("good:"))}, 401, "one bearer token"},
		{"basic that is none", "GET", "/closed/x", []string{"Authorization: Basic %%%"}, 401, "one bearer token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := f.send(t, c.method, c.path, "", c.headers...)
			require.Equal(t, c.status, a.status, a.body)
			require.Contains(t, a.body, c.contains)
		})
	}
}
