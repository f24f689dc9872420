package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// caller makes calls until it is told to stop, and counts what came back.
type caller struct {
	mu       sync.Mutex
	answers  map[string]int // by revision
	failures []error
	stop     func()
}

func (b *bench) callers(n int) *caller {
	c := &caller{answers: map[string]int{}}
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				a, err := b.call("say", `{}`)
				c.mu.Lock()
				if err != nil {
					c.failures = append(c.failures, err)
				} else {
					c.answers[a.Revision]++
				}
				c.mu.Unlock()
			}
		})
	}
	c.stop = func() { cancel(); all.Wait() }
	b.Cleanup(c.stop)
	return c
}

func (c *caller) count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.answers)
}

func TestARolloutDropsNothing(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("scale: {min: 2, max: 2}"), runtime.DeployOptions{})
	b.ready(2)
	c := b.callers(8)
	for i := range 3 {
		b.deploy(b.manifest("scale: {min: 2, max: 2}", "N="+strconv.Itoa(i)), runtime.DeployOptions{})
		b.until("rolled out", func(s *deploy.Snapshot) bool {
			return s.Workload.State == "ready" && len(s.Replicas) == 2 && s.Replicas[1].Revision == strconv.Itoa(i+2)
		})
	}
	c.stop()
	require.Empty(t, c.failures)
	require.Equal(t, []string{"1", "2", "3", "4"}, slices.Sorted(maps.Keys(c.answers)))
}

func TestABadRevisionTakesNoTraffic(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *runtime.Options) { o.Timing.MinReady = 2 * time.Second })
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	c := b.callers(4)
	b.deploy(b.manifest("", "HELPER=exit-after-ready", "AFTER_MS=100"), runtime.DeployOptions{Reason: "bad"})
	v := b.verdict()
	require.Equal(t, deploy.CodeCrashLoop, v.Code)
	b.until("failed", func(s *deploy.Snapshot) bool { return s.Workload.State == "failed" })
	require.Contains(t, v.Next, "undo")
	s, err := b.rt.Change(t.Context(), echo, deploy.Change{Undo: "1", Cause: "it crashes"})
	require.NoError(t, err)
	require.Equal(t, "3", s.Workload.Revision)
	b.until("3 alone", func(s *deploy.Snapshot) bool {
		return s.Workload.State == "ready" && len(s.Replicas) == 1 && s.Replicas[0].Revision == "3"
	})
	_, err = b.call("say", `{}`)
	require.NoError(t, err)
	c.stop()
	require.Empty(t, c.failures)
	require.NotContains(t, c.answers, "2")
}

// Going back goes back to the files, too.
func TestUndoRestoresTheFiles(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	m := b.manifest("")
	self := m.Command[0]
	script := func(mode string) {
		require.NoError(t, os.WriteFile(b.dir+"/run", []byte("#!/bin/sh\nHELPER="+mode+" exec "+self+"\n"), 0o700)) //nolint:gosec // it must run
	}
	m.Command = []string{"./run"}
	script("serve")
	b.deploy(m, runtime.DeployOptions{})
	b.ready(1)
	script("exit")
	b.deploy(m, runtime.DeployOptions{})
	require.Equal(t, deploy.CodeCrashLoop, b.verdict().Code)
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Undo: "1"})
	require.NoError(t, err)
	require.Equal(t, deploy.CodeComplete, b.verdict().Code)
}

func TestPauseHoldsARollout(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	s := b.ready(1)
	yes, no := true, false
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Pause: &yes, Version: "old"})
	require.ErrorIs(t, err, fail.Conflict.Err())
	dry, err := b.rt.Change(t.Context(), echo, deploy.Change{Pause: &yes, Version: s.Version, Dry: true})
	require.NoError(t, err)
	require.True(t, dry.Paused)
	require.False(t, b.get().Paused)
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Pause: &yes, Version: s.Version})
	require.NoError(t, err)
	b.deploy(b.manifest("", "N=1"), runtime.DeployOptions{})
	time.Sleep(300 * time.Millisecond)
	a, err := b.call("say", `{}`)
	require.NoError(t, err)
	require.Equal(t, "1", a.Revision)
	require.Equal(t, deploy.CodePaused, b.verdict().Code)
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Pause: &no})
	require.NoError(t, err)
	require.Equal(t, deploy.CodeComplete, b.verdict().Code)
}

func TestKillNineUnderLoad(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("scale: {min: 2, max: 2}"), runtime.DeployOptions{})
	b.ready(2)
	c := b.callers(16)
	for range 8 {
		s := b.ready(2)
		pid, err := strconv.Atoi(strings.TrimPrefix(s.Replicas[0].Node, "pid "))
		require.NoError(t, err)
		before := c.count()["1"]
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		b.until("back", func(s *deploy.Snapshot) bool {
			return s.Workload.Ready == 2 && !slices.ContainsFunc(s.Replicas, func(r deploy.Replica) bool { return r.Node == "pid "+strconv.Itoa(pid) })
		})
		require.Eventually(t, func() bool { return c.count()["1"] > before }, 5*time.Second, time.Millisecond)
	}
	c.stop()
	typed(t, c.failures)
	t.Logf("%d answers, %d typed errors", c.answers["1"], len(c.failures))
	require.Less(t, len(c.failures), c.answers["1"]/10)
}

func typed(t *testing.T, failures []error) {
	t.Helper()
	for _, err := range failures {
		var e *fail.Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, []fail.Code{fail.Unavailable, fail.Limited, fail.Timeout}, e.Code, err.Error())
	}
}

// With one replica, killed again and again, a call that may be sent twice is
// answered by the next start.
func TestKillNineOfTheOnlyReplica(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	c := b.callers(8)
	for range 5 {
		b.ready(1)
		before := c.count()["1"]
		_, err := b.call("die", `{}`)
		require.ErrorIs(t, err, fail.Unavailable.Err())
		require.Eventually(t, func() bool { return c.count()["1"] > before+10 }, 10*time.Second, time.Millisecond)
	}
	c.stop()
	typed(t, c.failures)
	t.Logf("%d answers, %d typed errors", c.answers["1"], len(c.failures))
}

func TestFromZeroNothingIsDropped(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest("scale: {min: 0, max: 2, concurrency: 4, idle: 200ms}", "SLOW_MS=300"), runtime.DeployOptions{})
	for range 2 {
		b.until("stopped", func(s *deploy.Snapshot) bool { return s.Workload.State == "stopped" && len(s.Replicas) == 0 })
		v, _ := deploy.Judge(deploy.State{}, b.get(), time.Now(), deploy.JudgeOptions{})
		require.Equal(t, deploy.CodeComplete, v.Code)
		answers := make(chan error, 200)
		for range cap(answers) {
			go func() { _, err := b.call("slow", `{"MS":5}`); answers <- err }()
		}
		for range cap(answers) {
			require.NoError(t, <-answers)
		}
	}
}

func TestAFullQueueAndAFailedStartAreTyped(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *runtime.Options) { o.Queue = 10 })
	b.deploy(b.manifest("scale: {min: 0, max: 1, idle: 100ms}", "HELPER=exit", "SLOW_MS=100"), runtime.DeployOptions{})
	var full, failed atomic.Int64
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			_, err := b.call("say", `{}`)
			var e *fail.Error
			switch {
			case !errors.As(err, &e):
				t.Errorf("no typed error: %v", err)
			case e.Code == fail.Limited:
				full.Add(1)
			case e.Code == fail.Unavailable:
				failed.Add(1)
			default:
				t.Errorf("another code: %v", err)
			}
		})
	}
	all.Wait()
	require.Equal(t, int64(30), full.Load()+failed.Load())
}

func TestScaleByLoadAndByHand(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *runtime.Options) { o.Timing.ScaleDown = 300 * time.Millisecond })
	b.deploy(b.manifest("scale: {min: 1, max: 3, concurrency: 2}"), runtime.DeployOptions{})
	b.ready(1)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if _, err := b.call("slow", `{"MS":500}`); err != nil {
				t.Error(err)
			}
		})
	}
	b.until("three", func(s *deploy.Snapshot) bool { return s.Workload.Ready == 3 })
	all.Wait()
	b.ready(1)
	around, err := b.rt.Related(t.Context(), echo)
	require.NoError(t, err)
	require.Equal(t, 3, around.Scaler.Max)
	two, zero := 2, 0
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Scale: &two, Cause: "a quiet day", Actor: "ana"})
	require.NoError(t, err)
	s := b.ready(2)
	require.Contains(t, string(s.Raw), `"aictl.dev/change-cause":"a quiet day"`)
	require.True(t, slices.ContainsFunc(s.Events, func(e deploy.Event) bool { return e.Message == "scaled to 2 by ana: a quiet day" }))
	time.Sleep(500 * time.Millisecond)
	b.ready(2) // pinned
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Scale: &zero})
	require.NoError(t, err)
	b.until("stopped", func(s *deploy.Snapshot) bool { return s.Workload.State == "stopped" })
	_, err = b.call("say", `{}`)
	require.ErrorContains(t, err, "scaled to 0")
}

func TestCanarySplitIsExact(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *runtime.Options) { o.Rules.Calls = 1 << 30 })
	b.deploy(b.manifest("scale: {min: 2, max: 2}"), runtime.DeployOptions{})
	b.ready(2)
	closed := b.scratch("closed")
	require.NoError(t, os.WriteFile(closed, nil, 0o600))
	b.deploy(b.manifest("probes: {readiness: {period: 50ms, failures: 1}}", "CLOSED="+closed), runtime.DeployOptions{Canary: 10})
	for range 200 {
		a, err := b.call("say", `{}`)
		require.NoError(t, err)
		require.Equal(t, "1", a.Revision, "the canary is not ready")
	}
	require.NoError(t, os.Remove(closed))
	s := b.until("the canary is ready", func(s *deploy.Snapshot) bool { return s.Workload.Ready == 3 })
	require.Equal(t, "2", s.Canary.Revision)
	require.Equal(t, 10, s.Canary.Weight)
	var canary atomic.Int64
	var all sync.WaitGroup
	const calls, workers = 10_000, 8
	for range workers {
		all.Go(func() {
			for range calls / workers {
				a, err := b.call("say", `{}`)
				if err != nil {
					t.Error(err)
					return
				}
				if a.Revision == "2" {
					canary.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.InDelta(t, calls/10, canary.Load(), calls/100)
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Canary: &deploy.Canary{Promote: true}})
	require.NoError(t, err)
	b.until("promoted", func(s *deploy.Snapshot) bool {
		return s.Canary == nil && s.Workload.Revision == "2" && s.Workload.State == "ready"
	})
}

// One real run of each kind: the statistics are tested by themselves.
func TestCanariesEndByThemselves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env      []string
		revision string
		reason   string
	}{
		"equal":    {[]string{"LATENCY_US=10000", "N=1"}, "2", "CanaryPromoted"},
		"slower":   {[]string{"LATENCY_US=30000"}, "1", "CanaryRolledBack"},
		"erroring": {[]string{"LATENCY_US=10000", "ERROR_EVERY=5"}, "1", "CanaryRolledBack"},
		"crashing": {[]string{"HELPER=exit"}, "1", "CanaryRolledBack"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, func(o *runtime.Options) {
				o.Rules = runtime.CanaryRules{Duration: 300 * time.Millisecond, Calls: 50}
			})
			b.deploy(b.manifest("", "LATENCY_US=10000"), runtime.DeployOptions{})
			b.ready(1)
			c0 := b.callers(8)
			b.deploy(b.manifest("", c.env...), runtime.DeployOptions{Canary: 40})
			s := b.until("an end", func(s *deploy.Snapshot) bool {
				return s.Canary == nil && s.Workload.Revision == c.revision && s.Workload.State == "ready"
			})
			at := slices.IndexFunc(s.Events, func(e deploy.Event) bool { return e.Reason == c.reason })
			require.GreaterOrEqual(t, at, 0, fmt.Sprint(s.Events))
			t.Log(s.Events[at].Message)
			c0.stop()
			typed(t, c0.failures)
		})
	}
}
