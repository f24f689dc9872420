package polish_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

// errorRate is a metrics backend of one value.
type errorRate struct {
	metrics.Querier
	value float64
}

func (q errorRate) Instant(context.Context, string, time.Time) (metrics.Result, error) {
	return metrics.Result{Series: []api.MetricSeries{{Samples: []api.MetricSample{{Value: api.Number(q.value)}}}}}, nil
}

func (d *deployDesk) measures(value float64) {
	d.deps.Now = nil // waits need a clock that goes
	d.deps.Metrics = func(context.Context) (metrics.Querier, error) { return errorRate{value: value}, nil }
}

func TestDeploymentsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name, want string
		args       []string
		crash      bool
		exit       fail.Code
	}{
		{name: "a rollout", args: []string{"web"}, want: `
true      rollout=complete: deployment/web is rolled out: 3 of 3 replicas available
false     rollout=failed: deployment/web is rolled out: 3 of 3 replicas available
complete  rollout=complete: deployment/web is rolled out: 3 of 3 replicas available
`},
		{name: "fields and metrics", args: []string{"web", "--until", "jsonpath={.status.readyReplicas}>=3", "--until", "metric: errors < 1"}, want: `
true      jsonpath={.status.readyReplicas}>=3: 3
true      metric: errors < 1: 0.25
complete  jsonpath={.status.readyReplicas}>=3: 3; metric: errors < 1: 0.25
`},
		{name: "a failure", args: []string{"web", "--until", "jsonpath={.status.readyReplicas}=5", "--fail-if", "metric: errors > 0.1"}, exit: fail.False, want: `
false     jsonpath={.status.readyReplicas}=5: 3
true      metric: errors > 0.1: 0.25
failed    metric: errors > 0.1: 0.25
`},
		{name: "a crash", args: []string{"deployment/web"}, crash: true, exit: fail.False},
		{name: "too long", args: []string{"web", "--until", "condition=Nothing\x1b[31m", "--timeout", "300ms"}, exit: fail.Timeout, want: `
unknown   condition=Nothing^[[31m: there is no such condition
`},
		{name: "a mistake", args: []string{"web", "--until", "metric: errors"}, exit: fail.Usage},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployDesk(t)
			d.measures(0.25)
			if c.crash {
				d.crash()
			}
			err := d.run(t, append([]string{"deploy", "wait", "-n", "shop"}, c.args...)...)
			if c.exit == "" {
				require.NoError(t, err, d.err)
			} else {
				require.Equal(t, c.exit, fail.CodeOf(err), err)
			}
			if c.exit == fail.Timeout {
				require.ErrorContains(t, err, "there is no such condition")
			}
			if c.want != "" {
				var lines strings.Builder
				for line := range strings.Lines(d.out.String()) {
					lines.WriteString(line[len("12:00:00 "):])
				}
				require.Equal(t, strings.TrimPrefix(c.want, "\n"), lines.String())
			}
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")
		})
	}
}

// TestUndoVerified: the result of a verified undo is whether it helped.
func TestUndoVerified(t *testing.T) {
	for value, want := range map[float64]struct {
		code  fail.Code
		state string
	}{0: {"", api.DeployComplete}, 5: {fail.False, api.DeployFailed}} {
		d := newDeployDesk(t)
		d.rollWeb(t)
		d.measures(value)
		done := make(chan error, 1)
		run := d.command(t, "deploy", "undo", "web", "-n", "shop", "--yes", "--reason", "errors", "--verify", "errors < 1", "--for", "600ms", "-o", "jsonl")
		go func() { done <- run(t.Context()) }()
		require.Eventually(t, func() bool { return strings.Contains(d.out.String(), "web-3-2") }, 5*time.Second, time.Millisecond)
		d.kube.Settle(web)
		err := <-done
		if want.code == "" {
			require.NoError(t, err)
		} else {
			require.Equal(t, want.code, fail.CodeOf(err))
		}
		var types []string
		var last map[string]any
		for line := range strings.Lines(d.out.String()) {
			last = nil
			require.NoError(t, json.Unmarshal([]byte(line), &last), line)
			types = append(types, last["type"].(string))
		}
		require.Equal(t, "changed", types[0])
		require.Contains(t, types, "rollout")
		require.Equal(t, "result", last["type"])
		require.Equal(t, want.state, last["state"])
		writes := d.kube.Writes()
		require.Equal(t, "errors (undo to revision 1)", writes[len(writes)-1].Cause)
		require.Equal(t, "tester", writes[len(writes)-1].Actor)
	}
}

func TestWatchThatIsNotDecidedInTime(t *testing.T) {
	d := newDeployDesk(t)
	d.deps.Now = nil
	_, err := d.kube.Change(t.Context(), web, deploy.Change{Restart: true})
	require.NoError(t, err)
	err = d.run(t, "deploy", "watch", "web", "-n", "shop", "--timeout", "200ms", "-o", "jsonl")
	require.Equal(t, fail.Timeout, fail.CodeOf(err))
	require.Equal(t, 8, fail.CodeOf(err).Exit())
	require.ErrorContains(t, err, "3 of 3 replicas updated, 0 available")
	lines := strings.Split(strings.TrimSpace(d.out.String()), "\n")
	require.Contains(t, lines[len(lines)-1], `"type":"error"`)
}

func TestLinesOfDeploymentsShown(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"all", "deploy logs web -n shop", `
12:00:00.000 INFO  web-1-0/app started port=8080
12:00:00.000 ERROR web-1-1/app no^[[2J memory
12:00:00.000       web-1-0/app plain
`},
		{"warnings", "deploy logs web -n shop --level warn -o json --jq .[].message", `
no^[[2J memory
`},
		{"before the crash", "deploy logs web -n shop --previous -o raw", `
last words
`},
		{"of one replica", "deploy logs -l app=web -A --replica web-1-1 -o name", `
log/web-1-1-app-1
`},
		{"searched", "deploy logs web -n shop --grep ^pl -o csv --columns source,message", `
source,message
web-1-0/app,plain
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployDesk(t)
			d.kube.Says(web, "web-1-0", "app", false, `{"level":"info","msg":"started","port":8080}`)
			d.kube.Says(web, "web-1-1", "app", false, "level=error msg=\"no\x1b[2J memory\"")
			d.kube.Says(web, "web-1-0", "app", false, "plain")
			d.kube.Says(web, "web-1-0", "app", true, "last words")
			require.NoError(t, d.run(t, strings.Fields(c.args)...), d.err)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			require.NotContains(t, d.out.String(), "\x1b")
		})
	}
}

func TestLinesOfDeploymentsFollowed(t *testing.T) {
	d := newDeployDesk(t)
	d.deps.Now = nil
	d.kube.Says(web, "web-1-0", "app", false, "before")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	run := d.command(t, "deploy", "logs", "web", "-n", "shop", "-f", "-o", "jsonl", "--jq", ".entry.message // .type")
	go func() { done <- run(ctx) }()
	require.Eventually(t, func() bool { return d.out.String() == "before\n" }, 5*time.Second, time.Millisecond)
	d.kube.Says(web, "web-1-1", "app", false, "after")
	require.Eventually(t, func() bool { return d.out.String() == "before\nafter\n" }, 5*time.Second, time.Millisecond)
	cancel()
	require.Equal(t, fail.Canceled, fail.CodeOf(<-done))
}

func TestApplyReadsTheManifest(t *testing.T) {
	d := newDeployDesk(t)
	var got []deploy.Manifest
	d.deps.Apply = func(_ context.Context, m deploy.Manifest) (deploy.Applied, error) {
		got = append(got, m)
		return deploy.Applied{Workload: api.Workload{Engine: "runtime", Kind: deploy.Service, Name: "mask", Revision: "1"}, Steps: []deploy.ApplyStep{{Action: "create", Object: "service/mask"}}}, nil
	}
	folder := filepath.Join(d.home, "mask")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "plugin.yaml")
	require.NoError(t, os.WriteFile(path, []byte("name: mask\n"), 0o600))
	require.NoError(t, d.run(t, "deploy", "apply", "-f", path, "--yes", "--to", "runtime"))
	require.Equal(t, "service/mask is applied.\n", d.out.String())
	last := got[len(got)-1]
	require.Equal(t, []string{"name: mask\n", folder, "runtime", "apply"}, []string{string(last.Body), last.Origin, last.To, last.Cause})

	require.Equal(t, fail.Usage, fail.CodeOf(d.run(t, "deploy", "apply", "--yes")))
	require.Equal(t, fail.Usage, fail.CodeOf(d.run(t, "deploy", "apply", "-f", path+".no", "--yes")))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.Equal(t, fail.Usage, fail.CodeOf(d.run(t, "deploy", "apply", "-f", path, "--yes")))
}
