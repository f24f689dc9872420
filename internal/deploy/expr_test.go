package deploy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/fail"
)

func TestParseExpr(t *testing.T) {
	type want struct {
		kind            deploy.ExprKind
		left, op, right string
	}
	for text, w := range map[string]want{
		"condition=Available":                        {deploy.ExprCondition, "Available", "=", "True"},
		" condition = Ready=False ":                  {deploy.ExprCondition, "Ready", "=", "False"},
		"condition=Ready==Unknown":                   {deploy.ExprCondition, "Ready", "=", "Unknown"},
		"rollout=complete":                           {deploy.ExprRollout, "", "=", "complete"},
		"jsonpath={.status.readyReplicas}=3":         {deploy.ExprPath, "{.status.readyReplicas}", "=", "3"},
		"jsonpath={.status.readyReplicas} >= 3":      {deploy.ExprPath, "{.status.readyReplicas}", ">=", "3"},
		`jsonpath={.a[?(@.t=="}")].s}=="x y"`:        {deploy.ExprPath, `{.a[?(@.t=="}")].s}`, "=", "x y"},
		"jsonpath={.metadata.name}":                  {deploy.ExprPath, "{.metadata.name}", "", ""},
		"metric: up > 0.5":                           {deploy.ExprMetric, "up", ">", "0.5"},
		"metric:rate(x{a=\">\"}[5m]) / 2 <= 1e-3":    {deploy.ExprMetric, `rate(x{a=">"}[5m]) / 2`, "<=", "1e-3"},
		"metric: count(up == 0) < 1":                 {deploy.ExprMetric, "count(up == 0)", "<", "1"},
		"metric: sum by (a, b) (x) != -1":            {deploy.ExprMetric, "sum by (a, b) (x)", "!=", "-1"},
		"metric: a > 1 == 3":                         {deploy.ExprMetric, "a > 1", "=", "3"},
		"alert: Slow firing":                         {deploy.ExprAlert, "Slow", "=", "firing"},
		"alert: severity=critical service=~a absent": {deploy.ExprAlert, "severity=critical service=~a", "=", "absent"},
	} {
		t.Run(text, func(t *testing.T) {
			e, err := deploy.ParseExpr(text, kubepath.Compile)
			require.NoError(t, err)
			got := want{e.Kind, e.Left, e.Op, e.Right}
			require.Equal(t, w, got)
			require.Equal(t, strings.TrimSpace(text), e.Text)
		})
	}
}

// TestCarets: the error of a mistake points to its place.
func TestCarets(t *testing.T) {
	for text, caret := range map[string]int{
		"":                           0,
		"foo=bar":                    0,
		"condition":                  9,
		"condition: Available":       9,
		"condition=":                 10,
		"condition=Ready=":           16,
		"rollout=done":               8,
		"jsonpath=.status":           9,
		"jsonpath={.status":          9,
		"jsonpath={.a[}=1":           9,
		"jsonpath={.a} ~ 3":          14,
		"jsonpath={.a} =":            15,
		"jsonpath={.a} < x":          16,
		`jsonpath={.a} = "x`:         16,
		"metric:":                    7,
		"metric: up":                 10,
		"metric: > 1":                8,
		"metric: up > x":             13,
		"metric: up > NaN":           13,
		"metric: (up > 1":            15,
		"metric: up) > 1":            10,
		`metric: up{a="b} > 1`:       20,
		"alert: Slow":                7,
		"alert: Slow burning":        12,
		"alert: firing":              7,
		"metric: größe{a=\"ü\"} > x": 23,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := deploy.ParseExpr(text, kubepath.Compile)
			require.Equal(t, fail.Usage, fail.CodeOf(err))
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, 3, err)
			require.Equal(t, "  "+text, lines[1])
			require.Equal(t, caret, strings.IndexByte(lines[2], '^')-2, err)
		})
	}
}

func FuzzParseExpr(f *testing.F) {
	for _, s := range []string{
		"condition=Available", "jsonpath={.a[?(@.b==\"}\")]}>=1", "metric: rate(x{a=\"\\\"\"}[5m]) > 0.1", "alert: X firing", "rollout=failed", "metric: `", "jsonpath={", "\x00", "metric: é > ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := deploy.ParseExpr(text, kubepath.Compile)
		if err != nil {
			require.Equal(t, fail.Usage, fail.CodeOf(err))
			return
		}
		again, err := deploy.ParseExpr(e.Text, kubepath.Compile)
		require.NoError(t, err)
		require.Equal(t, []string{string(e.Kind), e.Left, e.Op, e.Right}, []string{string(again.Kind), again.Left, again.Op, again.Right})
	})
}
