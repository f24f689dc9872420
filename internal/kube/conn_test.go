package kube

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestTheKubeconfigSaysWhereAndWhom(t *testing.T) {
	one := write(t, strings.ReplaceAll(kubeconfig, "URL", "https://one.example:6443/"))
	two := write(t, strings.NewReplacer("URL", "https://two.example", "name: test", "name: two", "cluster: test", "cluster: two", "current-context: test", "current-context: two", "shop", "db").Replace(kubeconfig))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for name, c := range map[string]struct {
		env             string
		o               Options
		context, ns, at string
		code            fail.Code
	}{
		"the first of several says the context": {env: one + ":" + two, context: "test", ns: "shop", at: "one.example"},
		"a context of any of them":              {env: one + ":" + two, o: Options{Context: "two"}, context: "two", ns: "db", at: "two.example"},
		"a file before the environment":         {env: one, o: Options{Kubeconfig: two}, context: "two", ns: "db", at: "two.example"},
		"a namespace before the context's":      {env: one, o: Options{Namespace: "x"}, context: "test", ns: "x", at: "one.example"},
		"no such context":                       {env: one, o: Options{Context: "three"}, code: fail.NotFound},
		"no file":                               {env: filepath.Join(t.TempDir(), "none"), code: fail.Usage},
		"no such file":                          {o: Options{Kubeconfig: "/nonexistent/config"}, code: fail.Usage},
		"no pod around":                         {o: Options{InCluster: true}, code: fail.Usage},
		"groups of nobody":                      {env: one, o: Options{AsGroups: []string{"g"}}, code: fail.Usage},
		"no YAML":                               {env: write(t, "{"), code: fail.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", c.env)
			t.Setenv("HOME", t.TempDir())
			k, err := New(c.o)
			require.Equal(t, c.code == "", err == nil, "%v", err)
			if err != nil {
				require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
				return
			}
			defer k.Close()
			require.Equal(t, []string{c.context, c.ns}, []string{k.Name(), k.Namespace()})
			require.Contains(t, k.Host(), c.at)
		})
	}
}

func TestWhomTheServerSees(t *testing.T) {
	f := newFake(t)
	var seen http.Header
	f.handle = func(_ http.ResponseWriter, r *http.Request) bool { seen = r.Header.Clone(); return false }
	var outer http.Header
	wrap := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) { outer = r.Header.Clone(); return next.RoundTrip(r) })
	}
	list := func(o Options) {
		_, err := f.client(o).List(t.Context(), deploy.Filter{Kinds: []string{deploy.Deployment}})
		require.NoError(t, err)
	}
	list(Options{Wrap: wrap})
	require.Equal(t, "Bearer s3cr3t", seen.Get("Authorization"))
	require.Empty(t, outer.Get("Authorization"), "what is put around sees no credentials")
	require.Empty(t, seen.Values("Impersonate-User"))
	list(Options{As: "eve", AsGroups: []string{"a", "b"}})
	require.Equal(t, []string{"eve", "a,b"}, []string{seen.Get("Impersonate-User"), strings.Join(seen.Values("Impersonate-Group"), ",")})
	acting := write(t, strings.NewReplacer("URL", f.URL, "token: s3cr3t", "token: s3cr3t, as: robot").Replace(kubeconfig))
	list(Options{Kubeconfig: acting})
	require.Equal(t, "robot", seen.Get("Impersonate-User"), "the kubeconfig's own stays")
}

func TestReadOnlyLetsQuestionsThroughOnly(t *testing.T) {
	f := newFake(t)
	f.has(deployments+"web", deployment("web", "", 1))
	var outside atomic.Int32
	k := f.client(Options{ReadOnly: true, Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet && r.URL.Query().Get("dryRun") == "" {
				outside.Add(1)
			}
			return next.RoundTrip(r)
		})
	}})
	two := 2
	_, err := k.Change(t.Context(), deploy.Ref{Name: "web"}, deploy.Change{Scale: &two})
	require.Equal(t, fail.Refused, fail.CodeOf(err), "%v", err)
	_, err = k.Change(t.Context(), deploy.Ref{Name: "web"}, deploy.Change{Scale: &two, Dry: true})
	require.NoError(t, err, "a dry run changes nothing")
	_, err = k.Change(t.Context(), deploy.Ref{Name: "web"}, deploy.Change{Delete: true})
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.Zero(t, outside.Load())

	next := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	for line, sent := range map[string]bool{
		"GET /api/v1/pods": true, "HEAD /api": true, "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": true,
		"POST /api/v1/namespaces/x/services/es:9200/proxy/logs/_search": true, "POST /api/v1/namespaces/x/services/p:9090/proxy/api/v1/query_range": true,
		"POST /api/v1/namespaces/x/services/am:9093/proxy/api/v2/silences": false, "DELETE /api/v1/namespaces/x/pods/p": false,
		"POST /api/v1/namespaces/x/pods/p/eviction": false, "PUT /api/v1/namespaces/x": false, "POST /api/v1/namespaces/x/_search": false,
		"PATCH /apis/apps/v1/namespaces/x/deployments/d?dryRun=All": true, "PATCH /apis/apps/v1/namespaces/x/deployments/d?dryRun=None": false,
	} {
		method, url, _ := strings.Cut(line, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "http://x"+url, http.NoBody)
		require.NoError(t, err)
		res, err := guard(next).RoundTrip(req)
		require.Equal(t, sent, err == nil, line)
		if err == nil {
			require.NoError(t, res.Body.Close())
		}
	}
}

func TestAServerThatNeverAnswersIsATimeout(t *testing.T) {
	free := make(chan struct{})
	f := newFake(t)
	f.handle = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-free:
		case <-r.Context().Done():
		}
		return true
	}
	defer close(free)
	rt := within(f.Client().Transport, 30*time.Millisecond)
	for path, late := range map[string]bool{"/api/v1/pods": true, "/api/v1/namespaces/x/pods/p/log": false, "/api/v1/namespaces/x/services/p:9090/proxy/api/v1/query": false} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+path, nil)
		require.NoError(t, err)
		res, err := rt.RoundTrip(req)
		if err == nil {
			_ = res.Body.Close()
		}
		require.Error(t, err)
		var ours *fail.Error
		require.Equal(t, late, fail.CodeOf(err) == fail.Timeout && ctx.Err() == nil, "%s %v %v", path, err, ours)
		cancel()
	}
}

func TestListsGoOnWhenTheirMomentIsForgotten(t *testing.T) {
	f := newFake(t)
	for i := range page + 20 {
		name := fmt.Sprintf("w-%04d", i)
		o := deployment(name, "", 0)
		o["status"] = object{"observedGeneration": 1}
		f.has(deployments+name, o)
	}
	forgot := false
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("continue") == "" || forgot {
			return false
		}
		forgot = true
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusGone)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","metadata":{"continue":%q},"status":"Failure","reason":"Expired","code":410}`, r.URL.Query().Get("continue"))
		return true
	}
	list, err := f.client(Options{}).List(t.Context(), deploy.Filter{Kinds: []string{deploy.Deployment}})
	require.NoError(t, err)
	require.True(t, forgot)
	require.Len(t, list, page+20)
	require.Len(t, f.requests, 3)
}

func TestErrorsSayWhatIsMissing(t *testing.T) {
	f := newFake(t)
	k := f.client(Options{})
	get := func() error {
		_, err := k.Get(t.Context(), deploy.Ref{Kind: deploy.Deployment, Name: "web"})
		return err
	}
	change := func() error {
		_, err := k.Change(t.Context(), deploy.Ref{Kind: deploy.Deployment, Name: "web"}, deploy.Change{Restart: true})
		return err
	}
	f.has(deployments+"web", deployment("web", "", 1))
	for name, c := range map[string]struct {
		do      func() error
		method  string
		code    int
		reason  meta.StatusReason
		message string
		want    fail.Code
		has     []string
	}{
		"a rule": {
			get, "GET", 403, meta.StatusReasonForbidden, `deployments.apps "web" is forbidden: User "ann" cannot get resource "deployments" in API group "apps" in the namespace "shop"`, fail.Forbidden,
			[]string{`ann may not get deployments.apps web in namespace shop`, `{apiGroups: ["apps"], resources: [deployments], verbs: [get]}`, "aictl rbac check get deployments -n shop", "aictl rbac who-can get deployments -n shop"},
		},
		"impersonation": {get, "GET", 403, meta.StatusReasonForbidden, `users "eve" is forbidden: User "ann" cannot impersonate resource "users" in API group "" at the cluster scope`, fail.Forbidden, []string{"may not impersonate"}},
		"a quota":       {change, "PATCH", 403, meta.StatusReasonForbidden, `deployments.apps "web" is forbidden: exceeded quota: small`, fail.Refused, []string{"exceeded quota: small"}},
		"a webhook":     {change, "PATCH", 400, meta.StatusReasonBadRequest, `admission webhook "policy.example" denied the request: no`, fail.Refused, []string{"policy.example"}},
		"the schema":    {change, "PATCH", 422, meta.StatusReasonInvalid, `spec.replicas: Invalid value`, fail.Refused, []string{"Invalid value"}},
		"credentials":   {get, "GET", 401, meta.StatusReasonUnauthorized, "Unauthorized", fail.Auth, []string{"context test", "auth whoami"}},
		"a crowd":       {get, "GET", 429, meta.StatusReasonTooManyRequests, "slow down", fail.Limited, []string{"slow down"}},
		"a failure":     {get, "GET", 500, meta.StatusReasonInternalError, "etcd is away", fail.Unavailable, []string{"etcd is away", "readyz"}},
		"a conflict":    {change, "PATCH", 409, meta.StatusReasonConflict, "the object has been modified", fail.Conflict, []string{"changed in between"}},
	} {
		t.Run(name, func(t *testing.T) {
			f.mu.Lock()
			f.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != c.method {
					return false
				}
				status(w, c.code, c.reason, c.message)
				return true
			}
			f.mu.Unlock()
			err := c.do()
			require.Equal(t, c.want, fail.CodeOf(err), "%v", err)
			e := fail.From(err)
			for _, text := range c.has {
				require.Contains(t, e.Message+" "+e.Next, text)
			}
		})
	}
	f.Close()
	err := get()
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "context test ("+f.URL)
}

func TestNamesAreFound(t *testing.T) {
	f := newFake(t)
	k := f.client(Options{})
	f.has(deployments+"payments", deployment("payments", "", 1))
	f.has("/apis/apps/v1/namespaces/shop/statefulsets/payments", deployment("payments", "", 1))
	f.has(deployments+"orders", deployment("orders", "", 1))
	_, err := k.Get(t.Context(), deploy.Ref{Name: "payments"})
	require.Equal(t, fail.Usage, fail.CodeOf(err), "ambiguous")
	_, err = k.Get(t.Context(), deploy.Ref{Name: "order"})
	require.ErrorContains(t, err, "did you mean deployment/orders")
	_, err = k.Get(t.Context(), deploy.Ref{Kind: deploy.Service, Name: "x"})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	// A kind that may not be seen hides nothing of the others.
	f.mu.Lock()
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "statefulsets") {
			return false
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot get resource "statefulsets" in API group "apps"`)
		return true
	}
	f.mu.Unlock()
	s, err := k.Get(t.Context(), deploy.Ref{Name: "payments"})
	require.NoError(t, err)
	require.Equal(t, deploy.Deployment, s.Workload.Kind)
	_, err = k.Get(t.Context(), deploy.Ref{Name: "nothing"})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
	list, err := k.List(t.Context(), deploy.Filter{Kinds: []string{deploy.Deployment}, Selector: "app in (orders, x),app!=y"})
	require.NoError(t, err)
	require.Len(t, list, 1)
}
