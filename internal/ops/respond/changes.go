package respond

import "github.com/aictl/aictl/internal/op"

func bindChanges(r *op.Registry, d Deps) {
	_, _ = r, d
}
