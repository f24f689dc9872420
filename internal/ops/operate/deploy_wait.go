package operate

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/asker"
	"github.com/aictl/aictl/internal/fail"
)

// minInterval is how often a wait may ask.
const minInterval = 200 * time.Millisecond

func deployWait(ctx context.Context, d Deps, in api.DeployWaitInput) iter.Seq2[api.DeployWaitEvent, error] {
	return func(yield func(api.DeployWaitEvent, error) bool) {
		o, err := d.waitOptions(in)
		if err != nil {
			yield(api.DeployWaitEvent{}, err)
			return
		}
		c, s, err := d.find(ctx, in.WorkloadName)
		if err != nil {
			yield(api.DeployWaitEvent{}, err)
			return
		}
		for e, err := range deploy.Wait(ctx, c, refOf(s), o) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// waitOptions parses the expressions. Without any the wait is for the rollout,
// and ends when it fails.
func (d Deps) waitOptions(in api.DeployWaitInput) (deploy.WaitOptions, error) {
	o := deploy.WaitOptions{
		FollowOptions: deploy.FollowOptions{Now: d.now, JudgeOptions: deploy.JudgeOptions{Engine: in.Engine}},
		Tolerate:      time.Duration(in.Grace), Stable: time.Duration(in.Stable), Interval: time.Duration(in.Interval), Asker: d.asker(),
	}
	if o.Interval < minInterval || o.Tolerate < 0 || o.Stable < 0 {
		return o, fail.New(fail.Usage, "--interval is at least %s, and --grace and --stable are not below nothing", minInterval).Hint("--interval 2s --grace 30s")
	}
	until, failIf := in.Until, in.FailIf
	if len(until) == 0 {
		until = []string{"rollout=complete"}
		if len(failIf) == 0 {
			failIf = []string{"rollout=failed"}
		}
	}
	for _, list := range []struct {
		texts []string
		into  *[]deploy.Expr
	}{{until, &o.Until}, {failIf, &o.FailIf}} {
		for _, text := range list.texts {
			e, err := deploy.ParseExpr(text, d.Paths)
			if err != nil {
				return o, err
			}
			if e.Kind == deploy.ExprAlert {
				if _, err := alerts.Parse(e.Left); err != nil {
					return o, fail.Wrap(fail.CodeOf(err), err, "reading %q", e.Text)
				}
			}
			*list.into = append(*list.into, e)
		}
	}
	return o, nil
}

// asker asks metrics and alerts, where the context has them.
func (d Deps) asker() deploy.Asker { return asker.Of(d.Metrics, d.Alerts) }

func deployVerify(ctx context.Context, d Deps, in api.DeployVerifyInput) iter.Seq2[api.DeployWaitEvent, error] {
	return func(yield func(api.DeployWaitEvent, error) bool) {
		o := deploy.VerifyOptions{For: time.Duration(in.For), Stable: time.Duration(in.Stable), Interval: time.Duration(in.Interval), Now: d.now}
		if o.Stable == 0 {
			o.Stable = o.For / 3
		}
		o.Interval = min(o.Interval, max(o.Stable/4, minInterval))
		e, err := deploy.ParseExpr("metric: "+in.Expr, d.Paths)
		switch {
		case err != nil:
		case o.For <= 0 || o.Stable > o.For || o.Stable < 0:
			err = fail.New(fail.Usage, "a verification takes some time, and no longer than --for").Hint("--for 5m")
		}
		if err != nil {
			yield(api.DeployWaitEvent{}, err)
			return
		}
		for e, err := range deploy.Verify(ctx, e, d.asker(), o) {
			if !yield(e, err) {
				return
			}
		}
	}
}
