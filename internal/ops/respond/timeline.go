package respond

import "github.com/aictl/aictl/internal/op"

func bindTimeline(r *op.Registry, d Deps) {
	_, _ = r, d
}
