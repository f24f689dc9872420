package runtime_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

type deployVerdict struct {
	api.DeployVerdict
	took     time.Duration
	snapshot *deploy.Snapshot
}

func TestAServiceIsStartedAndAnswers(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"socket", "port"} {
		t.Run(listen, func(t *testing.T) {
			b := start(t, func(o *runtime.Options) {
				o.Secrets = func(_ context.Context, ref string) ([]byte, error) { return []byte("value of " + ref), nil }
			})
			first := b.deploy(b.manifest("listen: "+listen, "SECRET=secret vault:app/key"), runtime.DeployOptions{Reason: "a start", Actor: "ana"})
			require.Equal(t, "1", first.Workload.Revision)
			a, err := b.call("say", `{}`) // at once: it waits for the replica
			require.NoError(t, err)
			require.Equal(t, "1", a.Revision)
			require.Equal(t, "value of vault:app/key", a.Secret)
			s := b.ready(1)
			require.Equal(t, "a start", s.Workload.Cause)
			v, _ := deploy.Judge(deploy.State{}, s, time.Now(), deploy.JudgeOptions{})
			require.Equal(t, "complete", v.Code)
			require.NotContains(t, string(s.Raw), "value of")

			again := b.deploy(b.manifest("listen: "+listen, "SECRET=secret vault:app/key"), runtime.DeployOptions{})
			require.Equal(t, s.Version, again.Version, "the same manifest changes nothing")

			history, err := b.rt.History(t.Context(), echo)
			require.NoError(t, err)
			require.Len(t, history, 1)
			require.True(t, history[0].Good)
			require.Equal(t, "ana", history[0].Actor)
		})
	}
}

func TestStreamsEndWithTheirTerminator(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{"serve": "", "broken-stream": "the model was too slow"} {
		b := start(t, nil)
		b.deploy(b.manifest("", "HELPER="+mode), runtime.DeployOptions{})
		reply, err := b.gw.Do(t.Context(), ai.Call{Service: "echo", Operation: "stream", Stream: true})
		require.NoError(t, err)
		var text strings.Builder
		var failure error
		for chunk, err := range reply.Chunks {
			if err != nil {
				failure = err
				break
			}
			text.Write(chunk)
		}
		require.Contains(t, text.String(), "data: 2\n\n")
		if want == "" {
			require.NoError(t, failure)
			require.Contains(t, text.String(), "[DONE]")
			continue
		}
		require.ErrorContains(t, failure, want)
		require.Equal(t, fail.Timeout, fail.CodeOf(failure))
		require.NotContains(t, text.String(), "event: error")
	}
}

// The supervisor's own share: from the first instruction of the process to
// the first answer through the gateway, and from the order to that
// instruction.
func TestTheSupervisorsShareOfAStart(t *testing.T) {
	var mu sync.Mutex
	var born time.Time
	b := start(t, func(o *runtime.Options) {
		o.Lines = func(l runtime.Line) {
			if _, rest, ok := strings.Cut(string(l.Text), `"born":"`); ok {
				n, _ := strconv.ParseInt(strings.TrimSuffix(rest, `"}`), 10, 64)
				mu.Lock()
				defer mu.Unlock()
				born = time.Unix(0, n)
			}
		}
	})
	m := b.manifest("scale: {min: 0, max: 1, idle: 150ms}")
	b.deploy(m, runtime.DeployOptions{})
	var shares []time.Duration
	for range 3 {
		b.until("stopped", func(s *deploy.Snapshot) bool { return s.Workload.State == "stopped" })
		order := time.Now()
		_, err := b.call("say", `{}`)
		took := time.Since(order)
		require.NoError(t, err)
		mu.Lock()
		boot := time.Since(order) - time.Since(born) // exec and the runtime of the test binary
		mu.Unlock()
		shares = append(shares, took-boot)
	}
	t.Logf("from the first instruction to the answer: %v", shares)
	require.Less(t, slices.Min(shares), 150*time.Millisecond, "the other starts may have had to share the machine")
}

func TestFaultsAndTheirVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		extra string
		env   []string
		code  string
		check func(t *testing.T, v deployVerdict)
	}{
		"exits at once": {env: []string{"HELPER=exit"}, code: deploy.CodeCrashLoop, check: func(t *testing.T, v deployVerdict) {
			require.Equal(t, 3, v.Exit.Code)
		}},
		"dies by a signal": {env: []string{"HELPER=abort"}, code: deploy.CodeCrashLoop, check: func(t *testing.T, v deployVerdict) {
			require.Equal(t, "SIGKILL", v.Exit.Signal)
			require.Equal(t, 137, v.Exit.Code)
		}},
		"exits after it was ready": {env: []string{"HELPER=exit-after-ready", "AFTER_MS=50"}, extra: "scale: {min: 2, max: 2}", code: deploy.CodeCrashLoop},
		// The time of a start is a budget: the first one that uses it up decides.
		"never listens": {env: []string{"HELPER=silent"}, extra: "probes: {startup: {timeout: 2s}}\ndrain: 100ms", code: deploy.CodeProbe, check: tooSlow("it does not listen yet")},
		"never ready":   {env: []string{"HELPER=never"}, extra: "probes: {startup: {timeout: 2s}}", code: deploy.CodeProbe, check: tooSlow("statuscode: 503")},
		"speaks no HTTP": {
			env: []string{"HELPER=garbage"}, extra: "probes: {startup: {timeout: 2s}}\ndrain: 100ms", code: deploy.CodeProbe,
			check: tooSlow("Startup probe failed"),
		},
		"never lives": {env: []string{"HELPER=lifeless"}, extra: "probes: {liveness: {period: 50ms, failures: 2}}", code: deploy.CodeProbe},
		"too much memory": {env: []string{"HELPER=fat"}, extra: "limits: {memory: 100Mi}\nscale: {min: 2, max: 2}", code: deploy.CodeCrashLoop, check: func(t *testing.T, v deployVerdict) {
			require.Equal(t, "OOMKilled", v.Exit.Reason)
			require.Contains(t, v.Message, "100Mi")
		}},
		"a secret that is not there": {env: []string{"KEY=secret vault:no/such"}, code: deploy.CodeConfig, check: func(t *testing.T, v deployVerdict) {
			require.Contains(t, v.Message, "vault:no/such")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(o *runtime.Options) {
				o.Timing.MinReady = time.Second
				o.Secrets = func(_ context.Context, ref string) ([]byte, error) {
					return nil, fail.New(fail.NotFound, "no such secret")
				}
			})
			if name == "exits after it was ready" || name == "too much memory" || name == "never lives" { // an older one serves, so that being ready is not enough
				b.deploy(b.manifest(""), runtime.DeployOptions{})
				b.ready(1)
			}
			b.deploy(b.manifest(c.extra, c.env...), runtime.DeployOptions{Reason: "bad"})
			v := b.verdict()
			require.Equal(t, c.code, v.Code, v.Message)
			require.Less(t, v.took, 6*time.Second)
			if c.check != nil {
				c.check(t, v)
			}
			if v.Code == deploy.CodeCrashLoop && v.Exit != nil && v.Exit.Code == 3 {
				text := b.lines(deploy.LogOptions{Previous: true, Tail: 5})
				require.Contains(t, text, "the configuration is wrong")
			}
		})
	}
}

// tooSlow is the verdict on a first start of two seconds, with its cause.
func tooSlow(why string) func(*testing.T, deployVerdict) {
	return func(t *testing.T, v deployVerdict) {
		t.Helper()
		require.Contains(t, v.Message, why)
		require.Less(t, v.took, 3900*time.Millisecond, "it waited for a second start")
	}
}

func (b *bench) lines(o deploy.LogOptions) string {
	b.Helper()
	var text strings.Builder
	for e, err := range b.rt.Logs(b.Context(), echo, o) {
		require.NoError(b, err)
		if e.Entry != nil {
			text.WriteString(e.Entry.Message + "\n")
		}
	}
	return text.String()
}

func TestAProgramThatIsGone(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	m := b.manifest("")
	m.Command = []string{"no-such-program-at-all"}
	_, err := b.rt.Deploy(t.Context(), m, b.dir, runtime.DeployOptions{})
	require.ErrorContains(t, err, "executable file not found in $PATH")
	script := filepath.Join(b.dir, "run")
	require.NoError(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o700)) //nolint:gosec // it must run
	m.Command = []string{"./run"}
	b.deploy(m, runtime.DeployOptions{})
	v := b.verdict()
	require.Equal(t, deploy.CodeCrashLoop, v.Code)
	require.Equal(t, "RunContainerError", v.Reason)
	require.Contains(t, v.Message, "the interpreter that")
	_, err = b.call("say", `{}`)
	require.ErrorIs(t, err, fail.Unavailable.Err())

	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	require.NoError(t, os.RemoveAll(filepath.Join(b.o.Dir, "files", "echo")))
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Restart: true})
	require.NoError(t, err)
	v = b.verdict()
	require.Equal(t, deploy.CodeCrashLoop, v.Code)
	require.Contains(t, v.Message, "the folder of its revision is gone")
}

func TestTransientTroubleIsNoVerdict(t *testing.T) {
	t.Run("one crash", func(t *testing.T) {
		b := start(t, nil)
		b.deploy(b.manifest("", "ONCE="+b.scratch("once")), runtime.DeployOptions{})
		require.Equal(t, deploy.CodeComplete, b.verdict().Code)
		require.Equal(t, 1, b.get().Replicas[0].Containers[0].Restarts)
	})
	t.Run("a secret that comes a moment later", func(t *testing.T) {
		var asked atomic.Int64
		b := start(t, func(o *runtime.Options) {
			o.Secrets = func(context.Context, string) ([]byte, error) {
				if asked.Add(1) < 4 {
					return nil, fail.New(fail.NotFound, "not yet")
				}
				return []byte("x"), nil
			}
		})
		b.deploy(b.manifest("", "SECRET=secret vault:late"), runtime.DeployOptions{})
		require.Equal(t, deploy.CodeComplete, b.verdict().Code)
	})
	t.Run("trouble of the revision before", func(t *testing.T) {
		b := start(t, nil)
		b.deploy(b.manifest("", "HELPER=exit"), runtime.DeployOptions{})
		require.Equal(t, deploy.CodeCrashLoop, b.verdict().Code)
		b.deploy(b.manifest(""), runtime.DeployOptions{})
		require.Equal(t, deploy.CodeComplete, b.verdict().Code)
	})
	t.Run("a slow start", func(t *testing.T) {
		b := start(t, nil)
		b.deploy(b.manifest("", "SLOW_MS=1500"), runtime.DeployOptions{})
		require.Equal(t, deploy.CodeComplete, b.verdict().Code)
	})
	t.Run("not ready for a moment", func(t *testing.T) {
		b := start(t, nil)
		closed := b.scratch("closed")
		b.deploy(b.manifest("probes: {readiness: {period: 50ms, failures: 2}}", "CLOSED="+closed), runtime.DeployOptions{})
		b.ready(1)
		require.NoError(t, os.WriteFile(closed, nil, 0o600))
		b.until("unready", func(s *deploy.Snapshot) bool { return s.Workload.Ready == 0 })
		waits := make(chan error)
		go func() { _, err := b.call("say", `{}`); waits <- err }()
		select {
		case err := <-waits:
			t.Fatalf("a call went to a replica that is not ready: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
		require.NoError(t, os.Remove(closed))
		require.NoError(t, <-waits)
		b.ready(1)
		require.Zero(t, b.get().Replicas[0].Containers[0].Restarts)
	})
}

func TestLivenessRestarts(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("probes: {liveness: {period: 50ms, failures: 2}}", "HELPER=dead"), runtime.DeployOptions{})
	first, err := b.call("say", `{}`)
	require.NoError(t, err)
	b.until("restarted", func(s *deploy.Snapshot) bool {
		return s.Workload.Ready == 1 && s.Replicas[0].Containers[0].Restarts == 1
	})
	require.Equal(t, first.Replica, b.get().Replicas[0].Name)
}

// A process that hangs is found by its probes, and replaced.
func TestAHungProcessIsReplaced(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("drain: 100ms\nprobes: {readiness: {period: 50ms, timeout: 200ms, failures: 2}, liveness: {period: 100ms, timeout: 200ms, failures: 3}}"), runtime.DeployOptions{})
	s := b.ready(1)
	pid, err := strconv.Atoi(strings.TrimPrefix(s.Replicas[0].Node, "pid "))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	_, err = b.call("say", `{}`) // it may have been sent: the next start answers it
	require.NoError(t, err)
	s = b.until("replaced", func(s *deploy.Snapshot) bool {
		return s.Workload.Ready == 1 && s.Replicas[0].Containers[0].Restarts > 0
	})
	require.Equal(t, "SIGKILL", s.Replicas[0].Containers[0].Last.Signal)
	require.True(t, gone(pid))
	require.True(t, slices.ContainsFunc(s.Events, func(e deploy.Event) bool {
		return strings.HasPrefix(e.Message, "Liveness probe failed: no answer within")
	}))
}

func TestProcessesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("drain: 300ms", "HELPER=linger"), runtime.DeployOptions{})
	b.ready(1)
	_, rest, ok := strings.Cut(b.lines(deploy.LogOptions{}), "child ")
	require.True(t, ok)
	child, err := strconv.Atoi(strings.TrimSpace(rest))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(child, 0))
	require.NoError(t, b.rt.Delete(t.Context(), "echo", "", ""))
	require.Eventually(t, func() bool { return gone(child) }, 3*time.Second, 10*time.Millisecond)
	left, err := filepath.Glob(filepath.Join(b.o.Dir, "*.pid"))
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = b.call("say", `{}`)
	require.ErrorIs(t, err, fail.NotFound.Err())
}

func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestDeafProcessesAreKilled(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("drain: 200ms", "HELPER=deaf"), runtime.DeployOptions{})
	b.ready(1)
	begun := time.Now()
	require.NoError(t, b.rt.Delete(t.Context(), "echo", "", ""))
	require.Less(t, time.Since(begun), 3*time.Second)
}

func TestCallsInFlightAreLetEnd(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	answers := make(chan error, 20)
	for range cap(answers) {
		go func() { _, err := b.call("slow", `{"MS":400}`); answers <- err }()
	}
	require.Eventually(t, func() bool {
		n := int64(0)
		for _, target := range b.gw.ListTargets("echo") {
			n += target.Outstanding
		}
		return n == int64(cap(answers))
	}, 5*time.Second, time.Millisecond)
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Restart: true, Cause: "because"})
	require.NoError(t, err)
	for range cap(answers) {
		require.NoError(t, <-answers)
	}
	s := b.until("revision 2 alone", func(s *deploy.Snapshot) bool {
		return s.Workload.State == "ready" && len(s.Replicas) == 1 && s.Replicas[0].Revision == "2"
	})
	require.Equal(t, "because", s.Workload.Cause)
}
