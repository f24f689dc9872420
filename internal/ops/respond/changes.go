package respond

import (
	"context"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func bindChanges(r *op.Registry, d Deps) {
	op.BindQuery(r, api.ChangesList, func(ctx context.Context, in api.ChangeFilter) (api.ChangeList, error) {
		if in.To.IsZero() {
			in.To = d.Now()
		}
		if in.From.IsZero() {
			in.From = in.To.Add(-time.Hour)
		}
		if !in.From.Before(in.To) {
			return api.ChangeList{}, fail.New(fail.Usage, "the window ends before it begins").Hint("--from must be before --to")
		}
		out, err := d.changesIn(ctx, changes.Query{From: in.From, To: in.To, Namespace: in.Namespace})
		if err != nil {
			return out, err
		}
		out.Changes = changes.Filter(out.Changes, in.Service, in.Kind)
		return out, nil
	})
}

// changesIn collects what changed; what cannot be asked is in Failed. It fails
// where there is nothing that could be asked, or nothing answered.
func (d Deps) changesIn(ctx context.Context, q changes.Query) (api.ChangeList, error) {
	none := api.ChangeList{Changes: []api.Change{}, From: q.From, To: q.To, Failed: []api.BackendFailure{}, Warnings: []string{}}
	if d.Changes == nil {
		return none, fail.New(fail.Unavailable, "this context has nothing that could tell what changed").
			Hint("aictl up, or name a kubeconfig in the context: aictl config view")
	}
	if q.Namespace == "" {
		q.Namespace = d.Namespace
	}
	sources, err := d.Changes(ctx)
	if err != nil && len(sources) == 0 {
		return none, err
	}
	out := changes.Collect(ctx, sources, q)
	if err != nil { // one more could not even be opened
		e := fail.From(err)
		out.Failed = append(out.Failed, api.BackendFailure{Backend: "kubernetes", Code: e.Code, Message: e.Error(), Next: e.Next})
	}
	if len(out.Failed) > 0 && len(out.Failed) == len(sources) && len(out.Changes) == 0 {
		f := out.Failed[0]
		return out, fail.New(f.Code, "no source of changes answers: %s", f.Message).Hint("%s", f.Next)
	}
	slices.SortFunc(out.Failed, func(a, b api.BackendFailure) int {
		if a.Backend < b.Backend {
			return -1
		}
		return 1
	})
	return out, nil
}
