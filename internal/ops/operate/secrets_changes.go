package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
)

func bindSecretChanges(r *op.Registry, d Deps) {
	op.BindChange(r, api.SecretsSet, func(ctx context.Context, in api.SecretSetInput) (op.Planned[api.Secret], error) {
		return secretsSet(ctx, d, in)
	})
	op.BindChange(r, api.SecretsDelete, func(ctx context.Context, in api.SecretDeleteInput) (op.Planned[api.Deleted], error) {
		return secretsDelete(ctx, d, in)
	})
	op.BindChange(r, api.SecretsSync, func(ctx context.Context, in api.SecretSyncInput) (op.Planned[api.SecretSync], error) {
		return secretsSync(ctx, d, in)
	})
	op.BindChange(r, api.SecretsRotate, func(ctx context.Context, in api.SecretRotateInput) (op.Planned[api.SecretRotation], error) {
		if in.Resume != "" || in.Abort != "" {
			return secretsResume(ctx, d, in)
		}
		return secretsRotate(ctx, d, in)
	})
}

// newValue is the value of the request, or how one will be made: a made value
// exists only once the plan is applied.
func newValue(given []byte, generate int, charset string) (v secrets.Value, words string, err error) {
	switch {
	case generate != 0 && len(given) > 0:
		return v, "", fail.New(fail.Usage, "a value is either given or made, not both").Hint("leave --generate away")
	case generate != 0:
		trial, err := secrets.Generate(generate, charset)
		trial.Close()
		if charset == "" {
			charset = "alnum"
		}
		return v, fmt.Sprintf("a made value of %d characters (%s)", generate, charset), err
	case len(given) == 0:
		return v, "", fail.New(fail.Usage, "the value is empty").Hint("give it on standard input, with --from-file, or --generate 32")
	case len(given) > secrets.MaxValue:
		return v, "", fail.New(fail.TooLarge, "the value is over %d KiB", secrets.MaxValue>>10).
			Hint("keep a reference or a key in the store, and the large thing elsewhere")
	}
	return secrets.NewValue(given), "", nil
}

// make gives the value to write.
func makeValue(v secrets.Value, generate int, charset string) (secrets.Value, error) {
	if generate == 0 {
		return v, nil
	}
	return secrets.Generate(generate, charset)
}

func tagsOf(pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil //nolint:nilnil // no tags
	}
	out := map[string]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fail.New(fail.Usage, "a tag is NAME=VALUE").Hint("--tag max-age=90d")
		}
		out[name] = value
	}
	return out, nil
}

func secretsSet(ctx context.Context, d Deps, in api.SecretSetInput) (op.Planned[api.Secret], error) {
	var none op.Planned[api.Secret]
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return none, err
	}
	v, words, err := newValue(in.Value, in.Generate, in.Charset)
	if err != nil {
		return none, err
	}
	s, r, err := d.secret(ctx, in.Ref)
	if err != nil {
		return none, err
	}
	if words == "" {
		words = "fingerprint " + s.FingerprintOf(v).Short()
	}
	w := secrets.Write{Action: "set", PutOptions: secrets.PutOptions{Tags: tags}}
	step := op.Step{Action: "create", Object: r.String(), Detail: words}
	same := false
	switch have, now, err := present(ctx, s, r); {
	case err != nil:
		return none, err
	case have == nil:
		w.IfAbsent = true
	case in.New:
		return none, fail.New(fail.Conflict, "%s exists already", r).Hint("aictl secrets get %s", r)
	default:
		w.IfVersion = have.Version
		step.Action = "update"
		if have.Version != "" {
			step.Detail += ", in place of version " + have.Version
		}
		if now != "" {
			step.Detail += " (fingerprint " + now.Short() + ")"
		}
		if have.Managed != "" {
			step.Detail += "; " + have.Managed + " manages it and may undo the write"
		}
		same = in.Generate == 0 && now == s.FingerprintOf(v) && len(tags) == 0
	}
	plan := op.Plan{Target: r.String(), Summary: "Write the secret " + r.String(), Steps: []op.Step{step}}
	if same {
		plan.Summary, plan.Steps = r.String()+" holds this value already", nil
	}
	return op.Planned[api.Secret]{Plan: plan, Apply: func(ctx context.Context) (api.Secret, error) {
		defer v.Close()
		if same {
			info, err := s.Stat(ctx, r)
			if err != nil {
				return api.Secret{}, err
			}
			return secretOf(s, named(s, r.Store), info), nil
		}
		fresh, err := makeValue(v, in.Generate, in.Charset)
		if err != nil {
			return api.Secret{}, err
		}
		defer fresh.Close()
		w.By, w.Reason = caller(ctx), op.Reason(ctx)
		info, err := s.Put(ctx, r, fresh, w)
		if err != nil {
			return api.Secret{}, err
		}
		out := secretOf(s, named(s, r.Store), info)
		out.Ref, out.Fingerprint = r.String(), string(s.FingerprintOf(fresh))
		return out, nil
	}}, nil
}

// present gives what is there, with the fingerprint where it can be read; nil
// where there is nothing.
func present(ctx context.Context, s *secrets.Stores, r secrets.Ref) (*secrets.Info, secrets.Fingerprint, error) {
	v, info, err := s.Get(ctx, r, "")
	switch fail.CodeOf(err) { //nolint:exhaustive // every other code is a failure
	case fail.OK:
		defer v.Close()
		return info, s.FingerprintOf(v), nil
	case fail.NotFound:
		return nil, "", nil
	case fail.Refused, fail.Forbidden: // can't be read, may be written
		info, err := s.Stat(ctx, r)
		if fail.CodeOf(err) == fail.NotFound {
			return nil, "", nil
		}
		return info, "", err
	}
	return nil, "", err
}

func secretsDelete(ctx context.Context, d Deps, in api.SecretDeleteInput) (op.Planned[api.Deleted], error) {
	var none op.Planned[api.Deleted]
	s, r, err := d.secret(ctx, in.Ref)
	if err != nil {
		return none, err
	}
	info, err := s.Stat(ctx, r)
	if err != nil {
		return none, err
	}
	steps := []op.Step{{Action: "delete", Object: r.String(), Detail: "version " + info.Version}}
	if info.Version == "" {
		steps[0].Detail = ""
	}
	uses, _, err := s.Uses(ctx, []secrets.Ref{r})
	if err != nil {
		return none, err
	}
	for _, u := range uses {
		steps = append(steps, op.Step{Action: "break", Object: u.Consumer.String(), Detail: "it refers to the secret, and will not start again"})
	}
	return op.Planned[api.Deleted]{
		Plan: op.Plan{Target: r.String(), Summary: "Delete the secret " + r.String(), Steps: steps},
		Apply: func(ctx context.Context) (api.Deleted, error) {
			o := secrets.DeleteOptions{IfVersion: info.Version, Recovery: time.Duration(in.Recovery), Force: in.Force}
			if err := s.Delete(ctx, r, o, secrets.Write{By: caller(ctx), Reason: op.Reason(ctx)}); err != nil {
				return api.Deleted{}, err
			}
			return api.Deleted{Name: r.String(), Deleted: true}, nil
		},
	}, nil
}

func secretsSync(ctx context.Context, d Deps, in api.SecretSyncInput) (op.Planned[api.SecretSync], error) {
	var none op.Planned[api.SecretSync]
	from, to, err := sides(in.From, in.To)
	if err != nil {
		return none, err
	}
	s, err := d.secrets(ctx)
	if err != nil {
		return none, err
	}
	steps, err := s.PlanSync(ctx, from, to, secrets.SyncOptions{Names: in.Map, Prefix: in.Names, Prune: in.Prune})
	if err != nil {
		return none, err
	}
	plan := op.Plan{Target: to.String()}
	for _, x := range steps {
		if x.Action == secrets.SyncSkip {
			continue
		}
		step := op.Step{Action: string(x.Action), Object: x.To.String(), Detail: x.Reason}
		if x.Action != secrets.SyncDelete {
			step.Detail = "from " + x.From.String() + ", fingerprint " + x.Print.Short() + ": " + x.Reason
		} else {
			plan.Effect = op.Destroy
		}
		plan.Steps = append(plan.Steps, step)
	}
	plan.Summary = fmt.Sprintf("Copy %d of %d secrets from %s to %s", len(plan.Steps), len(steps), from, to)
	return op.Planned[api.SecretSync]{Plan: plan, Apply: func(ctx context.Context) (api.SecretSync, error) {
		out := api.SecretSync{Secrets: []api.SecretSynced{}}
		for _, x := range steps {
			done := api.SecretSynced{Action: string(x.Action), From: refText(x.From), To: x.To.String(), Reason: x.Reason}
			err := ctx.Err()
			if err == nil {
				err = s.ApplySync(ctx, x, caller(ctx), op.Reason(ctx))
			}
			switch {
			case err != nil:
				out.Failed++
				done.Error = fail.From(err).Error()
			case x.Action != secrets.SyncSkip:
				out.Done++
			}
			out.Secrets = append(out.Secrets, done)
		}
		return out, nil
	}}, nil
}

func secretsRotate(ctx context.Context, d Deps, in api.SecretRotateInput) (op.Planned[api.SecretRotation], error) {
	var none op.Planned[api.SecretRotation]
	v, words, err := newValue(in.Value, in.Generate, in.Charset)
	if err != nil {
		return none, err
	}
	if in.For < 0 || time.Duration(in.For) > time.Hour || in.Patience <= 0 || time.Duration(in.Patience) > 6*time.Hour {
		return none, fail.New(fail.Usage, "--for is an hour at most, and --patience six").Hint("--for 1m --patience 10m")
	}
	s, r, err := d.secret(ctx, in.Ref)
	if err != nil {
		return none, err
	}
	o := secrets.RotateOptions{Verify: in.Verify, VerifyFor: time.Duration(in.For), KeepOld: in.KeepOld, Overwrite: in.Overwrite}
	for _, t := range in.To {
		to, err := secrets.ParseRef(t)
		if err != nil {
			return none, err
		}
		o.To = append(o.To, to)
	}
	x, err := s.PlanRotation(ctx, r, o)
	if err != nil {
		return none, err
	}
	if words == "" {
		words = "fingerprint " + s.FingerprintOf(v).Short()
	}
	return op.Planned[api.SecretRotation]{Plan: rotationPlan(x, words), Apply: func(ctx context.Context) (api.SecretRotation, error) {
		defer v.Close()
		fresh, err := makeValue(v, in.Generate, in.Charset)
		if err != nil {
			return api.SecretRotation{}, err
		}
		defer fresh.Close()
		x.By, x.Reason = caller(ctx), op.Reason(ctx)
		x, err = s.Rotate(ctx, x, fresh, timing(in.Patience))
		return rotationOf(x), err
	}}, nil
}

// rotationPlan names every stage. It holds nothing that changes by itself (an
// ID, a time), so that its digest is that of what will happen.
func rotationPlan(x *secrets.Rotation, words string) op.Plan {
	p := op.Plan{Target: x.Ref.String(), Summary: "Rotate " + x.Ref.String() + "; any failure restores the old value"}
	add := func(action, object, format string, args ...any) {
		p.Steps = append(p.Steps, op.Step{Action: action, Object: object, Detail: fmt.Sprintf(format, args...)})
	}
	add("write", x.Ref.String(), "%s, beside version %s (fingerprint %s)", words, x.Old, x.OldPrint.Short())
	add("promote", x.Ref.String(), "readers get the new version")
	for _, t := range x.Targets {
		if t.Create {
			add("create", t.Ref.String(), "a copy")
			continue
		}
		if t.Version == "" {
			add("copy", t.Ref.String(), "in place of the old value")
			continue
		}
		add("copy", t.Ref.String(), "in place of version %s", t.Version)
	}
	for _, c := range x.Consumers {
		add("restart", c.String(), "and wait until every replica began after the copies were written")
	}
	if x.Verify != "" {
		add("verify", x.Verify, "for %s", x.VerifyFor)
	}
	if x.KeepOld {
		add("keep", x.Ref.String(), "version %s stays readable", x.Old)
	} else {
		add("revoke", x.Ref.String(), "version %s, for good", x.Old)
	}
	return p
}

func secretsResume(ctx context.Context, d Deps, in api.SecretRotateInput) (op.Planned[api.SecretRotation], error) {
	var none op.Planned[api.SecretRotation]
	id, abort := in.Resume, false
	if in.Abort != "" {
		if in.Resume != "" {
			return none, fail.New(fail.Usage, "a rotation either goes on or back").Hint("give --resume or --abort")
		}
		id, abort = in.Abort, true
	}
	s, r, err := d.secret(ctx, in.Ref)
	if err != nil {
		return none, err
	}
	all, err := s.Rotations(ctx)
	if err != nil {
		return none, err
	}
	for _, x := range all {
		if x.ID != id || x.Ref != r {
			continue
		}
		if !x.Step.Open() {
			return none, fail.New(fail.Refused, "the rotation %s has ended: %s", id, x.Step).Hint("aictl secrets rotations")
		}
		plan := op.Plan{Target: r.String(), Summary: "Go on with the rotation " + id, Steps: []op.Step{{Action: "resume", Object: r.String(), Detail: "from the step " + string(x.Step)}}}
		if abort {
			plan.Summary, plan.Steps[0].Action = "Restore the old value of "+r.String(), "restore"
		}
		return op.Planned[api.SecretRotation]{Plan: plan, Apply: func(ctx context.Context) (api.SecretRotation, error) {
			x, err := s.Resume(ctx, id, abort, timing(in.Patience))
			if x == nil {
				return api.SecretRotation{}, err
			}
			if abort && err != nil && x.Step == secrets.StepRestored { // it is what was asked for
				err = nil
			}
			return rotationOf(x), err
		}}, nil
	}
	return none, fail.New(fail.NotFound, "there is no rotation %q of %s", id, r).Hint("aictl secrets rotations --open")
}
