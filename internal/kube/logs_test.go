package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

func talking(t *testing.T) (*fake, *said, string) {
	t.Helper()
	f := newFake(t)
	logs := &said{lines: map[string][]string{}, grown: make(chan struct{})}
	f.handle = logs.serve(f)
	f.has(deployments+"web", deployment("web", "", 1))
	for path := range f.objects {
		if pod, ok := strings.CutPrefix(path, podsPath); ok {
			return f, logs, pod
		}
	}
	t.Fatal("there is no pod")
	return nil, nil, ""
}

func TestABrokenLogIsTakenUpAtItsLastLine(t *testing.T) {
	f, logs, pod := talking(t)
	logs.says(pod, `{"level":"warn","msg":"one","port":80}`, "two")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var lines, notices []string
	for e, err := range f.client(Options{}).Logs(ctx, deploy.Ref{Name: "web"}, deploy.LogOptions{Follow: true}) {
		switch {
		case err != nil:
			require.Equal(t, fail.Canceled, fail.CodeOf(err))
		case e.Notice != nil:
			notices = append(notices, e.Notice.Code+" "+e.Notice.Message)
			logs.says(pod, "three")
		case e.Entry != nil:
			if lines = append(lines, e.Entry.Message); len(lines) == 1 {
				require.Equal(t, []string{"warn", "web", pod + "/main"}, []string{e.Entry.Level, e.Entry.Service, e.Entry.Source})
				require.JSONEq(t, fmt.Sprintf(`{"port":80,"kubernetes":{"namespace":"shop","pod":{"name":%q},"container":{"name":"main"}}}`, pod), string(e.Entry.Fields))
			}
			switch len(lines) {
			case 2:
				f.hangUp()
			case 3:
				cancel()
			}
		}
	}
	require.Equal(t, []string{"one", "two", "three"}, lines)
	require.NotEmpty(t, notices)
	require.Contains(t, notices[0], "reconnecting the log stream of "+pod+"/main broke")
}

func TestWhatIsReadNext(t *testing.T) {
	running := core.ContainerState{Running: &core.ContainerStateRunning{}}
	ended := core.ContainerState{Terminated: &core.ContainerStateTerminated{}}
	waiting := core.ContainerState{Waiting: &core.ContainerStateWaiting{}}
	none, current, both := []bool(nil), []bool{false}, []bool{true, false}
	for name, c := range map[string]struct {
		t        track
		state    core.ContainerState
		restarts int32
		previous bool
		parts    []bool
		missed   int32
	}{
		"not begun":                          {track{run: -1}, waiting, 0, false, none, 0},
		"begun":                              {track{run: -1}, running, 0, false, current, 0},
		"the previous is asked for":          {track{run: -1}, running, 2, true, both, 0},
		"there is no previous":               {track{run: -1}, running, 0, true, current, 0},
		"between two starts":                 {track{run: -1}, waiting, 1, false, current, 0},
		"between two starts, previous":       {track{run: -1}, waiting, 1, true, []bool{true}, 0},
		"it is being read":                   {track{run: 1, active: true}, running, 2, false, none, 0},
		"its stream ended, and it runs":      {track{run: 1}, running, 1, false, current, 0},
		"it ended, and was read":             {track{run: 1}, ended, 1, false, none, 0},
		"it ended while its stream was lost": {track{run: 1, lost: true}, ended, 1, false, current, 0},
		"it starts again":                    {track{run: 1}, running, 2, false, current, 0},
		"it waits to start again":            {track{run: 1}, waiting, 2, false, none, 0},
		"it started again while lost":        {track{run: 1, lost: true}, running, 2, false, both, 0},
		"it started too often":               {track{run: 1, lost: true}, running, 5, false, both, 3},
	} {
		parts, missed := c.t.next(core.ContainerStatus{State: c.state, RestartCount: c.restarts}, c.previous)
		require.Equal(t, c.parts, parts, name)
		require.Equal(t, c.missed, missed, name)
	}
}

func TestLogsThatMayNotBeRead(t *testing.T) {
	f, _, pod := talking(t)
	serve := f.handle
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return false
		}
		if r.URL.Query().Get("previous") == "true" {
			status(w, 400, meta.StatusReasonBadRequest, "previous terminated container not found")
			return true
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot get resource "pods/log" in API group "" in the namespace "shop"`)
		return true
	}
	k := f.client(Options{})
	for _, follow := range []bool{false, true} {
		for _, err := range k.Logs(t.Context(), deploy.Ref{Name: "web"}, deploy.LogOptions{Follow: follow}) {
			require.Equal(t, fail.Forbidden, fail.CodeOf(err))
			require.ErrorContains(t, err, "pods/log "+pod)
		}
	}
	// A log that the kubelet does not have is told, and the others are read.
	f.mu.Lock()
	o := f.objects[podsPath+pod]
	s := field(o, "status")["containerStatuses"].([]any)[0].(object)
	s["restartCount"] = 1
	f.put(podsPath+pod, o)
	refuse := f.handle
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("previous") == "true" {
			return refuse(w, r)
		}
		return serve(w, r)
	}
	f.mu.Unlock()
	var got []api.LogEvent
	for e, err := range k.Logs(t.Context(), deploy.Ref{Name: "web"}, deploy.LogOptions{Previous: true}) {
		require.NoError(t, err)
		got = append(got, e)
	}
	require.Len(t, got, 1)
	require.Contains(t, got[0].Notice.Message, "previous terminated container not found")
}

func FuzzLogLines(f *testing.F) {
	f.Add("2026-01-02T15:04:05.000000001Z {\"level\":\"info\"}\n2026-01-02T15:04:06Z two\nno stamp")
	f.Add("\n\n \n")
	f.Add(strings.Repeat("x", 70<<10))
	f.Fuzz(func(t *testing.T, text string) {
		g := &gatherer{c: &Client{now: time.Now}, w: workload{meta: &meta.ObjectMeta{Name: "web", Namespace: "shop"}}}
		out := make(chan api.LogEvent, len(text)+2)
		_, err := g.lines(context.Background(), strings.NewReader(text), logStream{pod: "p", container: "c"}, "p/c", time.Time{}, out)
		require.NoError(t, err)
		require.LessOrEqual(t, len(out), strings.Count(text, "\n")+1)
		close(out)
		for e := range out {
			require.NotNil(t, e.Entry)
			require.NotEmpty(t, e.Entry.ID)
		}
	})
}
