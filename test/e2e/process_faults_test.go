//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/test/testbed"
)

// processFault is a rollout of a process from a good revision to one with a
// fault. The zero value of each member is the plainest case: the program of
// test/e2e/processes with the fault's name as its argument.
type processFault struct {
	// run is the command of the new revision, manifest what else is in its
	// plugin.yaml. PLUGINS is the folder of the programs.
	run      []string
	manifest string
	// operations are those of its manifest.
	operations string
	// base is the command of the revision before, which is good where it is not
	// ill.
	base []string
	ill  bool
	// canary is the new revision's share of the calls; 0 rolls it out.
	canary int
	// begin brings the fault about where the new revision's manifest does not.
	begin func(*testing.T, *processRow) api.DeployChanged
	// meanwhile happens while the rollout is watched.
	meanwhile func(context.Context, *testing.T, *processRow)

	// class is the verdict's code; empty is of a rollout that succeeds.
	class string
	// decides is the decisive event. One that succeeds has to show it at least
	// so often: trouble that never came proves nothing.
	decides deed
	// exit, reason and says are of the verdict: how the process ended, the
	// engine's word, a part of the message, the detail or the last lines.
	exit         int
	reason, says string
}

// deed is something that the process says it did, the nth time, and how long
// after it the matter is decided. Without a word it is the order: the new
// revision's own time. A start's time runs from the order to the system, a
// moment before the process can say that it began: such a verdict may come as
// much before.
type deed struct {
	word string
	nth  int
	plus time.Duration
	of   int // the revision; 0 is the new one
}

// A start may take this long in the rows that fail by it: long enough that a
// verdict which waited for a second start would be late.
const (
	startTime   = 4 * time.Second
	shortStart  = "probes: {startup: {timeout: 4s}}"
	quickProbes = "probes: {readiness: {period: 100ms, failures: 3}, liveness: {period: 200ms, failures: 3}}"
)

// processFailures are the faults of a process that end a rollout for good, by
// name. An engine of processes has no images, quotas, admission or nodes; and
// no deadline of a rollout passes before a start's own time has.
var processFailures = map[string]processFault{
	"exits": {
		run:   []string{"sh", "-c", `date "+%s%N end" >> "$DEEDS"; echo "fatal: cannot reach db:5432" >&2; exit 3`},
		class: deploy.CodeCrashLoop, decides: deed{word: "end", nth: 2}, exit: 3, says: "cannot reach db:5432",
	},
	"ends-by-itself": {
		run:   []string{"sh", "-c", `date "+%s%N end" >> "$DEEDS"`},
		class: deploy.CodeCrashLoop, decides: deed{word: "end", nth: 2}, says: "it ends by itself",
	},
	"signal": {
		run:   []string{"sh", "-c", `date "+%s%N end" >> "$DEEDS"; kill -SEGV $$$$`},
		class: deploy.CodeCrashLoop, decides: deed{word: "end", nth: 2}, exit: 139, says: "SIGSEGV",
	},
	"dies-when-ready": {class: deploy.CodeCrashLoop, decides: deed{word: "end", nth: 2}, exit: 5, says: "the license server is gone"},
	"one-of-two": {
		manifest: "scale: {min: 2, max: 2}",
		class:    deploy.CodeCrashLoop, decides: deed{word: "end", nth: 2}, exit: 6, says: "another process has the lock",
	},
	"memory": {
		run: []string{"node", "PLUGINS/leaks.mjs"}, manifest: "limits: {memory: 128Mi}",
		class: deploy.CodeCrashLoop, decides: deed{word: "grows", nth: 2}, exit: 137, reason: "OOMKilled", says: "at its limit of 128Mi",
	},
	"leaks-files": {
		manifest: "limits: {files: 64}",
		class:    deploy.CodeCrashLoop, decides: deed{word: "end", nth: 2}, exit: 24, says: "Too many open files",
	},
	"no-interpreter": {
		run: []string{"./tool"}, begin: func(t *testing.T, x *processRow) api.DeployChanged {
			x.tool(t, "#!/no/such/interpreter\n")
			return x.apply(t, 2)
		},
		class: deploy.CodeCrashLoop, reason: "RunContainerError", says: "the interpreter that",
	},
	"program-gone": {
		base: []string{"FOLDER/tool"}, begin: func(t *testing.T, x *processRow) api.DeployChanged {
			require.NoError(t, os.Remove(filepath.Join(x.folder, "tool")))
			return x.restart(t)
		},
		class: deploy.CodeCrashLoop, reason: "RunContainerError", says: "executable file not found",
	},
	"not-executable": {
		base: []string{"FOLDER/tool"}, begin: func(t *testing.T, x *processRow) api.DeployChanged {
			require.NoError(t, os.Chmod(filepath.Join(x.folder, "tool"), 0o600))
			return x.restart(t)
		},
		class: deploy.CodeCrashLoop, reason: "RunContainerError", says: "permission denied",
	},
	"folder-gone": { // the copy of the plugin's folder, in which it runs
		begin: func(t *testing.T, x *processRow) api.DeployChanged {
			require.NoError(t, os.RemoveAll(filepath.Join(x.p.DataDir, "services", "files", x.name)))
			return x.restart(t)
		},
		class: deploy.CodeCrashLoop, reason: "RunContainerError", says: "the folder of its revision is gone",
	},
	"silent":    {manifest: shortStart, class: deploy.CodeProbe, decides: deed{word: "start", nth: 1, plus: startTime}, says: "does not listen yet"},
	"not-ready": {manifest: shortStart, class: deploy.CodeProbe, decides: deed{word: "start", nth: 1, plus: startTime}, says: "statuscode: 503"},
	"other-port": {
		manifest: shortStart + "\nlisten: port",
		class:    deploy.CodeProbe, decides: deed{word: "start", nth: 1, plus: startTime}, says: "connection refused",
	},
	"no-http": {manifest: shortStart, class: deploy.CodeProbe, decides: deed{word: "start", nth: 1, plus: startTime}, says: "malformed HTTP response"},
	"hangs":   {manifest: shortStart, class: deploy.CodeProbe, decides: deed{word: "start", nth: 1, plus: startTime}, says: "no answer within"},
	"not-alive": {
		manifest: "probes: {liveness: {period: 150ms, failures: 3}}",
		class:    deploy.CodeProbe, decides: deed{word: "refused", nth: 6}, says: "Liveness probe failed",
	},
	"turns-unready":  {manifest: quickProbes, class: deploy.CodeProbe, decides: deed{word: "refused", nth: 3}, says: "Readiness probe failed"},
	"secret-missing": {manifest: "  - {name: KEY, secret: \"vault:no/such\"}", class: deploy.CodeConfig, reason: "CreateContainerConfigError", says: "vault:no/such"},
	"other-contract": { // ready and alive, and every answer an error
		canary: 50, meanwhile: func(ctx context.Context, t *testing.T, x *processRow) { x.calls(ctx, t) },
		class: deploy.CodeCanary, decides: deed{word: "refused", nth: 5}, says: "more errors",
	},
}

// processTransients are those that look bad for a moment and succeed.
var processTransients = map[string]processFault{
	"slow-start":         {manifest: "probes: {startup: {timeout: 20s}}", decides: deed{word: "start", nth: 1}},
	"one-crash":          {decides: deed{word: "end", nth: 1}},
	"one-end-when-ready": {decides: deed{word: "end", nth: 1}},
	"ready-blinks":       {manifest: quickProbes, decides: deed{word: "refused", nth: 2}},
	"alive-blinks":       {manifest: quickProbes, decides: deed{word: "refused", nth: 2}},
	"slow-drain":         {base: []string{"PYTHON", "PLUGINS/service.py", "slow-drain"}, run: []string{"PYTHON", "PLUGINS/service.py", "good"}, decides: deed{word: "asked-to-end", nth: 1, of: 1}},
	"secret-late": {
		manifest: "  - {name: KEY, secret: \"vault:late/SERVICE\"}", decides: deed{word: "start", nth: 1},
		meanwhile: func(ctx context.Context, t *testing.T, x *processRow) {
			if pass(ctx, time.Second) {
				x.keep(t, "vault:late/"+x.name, "s3cret")
			}
		},
	},
	"killed-by-hand": {
		run: []string{"PYTHON", "PLUGINS/service.py", "slow-start"}, decides: deed{word: "start", nth: 2},
		meanwhile: func(ctx context.Context, t *testing.T, x *processRow) {
			if x.await(ctx, t, deed{word: "start", nth: 1}) && pass(ctx, 300*time.Millisecond) {
				x.kill(t)
			}
		},
	},
	"restarted-by-hand": { // in the midst of the rollout
		run: []string{"PYTHON", "PLUGINS/service.py", "slow-start"}, decides: deed{word: "start", nth: 2},
		meanwhile: func(ctx context.Context, t *testing.T, x *processRow) {
			if x.await(ctx, t, deed{word: "start", nth: 1}) && pass(ctx, 300*time.Millisecond) {
				x.restart(t)
			}
		},
	},
	"mended": { // the one before is in trouble, and the new one is not
		base: []string{"sh", "-c", `date "+%s%N end" >> "$DEEDS"; exit 3`}, run: []string{"PYTHON", "PLUGINS/service.py", "good"},
		ill: true, decides: deed{word: "end", nth: 2, of: 1},
	},
}

// pass waits, and says whether it was let to.
func pass(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// deedsOf is the file in which the processes of a revision say what they did.
func (x *processRow) deedsOf(revision int) string {
	return filepath.Join(x.folder, "deeds-"+strconv.Itoa(revision))
}

// deeds are the times at which a process did what d says.
func (x *processRow) deeds(t *testing.T, d deed) (out []time.Time) {
	t.Helper()
	body, err := os.ReadFile(x.deedsOf(cmp.Or(d.of, 2)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(body)) {
		at, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what != d.word {
			continue
		}
		n, err := strconv.ParseInt(at, 10, 64)
		require.NoError(t, err)
		out = append(out, time.Unix(0, n))
	}
	return out
}

// await waits for a deed.
func (x *processRow) await(ctx context.Context, t *testing.T, d deed) bool {
	for len(x.deeds(t, d)) < d.nth {
		if !pass(ctx, 20*time.Millisecond) {
			return false
		}
	}
	return true
}

// kill ends the process of the new revision outright, as a person would who
// mistook it for another.
func (x *processRow) kill(t *testing.T) {
	s := decoded[api.DeployStatus](t, x.me.must(t, "deploy", "status", "service/"+x.name, "-o", "json"))
	for _, r := range s.Replicas {
		if r.Current {
			pid, err := strconv.Atoi(strings.TrimPrefix(r.Node, "pid "))
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
	}
}

// keep sets a secret.
func (x *processRow) keep(t *testing.T, ref, value string) {
	cmd := exec.CommandContext(t.Context(), x.me.bin, "secrets", "set", ref, "--yes")
	cmd.Env, cmd.Stdin = x.me.env, strings.NewReader(value)
	testbed.Run(t, cmd)
}

// calls calls the service until the context ends: its canary is judged by what
// it answers.
func (x *processRow) calls(ctx context.Context, t *testing.T) {
	c := newClient(t, x.p.URL, x.p.Token)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for pass(ctx, 2*time.Millisecond) {
				_, _ = api.ServicesInvoke.Call(ctx, c, api.InvokeInput{Service: x.name, Operation: "say", Data: json.RawMessage("{}")}) // what comes back is the canary's matter
			}
		})
	}
	wg.Wait()
}
