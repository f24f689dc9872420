package deploy_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deployfake"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var web = deploy.Ref{Name: "web", Namespace: "shop"}

func oneContainer(image string) deploy.Template {
	return deploy.Template{Containers: []deploy.Container{{Name: "web", Image: image}}}
}

// rolling is a cluster whose workload web rolls out its second revision.
func rolling(t *testing.T) *deployfake.Cluster {
	t.Helper()
	c := deployfake.New("kubernetes", nil)
	c.Has(web, 2, oneContainer("web:1"))
	_, err := c.Change(t.Context(), web, deploy.Change{Images: map[string]string{"web": "web:2"}})
	require.NoError(t, err)
	return c
}

func follow(ctx context.Context, c deploy.Cluster, o deploy.FollowOptions) (events []api.DeployWatchEvent, err error) {
	for e, err := range deploy.Follow(ctx, c, web, o) {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

func types(events []api.DeployWatchEvent) (out []string) {
	for _, e := range events {
		out = append(out, e.Type)
	}
	return out
}

func TestFollowToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rolling(t)
		go func() {
			time.Sleep(5 * time.Second)
			c.Settle(web)
		}()
		events, err := follow(t.Context(), c, deploy.FollowOptions{})
		require.NoError(t, err)
		require.Equal(t, []string{"workload", "replica", "replica", "workload", "replica", "replica", "verdict"}, types(events))
		require.Equal(t, api.DeployComplete, events[len(events)-1].Verdict.Outcome)
	})
}

// TestFollowTimelines plays the fixtures in real order through the whole way:
// engine, watch, judgement, and its timers.
func TestFollowTimelines(t *testing.T) {
	for name, tl := range timelines(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := deployfake.New("kubernetes", nil)
				start := time.Now()
				shift := start.Sub(timelineStart)
				list := frames(t, tl)
				ref := deploy.Ref{Kind: list[0].s.Workload.Kind, Name: "web", Namespace: "shop"}
				c.Has(ref, 0, deploy.Template{})
				show := func(f frame) {
					moved := moveTimes(t, f.s, shift)
					c.Edit(ref, func(s *deploy.Snapshot) { *s = *moved })
				}
				show(list[0])
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				var wg sync.WaitGroup
				wg.Go(func() {
					at := list[0].at
					for _, f := range list[1:] {
						time.Sleep(f.at - at)
						at = f.at
						show(f)
					}
				})
				var v *api.DeployVerdict
				var when time.Duration
				for e, err := range deploy.Follow(ctx, c, ref, deploy.FollowOptions{}) {
					require.NoError(t, err)
					if e.Verdict != nil {
						v, when = e.Verdict, time.Since(start)+list[0].at
					}
				}
				require.NotNil(t, v)
				require.Equal(t, tl.Want.Outcome, v.Outcome)
				require.Equal(t, tl.Want.Code, v.Code)
				if v.Outcome == api.DeployFailed {
					require.LessOrEqual(t, when, seconds(tl.Want.Decisive)+3*time.Second)
				}
				wg.Wait()
			})
		})
	}
}

func TestFollowBringsTheLastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rolling(t)
		crash := func(s *deploy.Snapshot) {
			s.Replicas[1].Containers = []deploy.ContainerState{{
				Name: "web", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 4, Last: &deploy.Termination{Code: 1, Reason: "Error", At: time.Now()},
			}}
		}
		name := "web-2-1"
		c.Edit(web, crash)
		for _, text := range []string{"one", "two", "three"} {
			c.Says(web, name, "web", true, text)
			c.Says(web, "web-2-0", "web", true, "of another replica")
		}
		events, err := follow(t.Context(), c, deploy.FollowOptions{Lines: 2})
		require.NoError(t, err)
		v := events[len(events)-1].Verdict
		require.Equal(t, deploy.CodeCrashLoop, v.Code)
		require.Equal(t, name, v.Replica)
		require.Len(t, v.Logs, 2)
		require.Equal(t, "two", v.Logs[0].Message)
		require.Equal(t, "aictl deploy undo deployment/web -n shop", v.Next)
	})
}

// TestConfigThatCameLate: a kubelet says for ten seconds and more that a
// ConfigMap is missing which has come meanwhile; one that has not is called.
func TestConfigThatCameLate(t *testing.T) {
	for _, comes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := rolling(t)
			c.Edit(web, func(s *deploy.Snapshot) {
				for i := range s.Replicas {
					s.Replicas[i].Containers = []deploy.ContainerState{{Name: "web", State: "waiting", Reason: "CreateContainerConfigError", Message: `configmap "web-settings" not found`}}
				}
			})
			missing := deploy.Fingerprint{Object: "configmap/web-settings"}
			c.Around(web, deploy.Related{Config: []deploy.Fingerprint{missing}})
			start := time.Now()
			go func() {
				time.Sleep(time.Second)
				if comes {
					missing.Hash = "x"
					c.Around(web, deploy.Related{Config: []deploy.Fingerprint{missing}})
				}
				time.Sleep(11 * time.Second)
				c.Settle(web)
			}()
			events, err := follow(t.Context(), c, deploy.FollowOptions{})
			require.NoError(t, err)
			v := events[len(events)-1].Verdict
			if comes {
				require.Equal(t, api.DeployComplete, v.Outcome, v.Message)
				return
			}
			require.Equal(t, deploy.CodeConfig, v.Code)
			require.Equal(t, 2400*time.Millisecond, time.Since(start))
			time.Sleep(time.Minute) // until the script has ended
		})
	}
}

func TestFollowEndsWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rolling(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := follow(ctx, c, deploy.FollowOptions{})
		require.Equal(t, fail.Timeout, fail.CodeOf(err))

		go func() {
			time.Sleep(time.Second)
			_, err := c.Change(context.WithoutCancel(ctx), web, deploy.Change{Delete: true})
			if err != nil {
				panic(err)
			}
		}()
		_, err = follow(t.Context(), c, deploy.FollowOptions{})
		require.Equal(t, fail.NotFound, fail.CodeOf(err))

		// A reader that goes away ends everything.
		c = rolling(t)
		for _, err := range deploy.Follow(t.Context(), c, web, deploy.FollowOptions{}) {
			require.NoError(t, err)
			break
		}
	})
}

func TestFollowIsSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rolling(t)
		s, err := c.Get(t.Context(), web)
		require.NoError(t, err)
		go func() {
			time.Sleep(time.Second)
			if _, err := c.Change(context.Background(), web, deploy.Change{Undo: "1"}); err != nil {
				panic(err)
			}
			c.Settle(web)
		}()
		events, err := follow(t.Context(), c, deploy.FollowOptions{JudgeOptions: deploy.JudgeOptions{Template: s.Template.Digest(), Generation: s.Generation}})
		require.NoError(t, err)
		require.Equal(t, deploy.CodeSuperseded, events[len(events)-1].Verdict.Code)
	})
}

// asking is a metrics backend and an Alertmanager that answer by script.
type asking struct {
	mu     sync.Mutex
	values []float64
	firing int
	err    error
}

func (a *asking) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *asking) asker() deploy.Asker {
	return deploy.Asker{
		Metric: func(context.Context, string) ([]float64, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			return append([]float64(nil), a.values...), a.err
		},
		Alert: func(context.Context, string) (int, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.firing, a.err
		},
	}
}

func exprs(t *testing.T, texts ...string) (out []deploy.Expr) {
	t.Helper()
	for _, text := range texts {
		e, err := deploy.ParseExpr(text, kubepath.Compile)
		require.NoError(t, err)
		out = append(out, e)
	}
	return out
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		name          string
		until, failIf []string
		stable, grace time.Duration
		script        func(c *deployfake.Cluster, a *asking)
		state         string
		after         time.Duration
	}{
		{
			name: "a rollout", until: []string{"rollout=complete"}, failIf: []string{"rollout=failed"}, state: api.DeployComplete, after: 3 * time.Second,
			script: func(c *deployfake.Cluster, _ *asking) { time.Sleep(3 * time.Second); c.Settle(web) },
		},
		{
			name: "a field", until: []string{"jsonpath={.status.readyReplicas}>=2"}, state: api.DeployComplete, after: 2 * time.Second,
			script: func(c *deployfake.Cluster, _ *asking) { time.Sleep(2 * time.Second); c.Settle(web) },
		},
		{
			name: "a condition", until: []string{"condition=Available"}, state: api.DeployComplete, after: time.Second,
			script: func(c *deployfake.Cluster, _ *asking) {
				time.Sleep(time.Second)
				c.Edit(web, func(s *deploy.Snapshot) { s.Conditions = []deploy.Condition{{Type: "Available", Status: "True"}} })
			},
		},
		{
			name: "a metric of all series, for a while", until: []string{"metric: errors < 1"}, stable: 10 * time.Second, state: api.DeployComplete, after: 16 * time.Second,
			script: func(_ *deployfake.Cluster, a *asking) {
				a.set(func() { a.values = []float64{0, 5} })
				time.Sleep(5 * time.Second)
				a.set(func() { a.values = []float64{0, 0} })
			},
		},
		{
			name: "what must not hold, of any series", until: []string{"rollout=complete"}, failIf: []string{"metric: errors > 1"}, grace: 4 * time.Second, state: api.DeployFailed, after: 8 * time.Second,
			script: func(_ *deployfake.Cluster, a *asking) {
				a.set(func() { a.values = []float64{0} })
				time.Sleep(3 * time.Second)
				a.set(func() { a.values = []float64{0, 5} })
			},
		},
		{
			name: "a moment of what must not hold", until: []string{"rollout=complete"}, failIf: []string{"alert: Slow firing"}, grace: 5 * time.Second, state: api.DeployComplete, after: 20 * time.Second,
			script: func(c *deployfake.Cluster, a *asking) {
				a.set(func() { a.firing = 1 })
				time.Sleep(3 * time.Second)
				a.set(func() { a.firing = 0 })
				time.Sleep(17 * time.Second)
				c.Settle(web)
			},
		},
		{
			name: "an alert that goes", until: []string{"alert: Slow absent"}, state: api.DeployComplete, after: 4 * time.Second,
			script: func(_ *deployfake.Cluster, a *asking) {
				a.set(func() { a.firing = 2 })
				time.Sleep(3 * time.Second)
				a.set(func() { a.firing = 0 })
			},
		},
		{
			name: "a backend that is away is not a no", until: []string{"alert: Slow absent"}, failIf: []string{"metric: x > 1"}, state: api.DeployComplete, after: 6 * time.Second,
			script: func(_ *deployfake.Cluster, a *asking) {
				a.set(func() { a.err = errors.New("away") })
				time.Sleep(5 * time.Second)
				a.set(func() { a.err = nil })
			},
		},
		{
			name: "a rollout that is paused", until: []string{"rollout=complete"}, state: api.DeployInconclusive, after: time.Second,
			script: func(c *deployfake.Cluster, _ *asking) {
				time.Sleep(time.Second)
				c.Edit(web, func(s *deploy.Snapshot) { s.Paused = true })
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, a := rolling(t), &asking{}
				start := time.Now()
				go c.script(cluster, a)
				synctest.Wait()
				var last api.DeployWaitEvent
				for e, err := range deploy.Wait(t.Context(), cluster, web, deploy.WaitOptions{
					Until: exprs(t, c.until...), FailIf: exprs(t, c.failIf...), Stable: c.stable, Tolerate: c.grace, Asker: a.asker(),
				}) {
					require.NoError(t, err)
					last = e
				}
				require.Equal(t, "verdict", last.Type)
				require.Equal(t, c.state, last.State, last.Message)
				require.Equal(t, c.after, time.Since(start), last.Message)
			})
		})
	}
}

func TestWaitRefusesWhatItCannotAsk(t *testing.T) {
	for _, text := range []string{"metric: x > 1", "alert: Slow firing"} {
		for _, err := range deploy.Wait(t.Context(), rolling(t), web, deploy.WaitOptions{Until: exprs(t, text)}) {
			require.Equal(t, fail.Unavailable, fail.CodeOf(err))
		}
	}
	wrong := deploy.Asker{Metric: func(context.Context, string) ([]float64, error) { return nil, fail.New(fail.Usage, "parse error") }}
	for _, err := range deploy.Wait(t.Context(), rolling(t), web, deploy.WaitOptions{Until: exprs(t, "metric: x > 1"), Asker: wrong}) {
		require.Equal(t, fail.Usage, fail.CodeOf(err), "a wrong question is not asked for ever")
	}
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(a *asking)
		state  string
		after  time.Duration
	}{
		{"recovered", func(a *asking) { time.Sleep(9 * time.Second); a.set(func() { a.values = []float64{0} }) }, api.DeployComplete, 30 * time.Second},
		{"not recovered", func(*asking) {}, api.DeployFailed, time.Minute},
		{"only just", func(a *asking) { time.Sleep(50 * time.Second); a.set(func() { a.values = []float64{0} }) }, api.DeployInconclusive, time.Minute},
		{"no data", func(a *asking) { a.set(func() { a.values = []float64{math.NaN()} }) }, api.DeployInconclusive, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &asking{values: []float64{0.5}}
				start := time.Now()
				go c.script(a)
				synctest.Wait()
				var last api.DeployWaitEvent
				for e, err := range deploy.Verify(t.Context(), exprs(t, "metric: errors < 0.1")[0], a.asker(), deploy.VerifyOptions{For: time.Minute, Stable: 20 * time.Second, Interval: 5 * time.Second}) {
					require.NoError(t, err)
					last = e
				}
				require.Equal(t, c.state, last.State, last.Message)
				require.Equal(t, c.after, time.Since(start))
			})
		})
	}
}
