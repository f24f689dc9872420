package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// caller is a client with a tape, and a platform that answers by next.
type caller struct {
	tape interface {
		Send(context.Context, *op.Spec, *http.Request, Send) (*http.Response, error)
	}
	next Send
}

func (c caller) Send(ctx context.Context, s *op.Spec, req *http.Request) (*http.Response, error) {
	return c.tape.Send(ctx, s, req, c.next)
}

func answering(status int, typ, body string) Send {
	return func(context.Context, *op.Spec, *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {typ}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func nobody(context.Context, *op.Spec, *http.Request) (*http.Response, error) {
	return nil, errors.New("the platform was asked")
}

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func recorder(secrets ...string) *Recorder {
	r := NewRecorder(RecorderOptions{Now: func() time.Time { return moment }, Aictl: "v1", Operations: api.All()})
	r.Knows(secrets...)
	return r
}

// replay saves a recording and opens it again.
func replay(t *testing.T, r *Recorder) *Player {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.aictl")
	_, err := r.Save(path, Manifest{})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left beside the file")
	b, err := Open(path)
	require.NoError(t, err)
	return NewPlayer(b)
}

func TestAnswersComeBack(t *testing.T) {
	r := recorder()
	tape := r.Tape(Context{Name: "prod", Namespace: "web", Server: true})
	live := caller{tape, answering(200, "application/json", `{"alerts":[{"name":"High"}],"failed":[]}`)}
	want, err := api.AlertsList.Call(t.Context(), live, api.AlertFilter{Severity: "critical"})
	require.NoError(t, err)
	away := caller{tape, func(context.Context, *op.Spec, *http.Request) (*http.Response, error) {
		return nil, fail.New(fail.Unavailable, "nobody there").Hint("aictl up")
	}}
	_, wantErr := api.ServicesList.Call(t.Context(), away, api.None{})
	partial := caller{tape, answering(404, fail.ProblemType, `{"code":"notfound","message":"no rule","cause":[],"next":"aictl alerts rules","exit":7,"status":404}`)}
	_, problem := api.AlertsShow.Call(t.Context(), partial, api.AlertShowInput{Alert: "x"})

	p := replay(t, r)
	require.Equal(t, moment, p.Now())
	from := caller{p.Tape("prod"), nobody}
	got, err := api.AlertsList.Call(t.Context(), from, api.AlertFilter{Severity: "critical"})
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = api.ServicesList.Call(t.Context(), from, api.None{})
	require.Equal(t, fail.ToDocument(wantErr, ""), fail.ToDocument(err, ""))
	_, err = api.AlertsShow.Call(t.Context(), from, api.AlertShowInput{Alert: "x"})
	require.Equal(t, fail.ToDocument(problem, ""), fail.ToDocument(err, ""))

	_, err = api.AlertsList.Call(t.Context(), from, api.AlertFilter{})
	require.Equal(t, fail.NotFound, fail.CodeOf(err), "another question")
	require.ErrorContains(t, err, "severity=critical")
	_, err = api.AlertsList.Call(t.Context(), caller{p.Tape("stage"), nobody}, api.AlertFilter{Severity: "critical"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err), "another context")
	_, err = api.DeployList.Call(t.Context(), from, api.WorkloadFilter{})
	require.ErrorContains(t, err, "alerts.list; alerts.show; services.list")
	_, err = api.TokensCreate.Apply(t.Context(), from, api.TokenInput{}, op.ApplyOptions{})
	require.Equal(t, fail.Refused, fail.CodeOf(err))
}

func TestRepeatedQuestionsComeInOrder(t *testing.T) {
	r := recorder()
	tape := r.Tape(Context{Name: "c"})
	for _, state := range []string{"starting", "ready"} {
		_, err := api.ServicesList.Call(t.Context(), caller{tape, answering(200, "application/json", `[{"name":"chat","state":"`+state+`"}]`)}, api.None{})
		require.NoError(t, err)
	}
	p := replay(t, r)
	var states []string
	for range 3 {
		out, err := api.ServicesList.Call(t.Context(), caller{p.Tape("c"), nobody}, api.None{})
		require.NoError(t, err)
		states = append(states, out[0].State)
	}
	require.Equal(t, []string{"starting", "ready", "ready"}, states)
}

func TestStreamsReplayAndEnd(t *testing.T) {
	for _, c := range []struct {
		name, tail string
		stop       int
	}{
		{"to its end", `{"type":"result","count":2}` + "\n", 0},
		{"left early", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := moment
			r := NewRecorder(RecorderOptions{Now: func() time.Time { now = now.Add(time.Second); return now }, Operations: api.All()})
			body := `{"type":"notice","notice":{"code":"warning","message":"a"}}` + "\n" + `{"type":"notice","notice":{"code":"warning","message":"b"}}` + "\n" + c.tail
			n := 0
			for _, err := range api.LogsTail.Each(t.Context(), caller{r.Tape(Context{Name: "c"}), answering(200, "application/jsonl", body)}, api.LogTailInput{}) {
				require.NoError(t, err)
				if n++; n == c.stop {
					break
				}
			}
			p := replay(t, r)
			var got []string
			for e, err := range api.LogsTail.Each(t.Context(), caller{p.Tape("c"), nobody}, api.LogTailInput{}) {
				require.NoError(t, err)
				got = append(got, e.Notice.Message)
			}
			require.Equal(t, []string{"a", "b"}, got)
			require.True(t, p.Now().After(p.Bundle().Manifest.Recorded), "the clock goes on with the items")
		})
	}
}

func TestNarrowerSearches(t *testing.T) {
	entry := func(id string, ago time.Duration, level, service, message string) api.LogEntry {
		return api.LogEntry{ID: id, Time: moment.Add(-ago), Level: level, Service: service, Message: message}
	}
	answer := api.LogAnswer{From: moment.Add(-time.Hour), Entries: []api.LogEntry{
		entry("1", 50*time.Minute, "info", "chat", "started"), entry("2", 20*time.Minute, "error", "mask", "timeout"), entry("3", time.Minute, "warn", "chat", "slow"),
	}}
	for _, c := range []struct {
		name     string
		recorded api.LogSearchInput
		more     bool
		asked    api.LogSearchInput
		want     []string // nil is: not held
	}{
		{name: "a level", asked: api.LogSearchInput{LogFilter: api.LogFilter{Level: "warn"}}, want: []string{"2", "3"}},
		{name: "a service", asked: api.LogSearchInput{LogFilter: api.LogFilter{Service: []string{"chat"}}}, want: []string{"1", "3"}},
		{name: "nothing of it", asked: api.LogSearchInput{LogFilter: api.LogFilter{Text: "absent"}}, want: []string{}},
		{name: "a shorter window", asked: api.LogSearchInput{LogFilter: api.LogFilter{From: moment.Add(-30 * time.Minute)}}, want: []string{"2", "3"}},
		{name: "the newest", asked: api.LogSearchInput{Limit: 1}, want: []string{"3"}},
		{name: "a longer window", asked: api.LogSearchInput{LogFilter: api.LogFilter{From: moment.Add(-2 * time.Hour)}}},
		{name: "something was left out", more: true, asked: api.LogSearchInput{LogFilter: api.LogFilter{Level: "warn"}}},
		{name: "the store's own language", asked: api.LogSearchInput{LogFilter: api.LogFilter{Raw: "a:b"}}},
		{name: "lines around", asked: api.LogSearchInput{Around: 1}},
		{name: "another service was recorded", recorded: api.LogSearchInput{LogFilter: api.LogFilter{Service: []string{"mask"}}}, asked: api.LogSearchInput{LogFilter: api.LogFilter{Level: "warn"}}},
		{name: "the window that was recorded ended before now", recorded: api.LogSearchInput{LogFilter: api.LogFilter{From: moment.Add(-time.Hour), To: moment.Add(-time.Minute)}}, asked: api.LogSearchInput{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recorder()
			answer.More = c.more
			body, err := json.Marshal(answer)
			require.NoError(t, err)
			c.recorded.Limit = 10_000
			_, err = api.LogsSearch.Call(t.Context(), caller{r.Tape(Context{Name: "c"}), answering(200, "application/json", string(body))}, c.recorded)
			require.NoError(t, err)
			got, err := api.LogsSearch.Call(t.Context(), caller{replay(t, r).Tape("c"), nobody}, c.asked)
			if c.want == nil {
				require.Equal(t, fail.NotFound, fail.CodeOf(err), "%v", got)
				return
			}
			require.NoError(t, err)
			ids := []string{}
			for _, e := range got.Entries {
				ids = append(ids, e.ID)
			}
			require.Equal(t, c.want, ids)
		})
	}
}

// TestNoSecretIsKept plants a canary in every member of the answer of every
// read operation, in many shapes.
func TestNoSecretIsKept(t *testing.T) {
	const canary, token = "c4nary/Value+zzQX", "aictl_tokenOfTheContext123"
	shapes := []string{
		"password=" + canary, "Authorization: Bearer " + canary + canary, `{"api_key":"` + canary + `"}`, `{\"secret\":\"` + canary + `\"}`,
		"postgres://u:" + canary + "@h/db", "x%3D1%26password%3D" + url.QueryEscape(canary),
		base64.StdEncoding.EncodeToString([]byte("password=" + canary)), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG5hcnkifQ.c2lnbmF0dXJl",
		"-----BEGIN PRIVATE KEY-----\nMIIcanary\n-----END PRIVATE KEY-----", "AKIAIOSFODNN7EXAMPLE",
		token, base64.StdEncoding.EncodeToString([]byte("u:" + token)), "see " + base64.URLEncoding.EncodeToString([]byte(token)), url.QueryEscape(token),
	}
	gone := []string{
		canary, url.QueryEscape(canary), token, "MIIcanary", "AKIAIOSFODNN7EXAMPLE", "eyJzdWIiOiJjNG5hcnkifQ",
		base64.StdEncoding.EncodeToString([]byte("password=" + canary))[:20], base64.RawStdEncoding.EncodeToString([]byte(token))[:20],
	}
	asked := 0
	for _, d := range api.All() {
		s := d.Describe()
		if s.Effect.Mutates() {
			continue
		}
		asked++
		members := map[string]any{"db_password": canary, "env": []any{map[string]any{"name": "API_TOKEN", "value": canary}}}
		for i, shape := range shapes {
			members["text"+string(rune('a'+i))] = shape
			members["labels"+string(rune('a'+i))] = map[string]any{shape: "in a name", "x": []any{shape}}
		}
		body, err := json.Marshal(members)
		require.NoError(t, err)
		r := recorder(token)
		tape := r.Tape(Context{Name: "c"})
		for _, status := range []int{200, 500} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/x?q="+url.QueryEscape(shapes[0]), strings.NewReader(`{"q":"password=`+canary+`"}`))
			require.NoError(t, err)
			res, err := tape.Send(t.Context(), s, req, answering(status, "application/json", string(body)+"\n"))
			require.NoError(t, err)
			_, err = io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/y", nil)
		require.NoError(t, err)
		res, err := tape.Send(t.Context(), s, req, func(context.Context, *op.Spec, *http.Request) (*http.Response, error) {
			return nil, fail.Wrap(fail.Failed, errors.New(shapes[0]), "%s", token)
		})
		if err == nil {
			_ = res.Body.Close()
		}
		require.Error(t, err)
		path := filepath.Join(t.TempDir(), "x.aictl")
		_, err = r.Save(path, Manifest{Command: []string{"logs", "password=" + canary}})
		require.NoError(t, err)
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		_, bodies, err := Files(bytes.NewReader(raw), int64(len(raw)))
		require.NoError(t, err)
		require.Len(t, bodies, 4, s.ID)
		all := string(bytes.Join(bodies, nil))
		for _, g := range gone {
			require.NotContains(t, all, g, s.ID)
		}
	}
	require.Greater(t, asked, 40)
}

func TestWhatIsPrivateIsNotKept(t *testing.T) {
	r := recorder()
	tape := r.Tape(Context{Name: "c"})
	_, err := api.SecretsGet.Call(t.Context(), caller{tape, answering(200, "application/json", `{"value":"plain text","revealed":true}`)}, api.SecretGetInput{Ref: "a/b", Reveal: true})
	require.NoError(t, err)
	_, err = api.SecretsPrints.Call(t.Context(), caller{tape, answering(200, "application/json", `[]`)}, api.SecretPrintsInput{Ref: "a/", Key: []byte("0123456789abcdef")})
	require.NoError(t, err)
	_, err = api.TokensCreate.Apply(t.Context(), caller{tape, answering(200, "application/json", `{"secret":"plain"}`)}, api.TokenInput{}, op.ApplyOptions{})
	require.NoError(t, err)
	p := replay(t, r)
	require.Empty(t, p.Bundle().Entries)
	_, err = api.SecretsGet.Call(t.Context(), caller{p.Tape("c"), nobody}, api.SecretGetInput{Ref: "a/b", Reveal: true})
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	require.ErrorContains(t, err, "it reveals a secret")
}

func TestTheSizeIsBounded(t *testing.T) {
	r := NewRecorder(RecorderOptions{Now: func() time.Time { return moment }, Operations: api.All(), MaxSize: 100})
	tape := r.Tape(Context{Name: "c"})
	live := caller{tape, answering(200, "application/json", `[{"name":"`+strings.Repeat("x", 80)+`"}]`)}
	for range 3 {
		_, err := api.ServicesList.Call(t.Context(), live, api.None{})
		require.NoError(t, err)
	}
	p := replay(t, r)
	require.Len(t, p.Bundle().Entries, 1)
	require.Equal(t, []Omitted{{Operation: "services.list", Context: "c", Reason: "the recording has reached its greatest size"}}, p.Bundle().Manifest.Omitted)
}

// archive makes a zip of names and contents.
func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		require.NoError(t, err)
		_, err = io.WriteString(w, files[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return buf.Bytes()
}

func TestWrongFilesAreRefused(t *testing.T) {
	const head = `{"format":"aictl-bundle","version":1,"recorded":"2026-03-01T12:00:00Z","contexts":[],"omitted":[],"entries":[`
	listed := func(file, sum string) string {
		return head + `{"file":"` + file + `","operation":"a.b","context":"c","sha256":"` + sum + `","size":2}]}`
	}
	good := archive(t, manifestName, head+"]}")
	for _, c := range []struct {
		name string
		file []byte
		want string
		code fail.Code
	}{
		{"empty", nil, "no bundle", fail.Failed},
		{"no archive", []byte("hello"), "no bundle", fail.Failed},
		{"truncated", good[:len(good)-10], "its end is missing", fail.Failed},
		{"no manifest", archive(t, "x", "y"), "it is no bundle", fail.Failed},
		{"garbage in the manifest", archive(t, manifestName, "{"), "manifest.json", fail.Failed},
		{"another format", archive(t, manifestName, `{"format":"x"}`), "format", fail.Failed},
		{"a later version", archive(t, manifestName, strings.Replace(head, `"version":1`, `"version":2`, 1)+"]}"), "later aictl", fail.Version},
		{"no moment", archive(t, manifestName, `{"format":"aictl-bundle","version":1}`), "when it was recorded", fail.Failed},
		{"twice", archive(t, manifestName, head+"]}", manifestName, head+"]}"), "twice", fail.Failed},
		{"a file that nobody named", archive(t, manifestName, head+"]}", "entries/00000.json", "{}"), "holds 1 files", fail.Failed},
		{"a path that leads away", archive(t, manifestName, listed("../../etc/passwd", "x"), "../../etc/passwd", "{}"), "not an entry's name", fail.Failed},
		{"a missing file", archive(t, manifestName, listed("entries/00000.json", "x"), "other", "{}"), "not there", fail.Failed},
		{"a wrong checksum", archive(t, manifestName, listed("entries/00000.json", "x"), "entries/00000.json", "{}"), "checksum", fail.Failed},
		{"a bomb", archive(t, manifestName, head+strings.Repeat(" ", maxManifest)+"]}"), "over 16 MiB", fail.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(c.file), int64(len(c.file)))
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.code, fail.CodeOf(err))
		})
	}
	_, err := Read(bytes.NewReader(good), int64(len(good)))
	require.NoError(t, err)
	_, err = Open(filepath.Join(t.TempDir(), "none.aictl"))
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	_, err = Open(t.TempDir())
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

// TestEveryByteCounts flips every byte of a bundle: it is read as it was
// written, or refused.
func TestEveryByteCounts(t *testing.T) {
	r := recorder()
	_, err := api.ServicesList.Call(t.Context(), caller{r.Tape(Context{Name: "c"}), answering(200, "application/json", `[{"name":"chat"}]`)}, api.None{})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "x.aictl")
	_, err = r.Save(path, Manifest{})
	require.NoError(t, err)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	want, err := Read(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	for i := range raw {
		broken := bytes.Clone(raw)
		broken[i] ^= 0x55
		got, err := Read(bytes.NewReader(broken), int64(len(broken)))
		if err == nil {
			require.Equal(t, want.Entries, got.Entries, "byte %d", i)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("PK"))
	f.Add(archive(f, manifestName, `{"format":"aictl-bundle","version":1,"recorded":"2026-03-01T12:00:00Z","entries":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			require.NotEqual(t, fail.Internal, fail.CodeOf(err))
			return
		}
		p := NewPlayer(b)
		res, err := p.Tape("c").Send(t.Context(), &api.ServicesList.Spec, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/api/v1/services"}}, nobody)
		if err == nil {
			_ = res.Body.Close()
		}
	})
}
