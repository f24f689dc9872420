//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// rowsAtOnce bounds the rows that are played at a time: most of a row is
// waiting, and some of its processes are not.
const rowsAtOnce = 4

// TestProcessesAreJudged is the table of TestRolloutsAreJudged for processes
// that the control plane runs, by the commands that a person has: every fault
// that lasts is called in time, by its class, and the revision before it goes on
// to answer; every one that passes is not called.
func TestProcessesAreJudged(t *testing.T) {
	p := testbed.UpWith(t, []string{"AICTL_SERVER_LIMITS_RPS=0"}) // a watch and its calls come from one person here
	turns := make(chan struct{}, rowsAtOnce)
	var mu sync.Mutex
	var table []string
	play := func(t *testing.T, name string, f processFault) {
		late, v := newProcessRow(t, p, name, f).play(t)
		if late > calledWithin { // a machine that stood still for a moment is asked once more; the class never is
			t.Logf("%s is late: once more", late)
			late, v = newProcessRow(t, p, name+"-again", f).play(t)
		}
		mu.Lock()
		table = append(table, fmt.Sprintf("%-20s %-15s %6s  %s", name, v.Code, late.Round(10*time.Millisecond), v.Message))
		mu.Unlock()
		require.LessOrEqual(t, late, calledWithin)
	}
	require.GreaterOrEqual(t, len(processFailures), 12)
	require.GreaterOrEqual(t, len(processTransients), 6)
	var rows sync.WaitGroup
	for _, all := range []map[string]processFault{processFailures, processTransients} {
		for name, f := range all {
			turns <- struct{}{}
			rows.Go(func() { // not t.Parallel: that is bounded by processors, and these wait
				defer func() { <-turns }()
				t.Run(name, func(t *testing.T) { play(t, name, f) })
			})
		}
	}
	rows.Wait()
	slices.Sort(table)
	t.Logf("verdicts after the decisive event:\n%s", strings.Join(table, "\n"))
}

// TestProcessesThatCannotBeDeployed: what can be known from the manifest and its
// folder is not left to a rollout. Nothing is made.
func TestProcessesThatCannotBeDeployed(t *testing.T) {
	p := testbed.Up(t)
	for name, c := range map[string]struct {
		fault processFault
		code  fail.Code
		says  string
	}{
		"no-program":     {processFault{base: []string{"no-such-program-at-all"}}, fail.NotFound, "executable file not found in $PATH"},
		"no-file":        {processFault{base: []string{"./absent"}}, fail.NotFound, "executable file not found in the manifest's folder"},
		"not-executable": {processFault{base: []string{"./plugin.yaml"}}, fail.Refused, "permission denied"},
		"no-word":        {processFault{base: []string{}}, fail.Usage, "a process needs a command"},
		"no-schema":      {processFault{operations: `[{name: say, input: {type: no-type}}]`}, fail.Usage, "is no JSON Schema"},
		"other-examples": {processFault{operations: `[{name: say, input: {type: string}, examples: [3]}]`}, fail.Usage, "does not fit the input's schema"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newProcessRow(t, p, name, c.fault)
			_, errs, exit := x.me.run(t, x.order(t, 1)...)
			require.Equal(t, c.code.Exit(), exit, errs)
			require.Contains(t, errs, c.says)
			_, _, exit = x.me.run(t, "deploy", "status", "service/"+name)
			require.Equal(t, fail.NotFound.Exit(), exit)
		})
	}
}

// processRow is one rollout of the table, on a service of its own.
type processRow struct {
	f      processFault
	p      *testbed.Platform
	me     *person
	name   string
	folder string // of its manifest
	// programs is the folder of the programs that misbehave.
	programs string
}

func newProcessRow(t *testing.T, p *testbed.Platform, name string, f processFault) *processRow {
	t.Helper()
	x := &processRow{f: f, p: p, me: &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}, name: name, folder: t.TempDir(), programs: filepath.Join(testbed.Root(t), "test", "e2e", "processes")}
	if f.run == nil {
		x.f.run = []string{"PYTHON", "PLUGINS/service.py", strings.TrimSuffix(name, "-again")}
	}
	if f.base == nil {
		x.f.base = []string{"PYTHON", "PLUGINS/service.py", "good"}
	}
	return x
}

// play rolls the good revision out, then the fault, and gives how late the
// verdict came: zero for one that succeeds.
func (x *processRow) play(t *testing.T) (time.Duration, api.DeployVerdict) {
	x.tool(t, x.expand("#!/bin/sh\nexec PYTHON PLUGINS/service.py good\n"))
	x.apply(t, 1)
	defer func() { // or it goes on crashing beside the other rows
		if _, errs, exit := x.me.run(t, "deploy", "delete", "service/"+x.name, "--yes"); exit != 0 {
			t.Errorf("deleting the service: %s", errs)
		}
	}()
	before, _, exit := x.me.run(t, "deploy", "watch", "service/"+x.name)
	require.Equal(t, x.f.ill, exit != 0, "the revision before: %s", before)
	var ordered api.DeployChanged
	if x.f.begin != nil {
		ordered = x.f.begin(t, x)
	} else {
		ordered = x.apply(t, 2)
	}
	out, errs, at, exit := x.watch(t)
	v := lastVerdict(t, out)
	shown, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	done := x.deeds(t, x.f.decides)
	if x.f.class == "" {
		require.Equal(t, api.DeployComplete, v.Outcome, "%s", shown)
		require.Zero(t, exit)
		require.GreaterOrEqual(t, len(done), x.f.decides.nth, "the trouble was there")
		return 0, v
	}
	require.Equal(t, api.DeployFailed, v.Outcome, "%s", shown)
	require.Equal(t, x.f.class, v.Code, "%s", shown)
	require.Equal(t, fail.False.Exit(), exit, "%s", errs)
	require.NotEmpty(t, v.Next, "%s", shown)
	require.Contains(t, string(shown), x.f.says)
	if x.f.exit != 0 {
		require.NotNil(t, v.Exit, "%s", shown)
		require.Equal(t, x.f.exit, v.Exit.Code, "%s", shown)
	}
	if x.f.reason != "" {
		require.Equal(t, x.f.reason, v.Reason, "%s", shown)
	}
	require.Contains(t, x.me.must(t, "invoke", x.name, "say", "-d", "{}"), `"1"`, "the revision before answers")
	decided := ordered.Changed
	if d := x.f.decides; d.word != "" {
		require.GreaterOrEqual(t, len(done), d.nth, "the verdict came before the event that decides: %s", shown)
		decided = done[d.nth-1].Add(d.plus)
	}
	return at.Sub(decided), v
}

// watch follows the rollout by the command, and gives when it ended.
func (x *processRow) watch(t *testing.T) (out, errs string, at time.Time, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, x.me.bin, "deploy", "watch", "service/"+x.name, "--lines", "5", "-o", "json")
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = x.me.env, &stdout, &stderr
	require.NoError(t, cmd.Start())
	over, ended := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer ended()
		_ = cmd.Wait() // its exit code says it
		at = time.Now()
	})
	if x.f.meanwhile != nil {
		x.f.meanwhile(over, t, x)
	}
	wg.Wait()
	require.NoError(t, ctx.Err(), "no verdict within a minute\n%s", &stdout)
	return stdout.String(), stderr.String(), at, cmd.ProcessState.ExitCode()
}

// lastVerdict is the result of a watch.
func lastVerdict(t *testing.T, lines string) api.DeployVerdict {
	t.Helper()
	all := strings.Split(strings.TrimSpace(lines), "\n")
	last := decoded[struct {
		Type string
		api.DeployVerdict
	}](t, all[len(all)-1])
	require.Equal(t, "result", last.Type, "%s", lines)
	return last.DeployVerdict
}

func (x *processRow) expand(s string) string {
	return strings.NewReplacer("FOLDER", x.folder, "PLUGINS", x.programs, "SERVICE", x.name, "PYTHON", "python3").Replace(s)
}

// apply deploys a revision: 1 is the good one.
func (x *processRow) apply(t *testing.T, revision int) api.DeployChanged {
	t.Helper()
	return decoded[api.DeployChanged](t, x.me.must(t, x.order(t, revision)...))
}

// order writes the manifest of a revision, and gives the command that deploys
// it.
func (x *processRow) order(t *testing.T, revision int) []string {
	t.Helper()
	run, more := x.f.run, x.f.manifest
	if revision == 1 {
		run, more = x.f.base, ""
	}
	command, err := json.Marshal(run)
	require.NoError(t, err)
	text := fmt.Sprintf("name: %s\nversion: %d.0.0\nruntime: process\ncommand: %s\noperations: %s\n",
		x.name, revision, x.expand(string(command)), cmp.Or(x.f.operations, "[{name: say}]"))
	env := fmt.Sprintf("env:\n  - {name: DEEDS, value: %q}\n", x.deedsOf(revision))
	file := filepath.Join(x.folder, "plugin.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text+env+x.expand(more)), 0o600))
	args := []string{"deploy", "apply", "-f", file, "--yes", "-o", "json", "--reason", fmt.Sprintf("revision %d", revision)}
	if x.f.canary > 0 && revision > 1 {
		args = append(args, "--canary", fmt.Sprint(x.f.canary))
	}
	return args
}

func (x *processRow) restart(t *testing.T) api.DeployChanged {
	t.Helper()
	return decoded[api.DeployChanged](t, x.me.must(t, "deploy", "restart", "service/"+x.name, "--yes", "-o", "json"))
}

// tool writes the program of the manifest's folder.
func (x *processRow) tool(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(x.folder, "tool"), []byte(text), 0o700)) //nolint:gosec // it must run
}
