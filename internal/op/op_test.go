package op

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/fail"
)

type findIn struct {
	Name  string   `json:"name" arg:"NAME" jsonschema:"the name"`
	Limit int      `json:"limit,omitempty" default:"10"`
	Tag   []string `json:"tag,omitempty" enum:"a,b"`
	After Duration `json:"after,omitempty"`
}
type findOut struct {
	Type string `json:"type"`
	Name string `json:"name"`
	N    int    `json:"n"`
}
type setIn struct {
	Name  string `json:"name" arg:"NAME"`
	Value string `json:"value" secret:"true"`
}

var (
	find  = &Query[findIn, findOut]{Spec{ID: "things.find", Route: "GET /api/v1/things/{name}", Effect: Read}}
	list  = &Query[struct{}, []findOut]{Spec{ID: "things.list", Route: "GET /api/v1/things", Effect: Read}}
	watch = &Stream[findIn, findOut]{Spec{ID: "things.watch", Route: "POST /api/v1/things/{name}/watch", Effect: Read}}
	set   = &Change[setIn, findOut]{Spec{ID: "things.set", Route: "POST /api/v1/things/{name}", Effect: Write}}
)

// world is the state behind the operations, and what the policy saw.
type world struct {
	value    string
	records  []Record
	reason   string
	outcomes []error
	readOnly bool
	failIn   bool
}

func (w *world) registry() *Registry {
	r := NewRegistry(Policy{
		Authorize: func(_ context.Context, id Identity, s *Spec, _ string) error {
			if id.Subject == "nobody" {
				return fail.New(fail.Forbidden, "%s needs a role", s.ID)
			}
			return nil
		},
		ReadOnly:  func() bool { return w.readOnly },
		Protected: func(_ context.Context, p Plan) bool { return p.Target == "prod" },
		Begin: func(_ context.Context, rec Record) (func(context.Context, error) error, error) {
			if w.failIn {
				return nil, errors.New("disk full")
			}
			w.records = append(w.records, rec)
			return func(_ context.Context, err error) error { w.outcomes = append(w.outcomes, err); return nil }, nil
		},
	})
	BindQuery(r, find, func(_ context.Context, in findIn) (findOut, error) {
		if in.Name == "none" {
			return findOut{}, fail.New(fail.NotFound, "no thing named %q", in.Name).Hint("aictl things list")
		}
		return findOut{Type: "thing", Name: in.Name, N: in.Limit}, nil
	})
	BindQuery(r, list, func(context.Context, struct{}) ([]findOut, error) { return nil, nil })
	BindStream(r, watch, func(ctx context.Context, in findIn) iter.Seq2[findOut, error] {
		return func(yield func(findOut, error) bool) {
			for i := range in.Limit {
				if in.Name == "breaks" && i == 2 {
					yield(findOut{}, fail.New(fail.Unavailable, "backend went away"))
					return
				}
				if in.Name == "forever" {
					i = 0
				}
				if ctx.Err() != nil || !yield(findOut{Type: "thing", Name: in.Name, N: i}, nil) {
					return
				}
			}
			for in.Name == "forever" && ctx.Err() == nil {
				if !yield(findOut{Type: "thing"}, nil) {
					return
				}
			}
		}
	})
	BindChange(r, set, func(_ context.Context, in setIn) (Planned[findOut], error) {
		return Planned[findOut]{
			Plan: Plan{Target: in.Name, Summary: "set " + in.Name, Steps: []Step{{"update", in.Name, "was " + w.value}}},
			Apply: func(ctx context.Context) (findOut, error) {
				w.value, w.reason = in.Value, Reason(ctx)
				return findOut{Name: in.Name}, nil
			},
		}, nil
	})
	return r
}

// caller sends to a base URL through a RoundTripper, as an identity.
type caller struct {
	rt   http.RoundTripper
	base string
}

func (c caller) Send(_ context.Context, _ *Spec, req *http.Request) (*http.Response, error) {
	u, err := url.Parse(c.base + req.URL.String())
	if err != nil {
		return nil, err
	}
	req.URL = u
	return c.rt.RoundTrip(req)
}

// both runs a test through the network and through the in-process transport.
func both(t *testing.T, subject string, f func(t *testing.T, c Caller, w *world)) {
	t.Helper()
	wrap := func(r *Registry) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			ctx := WithRequestID(req.Context(), "r-1")
			if subject != "" {
				ctx = WithIdentity(ctx, Identity{Subject: subject})
			}
			r.ServeHTTP(rw, req.WithContext(ctx))
		})
	}
	t.Run("network", func(t *testing.T) {
		w := &world{}
		srv := httptest.NewServer(wrap(w.registry()))
		defer srv.Close()
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		f(t, caller{tr, srv.URL}, w)
	})
	t.Run("in process", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		w := &world{}
		f(t, caller{InProcess{wrap(w.registry())}, "http://in-process"}, w)
	})
}

func TestQuery(t *testing.T) {
	both(t, "alice", func(t *testing.T, c Caller, _ *world) {
		out, err := find.Call(t.Context(), c, findIn{Name: "a/b c", Tag: []string{"a", "b"}, After: Duration(90e9)})
		require.NoError(t, err)
		require.Equal(t, findOut{Type: "thing", Name: "a/b c", N: 10}, out)

		_, err = find.Call(t.Context(), c, findIn{Name: "none"})
		require.Equal(t, fail.NotFound, fail.CodeOf(err))
		require.Equal(t, "aictl things list", fail.From(err).Next)

		_, err = find.Call(t.Context(), c, findIn{Name: "x", Tag: []string{"z"}})
		require.Equal(t, fail.Usage, fail.CodeOf(err))

		_, err = find.Call(t.Context(), c, findIn{})
		require.ErrorContains(t, err, "NAME is required")

		all, err := list.Call(t.Context(), c, struct{}{})
		require.NoError(t, err)
		require.NotNil(t, all)
		require.Empty(t, all)
	})
}

func TestWhoMay(t *testing.T) {
	for subject, want := range map[string]fail.Code{"": fail.Auth, "nobody": fail.Forbidden} {
		both(t, subject, func(t *testing.T, c Caller, _ *world) {
			_, err := find.Call(t.Context(), c, findIn{Name: "x"})
			require.Equal(t, want, fail.CodeOf(err))
			for _, err := range watch.Each(t.Context(), c, findIn{Name: "x"}) {
				require.Equal(t, want, fail.CodeOf(err))
			}
		})
	}
}

func TestStream(t *testing.T) {
	both(t, "alice", func(t *testing.T, c Caller, _ *world) {
		var got []int
		for item, err := range watch.Each(t.Context(), c, findIn{Name: "x", Limit: 5}) {
			require.NoError(t, err)
			got = append(got, item.N)
		}
		require.Equal(t, []int{0, 1, 2, 3, 4}, got)

		n, last := 0, error(nil)
		for _, err := range watch.Each(t.Context(), c, findIn{Name: "breaks", Limit: 5}) {
			n, last = n+1, err
		}
		require.Equal(t, 3, n)
		require.Equal(t, fail.Unavailable, fail.CodeOf(last))

		n = 0
		for _, err := range watch.Each(t.Context(), c, findIn{Name: "forever", Limit: 1}) {
			require.NoError(t, err)
			if n++; n == 1000 {
				break
			}
		}

		ctx, cancel := context.WithCancel(t.Context())
		n = 0
		for _, err := range watch.Each(ctx, c, findIn{Name: "forever", Limit: 1}) {
			if n++; n == 10 {
				cancel()
			}
			last = err
		}
		cancel()
		require.Equal(t, fail.Canceled, fail.CodeOf(last))
	})
}

func TestChange(t *testing.T) {
	both(t, "alice", func(t *testing.T, c Caller, w *world) {
		in := setIn{Name: "x", Value: "hunter2"}
		plan, err := set.Plan(t.Context(), c, in)
		require.NoError(t, err)
		require.Empty(t, w.value, "a plan has no side effects")
		require.Empty(t, w.records)
		require.Equal(t, "x", plan.Target)

		_, err = set.Apply(t.Context(), c, in, ApplyOptions{Digest: plan.Digest, Reason: "naïve\nreason"})
		require.NoError(t, err)
		require.Equal(t, "hunter2", w.value)
		require.Len(t, w.records, 1)
		require.Equal(t, "naïve\nreason", w.records[0].Reason)
		require.Equal(t, "naïve\nreason", w.reason, "the change itself learns why")
		require.Equal(t, "r-1", w.records[0].RequestID)
		require.NotContains(t, string(w.records[0].Input), "hunter2")
		require.Equal(t, []error{nil}, w.outcomes)

		// The state changed, so the same plan is stale now.
		_, err = set.Apply(t.Context(), c, in, ApplyOptions{Digest: plan.Digest})
		require.Equal(t, fail.Refused, fail.CodeOf(err))
		require.ErrorContains(t, err, "stale")
	})
}

func TestGuards(t *testing.T) {
	both(t, "alice", func(t *testing.T, c Caller, w *world) {
		_, err := set.Apply(t.Context(), c, setIn{Name: "prod", Value: "v"}, ApplyOptions{})
		require.Equal(t, fail.Refused, fail.CodeOf(err))
		_, err = set.Apply(t.Context(), c, setIn{Name: "prod", Value: "v"}, ApplyOptions{Confirm: "prod", Reason: "r"})
		require.NoError(t, err)

		w.failIn = true
		_, err = set.Apply(t.Context(), c, setIn{Name: "x", Value: "unaudited"}, ApplyOptions{})
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
		require.Equal(t, "v", w.value, "without the record nothing runs")

		w.failIn, w.readOnly = false, true
		_, err = set.Apply(t.Context(), c, setIn{Name: "x", Value: "w"}, ApplyOptions{})
		require.Equal(t, fail.Refused, fail.CodeOf(err))
		_, err = set.Plan(t.Context(), c, setIn{Name: "x", Value: "w"})
		require.NoError(t, err, "a plan is a read")
	})
}

func TestHostileRequests(t *testing.T) {
	w := &world{}
	h := w.registry()
	for _, c := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"unknown parameter", "GET", "/api/v1/things/x?nope=1", "", 400},
		{"twice", "GET", "/api/v1/things/x?limit=1&limit=2", "", 400},
		{"not a number", "GET", "/api/v1/things/x?limit=NaN", "", 400},
		{"unknown member", "POST", "/api/v1/things/x", `{"valu":"v"}`, 400},
		{"two documents", "POST", "/api/v1/things/x", `{"value":"v"}{"value":"w"}`, 400},
		{"not JSON", "POST", "/api/v1/things/x", `{`, 400},
		{"deep", "POST", "/api/v1/things/x", strings.Repeat("[", 100000), 400},
		{"big", "POST", "/api/v1/things/x", `{"value":"` + strings.Repeat("x", 9<<20) + `"}`, 413},
		{"no such route", "GET", "/api/v1/nothing", "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
			req = req.WithContext(WithIdentity(req.Context(), Identity{Subject: "alice"}))
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			require.Equal(t, c.want, rec.Code, rec.Body.String())
			require.Empty(t, w.value)
		})
	}
}

func TestSchemaAndOpenAPI(t *testing.T) {
	s, err := Schema(reflect.TypeFor[setIn]())
	require.NoError(t, err)
	require.True(t, s.Properties["value"].WriteOnly)
	require.Equal(t, []string{"name"}, s.Required)

	doc, err := (&world{}).registry().OpenAPI("t", "1", map[string]any{"/livez": map[string]any{}})
	require.NoError(t, err)
	body, err := json.Marshal(doc)
	require.NoError(t, err)
	for _, want := range []string{`"things.find"`, `"/api/v1/things/{name}"`, `"/livez"`, `"Aictl-Plan"`} {
		require.Contains(t, string(body), want)
	}
}

func FuzzSetText(f *testing.F) {
	for _, s := range []string{"", "10", "-1", "NaN", "1e309", "3d", "\x00", "[", "9999999999999999999"} {
		f.Add(s)
	}
	fields := Fields(reflect.TypeFor[findIn]())
	f.Fuzz(func(t *testing.T, text string) {
		for _, field := range fields {
			var in findIn
			v := reflect.ValueOf(&in).Elem()
			if field.Set(v, text) != nil {
				continue
			}
			out := field.Of(v)
			if field.Repeated() {
				out = out.Index(0)
			}
			again, err := Text(out)
			require.NoError(t, err)
			var in2 findIn
			require.NoError(t, field.Set(reflect.ValueOf(&in2).Elem(), again))
			require.Equal(t, in, in2)
		}
	})
}

func BenchmarkInProcessQuery(b *testing.B) {
	r := (&world{}).registry()
	c := caller{InProcess{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(WithIdentity(req.Context(), Identity{Subject: "a"})))
	})}, "http://in-process"}
	for b.Loop() {
		if _, err := find.Call(b.Context(), c, findIn{Name: "x"}); err != nil {
			b.Fatal(err)
		}
	}
}

// A handler that closes its writer, as those do that compress, must not wait
// for itself.
func TestInProcessHandlersMayCloseWhatCanBeClosed(t *testing.T) {
	tr := InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello") // what is read below tells
		if c, ok := w.(io.Closer); ok {
			_ = c.Close()
		}
	})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", nil)
	require.NoError(t, err)
	res, err := tr.RoundTrip(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "hello", string(body))
}

// A digest is shown and kept: it must not be a hash of a secret that somebody
// could find by trying.
func TestADigestDoesNotDependOnASecret(t *testing.T) {
	type input struct {
		Name  string `json:"name" arg:"NAME"`
		Value []byte `json:"value" secret:"true"`
	}
	digest := func(name, value, detail string) string {
		in := input{Name: name, Value: []byte(value)}
		p := Plan{Target: name, Steps: []Step{{Action: "set", Object: name, Detail: detail}}}
		require.NoError(t, p.seal(&Spec{ID: "things.set"}, withoutSecrets(&in)))
		return p.Digest
	}
	require.Equal(t, digest("a", "hunter2", "fingerprint 1"), digest("a", "hunter3", "fingerprint 1"))
	require.NotEqual(t, digest("a", "hunter2", "fingerprint 1"), digest("a", "hunter2", "fingerprint 2"), "the fingerprint in the plan covers it")
	require.NotEqual(t, digest("a", "hunter2", "fingerprint 1"), digest("b", "hunter2", "fingerprint 1"))
}
