package why

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVerifyForIsTwiceTheWindow(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]time.Duration{
		"":                               2 * time.Minute,
		"up":                             2 * time.Minute,
		"rate(x_total[5m])":              10 * time.Minute,
		"rate(x_total[30s])":             2 * time.Minute,
		"service:errors:rate10m":         20 * time.Minute,
		"x:ratio_rate1h{s=\"a\"}":        30 * time.Minute,
		"a:p95_1m / b:p50_5m":            10 * time.Minute,
		"x2 + http2_total > 500m":        2 * time.Minute,
		"rate(x[99999999999999999999m])": 2 * time.Minute,
		"x{service=\"v5\"}":              2 * time.Minute,
	} {
		require.Equal(t, want, verifyFor(expr), expr)
	}
}
