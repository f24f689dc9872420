package respond

import (
	"context"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/incident/runbook"
	"github.com/aictl/aictl/internal/op"
)

func bindRunbooks(r *op.Registry, d Deps) {
	all := func(ctx context.Context) ([]api.Runbook, error) {
		if d.Runbooks == nil {
			return nil, nil
		}
		documents, err := d.Runbooks(ctx)
		if err != nil {
			return nil, err
		}
		return runbook.Library(documents)
	}
	op.BindQuery(r, api.RunbooksList, func(ctx context.Context, in api.RunbookFilter) ([]api.Runbook, error) {
		list, err := all(ctx)
		if in.Alert != "" {
			list = runbook.For(list, in.Alert, "")
		}
		if list == nil {
			list = []api.Runbook{}
		}
		return list, err
	})
	op.BindQuery(r, api.RunbooksShow, func(ctx context.Context, in api.RunbookInput) (api.Runbook, error) {
		list, err := all(ctx)
		if err != nil {
			return api.Runbook{}, err
		}
		return runbook.Find(list, in.Name)
	})
}
