package past

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// Ask asks for the signals of a window, all at once. What did not answer is
// missing in them, and the error says why the first that is missing is; the
// others are good.
func Ask(ctx context.Context, c op.Caller, from, to time.Time) (Signals, error) {
	var s Signals
	var errs [4]error
	var wg sync.WaitGroup
	queries := Queries(to.Sub(from))
	for i, answer := range s.each() {
		wg.Go(func() {
			*answer, errs[i] = api.MetricsRange.Call(ctx, c, api.MetricRangeInput{Query: queries[i], From: from.UTC(), To: to.UTC()})
		})
	}
	wg.Wait()
	return s, cmp.Or(errs[:]...)
}
