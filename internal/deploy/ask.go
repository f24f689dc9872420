package deploy

import "context"

// Ask evaluates a metric expression once: what it comes to, and the value in
// one line. No data is Unknown.
func (e Expr) Ask(ctx context.Context, a Asker) (Truth, string, error) {
	return askMetric(ctx, a, e, false)
}
