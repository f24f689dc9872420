package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/github"
	"github.com/aictl/aictl/internal/secrets/github/githubtest"
	"github.com/aictl/aictl/internal/secrets/secretstest"
)

func open(t *testing.T, s *githubtest.Server, change ...func(*github.Options)) *github.Store {
	t.Helper()
	o := github.Options{URL: s.URL, Token: githubtest.Token}
	for _, f := range change {
		f(&o)
	}
	st, err := github.Open(t.Context(), o)
	require.NoError(t, err)
	return st
}

func set(t *testing.T, st *github.Store, path, value string) *secrets.Info {
	t.Helper()
	v := secrets.CopyOf([]byte(value))
	defer v.Close()
	info, err := st.Put(t.Context(), path, v, secrets.PutOptions{})
	require.NoError(t, err)
	return info
}

func TestConformance(t *testing.T) {
	for scope, bad := range map[string][]string{
		"acme/shop/":      {"acme", "acme/shop/lower", "acme/shop/GITHUB_TOKEN", "acme/shop/1A", "acme/shop/a/b/C", "-acme/shop/A", "acme/../A"},
		"acme/shop@prod/": {"acme/shop@/A", "acme/shop@a@b/A"},
		"acme/":           {"acme/", "acme@prod/A"},
	} {
		t.Run(scope, func(t *testing.T) {
			secretstest.Conformance(t, func(t *testing.T) secretstest.Target {
				return secretstest.Target{
					Store: open(t, githubtest.New(t, nil)), Folder: scope, Name: func(i int) string { return fmt.Sprintf("DB_%03d", i) }, Bad: bad,
				}
			})
		})
	}
}

const canary = "c4n4ry-p4ssw0rd"

func TestBoxesAreSealed(t *testing.T) {
	s := githubtest.New(t, nil)
	st := open(t, s)
	set(t, st, "acme/shop/A", canary)
	set(t, st, "acme/shop@prod/A", canary+"-prod")
	set(t, st, "acme/A", canary+"-org")
	require.Equal(t, canary, s.Value("repos/acme/shop", "A"))
	require.Equal(t, canary+"-prod", s.Value("repositories/7/environments/prod", "A"))
	require.Equal(t, canary+"-org", s.Value("orgs/acme", "A"))
	for _, body := range s.Bodies() {
		require.NotContains(t, body, canary)
	}
	s.RotateKey() // a key that changes between two writes is no matter
	set(t, st, "acme/shop/A", "two")
	require.Equal(t, "two", s.Value("repos/acme/shop", "A"))
}

func TestOrganisationsKeepTheirVisibility(t *testing.T) {
	s := githubtest.New(t, nil)
	var many []int64
	for i := range int64(250) { // more than two pages
		many = append(many, i+1)
	}
	s.Outside("orgs/acme", "A", "one", "selected", many...)
	s.Outside("orgs/acme", "B", "one", "all")
	st := open(t, s)
	require.Equal(t, "visible to selected repositories", set(t, st, "acme/A", "two").Note)
	set(t, st, "acme/B", "two")
	set(t, st, "acme/C", "new")
	seen, selected := s.Visibility("orgs/acme", "A")
	require.Equal(t, "selected", seen)
	require.Equal(t, many, selected)
	seen, _ = s.Visibility("orgs/acme", "B")
	require.Equal(t, "all", seen)
	seen, _ = s.Visibility("orgs/acme", "C")
	require.Equal(t, "private", seen, "the narrowest is the default")
}

func TestGetSaysWhatToDoInstead(t *testing.T) {
	st := open(t, githubtest.New(t, nil))
	_, _, err := st.Get(t.Context(), "acme/shop/A", "")
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.Contains(t, fail.From(err).Next, "aictl secrets diff")
}

func TestErrors(t *testing.T) {
	reset := strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10)
	for name, c := range map[string]struct {
		fault githubtest.Fault
		code  fail.Code
		next  string
		after time.Duration
	}{
		"token":     {githubtest.Fault{Status: 401, Body: `{"message":"Bad credentials"}`}, fail.Auth, "settings/tokens", 0},
		"scope":     {githubtest.Fault{Status: 403, Body: `{"message":"Resource not accessible by personal access token"}`}, fail.Forbidden, "Secrets: write", 0},
		"fault":     {githubtest.Fault{Status: 502, Body: `<html>`}, fail.Unavailable, "githubstatus", 0},
		"conflict":  {githubtest.Fault{Status: 409, Body: `{}`}, fail.Conflict, "repeat", 0},
		"invalid":   {githubtest.Fault{Status: 422, Body: `{"message":"` + canary + `"}`}, fail.Failed, "list", 0},
		"primary":   {githubtest.Fault{Status: 403, Header: map[string]string{"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, Body: `{"message":"API rate limit exceeded"}`}, fail.Limited, "try again", 9 * time.Minute},
		"secondary": {githubtest.Fault{Status: 403, Header: map[string]string{"Retry-After": "90"}, Body: `{"message":"You have exceeded a secondary rate limit","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`}, fail.Limited, "try again", 80 * time.Second},
		"429":       {githubtest.Fault{Status: 429, Header: map[string]string{"Retry-After": "90"}, Body: `{"message":"slow down"}`}, fail.Limited, "try again", 80 * time.Second},
		"redirect":  {githubtest.Fault{Status: 302, Header: map[string]string{"Location": "http://192.0.2.1/"}}, fail.Unavailable, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := githubtest.New(t, nil)
			st := open(t, s)
			s.Inject(c.fault)
			_, err := st.Stat(t.Context(), "acme/shop/A")
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			require.Contains(t, fail.From(err).Next, c.next)
			require.NotContains(t, err.Error(), canary)
			require.NotContains(t, err.Error(), githubtest.Token)
			require.GreaterOrEqual(t, fail.RetryAfter(err), c.after)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		srv.Close()
		st, err := github.Open(t.Context(), github.Options{URL: srv.URL, Token: githubtest.Token})
		require.NoError(t, err)
		_, err = st.Stat(t.Context(), "acme/shop/A")
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	})
}

func TestTheTokenStaysWithItsHost(t *testing.T) {
	leaked := make(chan string, 8)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked <- r.Header.Get("Authorization") }))
	defer other.Close()
	s := githubtest.New(t, nil)
	st := open(t, s)
	for _, status := range []int{301, 302, 307, 308} {
		s.Inject(githubtest.Fault{Status: status, Header: map[string]string{"Location": other.URL}})
		_, err := st.Stat(t.Context(), "acme/shop/A")
		require.Error(t, err)
	}
	require.Empty(t, leaked)
}

func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(githubtest.Token+"\n"), 0o600))
	s := githubtest.New(t, nil)
	st := open(t, s, func(o *github.Options) { o.Token, o.TokenFile = "", file })
	set(t, st, "acme/shop/A", "one")
	for _, bad := range []string{"", "two words", "line\nfeed", strings.Repeat("x", 5000)} {
		_, err := github.Open(t.Context(), github.Options{Token: bad})
		require.Equal(t, fail.Auth, fail.CodeOf(err))
	}
	_, err := github.Open(t.Context(), github.Options{TokenFile: "/nowhere"})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	wrong := open(t, s, func(o *github.Options) { o.Token = "github_pat_wrong" })
	_, err = wrong.Stat(t.Context(), "acme/shop/A")
	require.Equal(t, fail.Auth, fail.CodeOf(err))
}

func TestScopesAreListedWithoutAPrefix(t *testing.T) {
	s := githubtest.New(t, nil)
	st := open(t, s)
	set(t, st, "acme/shop/A", "one")
	set(t, st, "acme/shop@prod/B", "two")
	_, err := st.List(t.Context(), "")
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	all, err := open(t, s, func(o *github.Options) { o.Scopes = []string{"acme/shop", "acme/shop@prod", "acme"} }).List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "acme/shop/A", all[0].Path)
	require.Equal(t, "acme/shop@prod/B", all[1].Path)
}
