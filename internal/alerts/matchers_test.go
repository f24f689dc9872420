package alerts

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"HighErrors", `alertname="HighErrors"`},
		{"severity=critical", `severity="critical"`},
		{`severity = "critical" service!=chat`, `severity="critical" service!="chat"`},
		{`{severity="critical", service=~"a|b"}`, `severity="critical" service=~"a|b"`},
		{"severity=~warning|info", `severity=~"warning|info"`},
		{"instance!~web.*,job=x", `instance!~"web.*" job="x"`},
		{`summary="a b, c"`, `summary="a b, c"`},
		{`summary="say \"hi\""`, `summary="say \"hi\""`},
		{`größe="ü"`, `größe="ü"`},
		{`"odd name"=x`, `"odd name"="x"`},
		{"a=", `a=""`},
		{"a =b c= d e = f", `a="b" c="d" e="f"`},
		{"a=,b=c", `a="" b="c"`},
		{"token=abc= b=c", `token="abc=" b="c"`},
		{`"a=b"`, `alertname="a=b"`},
		{`"say \"x\""`, `alertname="say \"x\""`},
		{`a=~"\d+"`, `a=~"\\d+"`},
		{`a=~(x|y)`, `a=~"(x|y)"`},
		{`"odd name" =~ "x y"`, `"odd name"=~"x y"`},
		{"a\r\n\tb=c", `alertname="a" b="c"`},
		{"Disk/Full(90%)", `alertname="Disk/Full(90%)"`},
	} {
		m, err := Parse(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, m.String())
		again, err := Parse(m.String())
		require.NoError(t, err, m.String())
		require.Equal(t, m.String(), again.String())
	}
	for _, wrong := range []string{
		`a="b`, "a=~(", "=x", "a=~*", string(make([]byte, 5000)), "\xff", "a=~x{1,2}", `{a="b"} {c="d"}`, `a=b}`[1:] + "x", "{a", `""=x`,
		`a="b"c"`, `a==b"c"`, strings.Repeat("a=b ", 65), "!=", "=~ x", `x{a="b"}`,
	} {
		_, err := Parse(wrong)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%.20q", wrong)
	}
}

// TestJoin: every argument of a command stays what it was, whatever the shell
// has done to its quotes.
func TestJoin(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"severity=critical", "HighErrors"}, `severity="critical" alertname="HighErrors"`},
		{[]string{"summary=disk is full, again"}, `summary="disk is full, again"`},
		{[]string{`summary=say "hi" x=y`}, `summary="say \"hi\" x=y"`},
		{[]string{`summary="a b"`}, `summary="a b"`},
		{[]string{`code=~5\d{2,3}`}, `code=~"5\\d{2,3}"`},
		{[]string{`code=~"5\d{2,3} x"`}, `code=~"5\\d{2,3} x"`},
		{[]string{`{severity="critical", service=~"a|b"}`}, `severity="critical" service=~"a|b"`},
		{[]string{`severity="critical" service=~"a b"`}, `severity="critical" service=~"a b"`},
		{[]string{"severity", "=", "critical"}, `severity="critical"`},
		{[]string{"severity = a b"}, `severity="a b"`},
		{[]string{`"odd name"=x y`}, `"odd name"="x y"`},
		{[]string{"größe!=ü ü"}, `größe!="ü ü"`},
		{[]string{"a=", "b=c"}, `a="" b="c"`},
		{[]string{"disk is full"}, `alertname="disk is full"`},
		{[]string{`a=x"y`}, `a="x\"y"`},
		{[]string{"a=b,c=d"}, `a="b" c="d"`},
		{nil, ""},
	} {
		m, err := Parse(Join(c.args))
		require.NoError(t, err, "%q gives %s", c.args, Join(c.args))
		require.Equal(t, c.want, m.String(), "%q", c.args)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{a="b",c=~"d|e"}`, "x", `"ä b"!~"\\d+"`, "a = b", "= =", `a="\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := Parse(s)
		if err != nil {
			if fail.CodeOf(err) != fail.Usage {
				t.Fatal(err)
			}
			return
		}
		if len(m.String()) > maxMatcher { // quotes have made it longer
			return
		}
		again, err := Parse(m.String())
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q gives %q, which reads as %q (%v)", s, m, again, err)
		}
	})
}

// TestMatchersAreAlertmanagers holds Hit against the evaluation of
// Alertmanager's own package over generated matchers and labels.
func TestMatchersAreAlertmanagers(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's dice
	pick := func(list ...string) string { return list[dice.IntN(len(list))] }
	names := []string{"alertname", "severity", "größe", "a b", "missing"}
	values := []string{"", "x", "xx", "critical", "ü", "a.b", "a\nb", "X"}
	regexps := []string{"", "x", "x+", ".*", ".+", "critical|x", "^x$", "(?i)x", "a.b", "[^x]"}
	for range 20_000 {
		set, theirs := map[string]string{}, model.LabelSet{}
		for _, n := range names {
			if dice.IntN(2) == 0 {
				v := pick(values...)
				set[n], theirs[model.LabelName(n)] = v, model.LabelValue(v)
			}
		}
		var ours Matchers
		var own labels.Matchers
		for range 1 + dice.IntN(3) {
			isRegexp, isEqual := dice.IntN(2) == 0, dice.IntN(2) == 0
			value := pick(values...)
			if isRegexp {
				value = pick(regexps...)
			}
			m, err := New(pick(names...), value, isRegexp, isEqual)
			require.NoError(t, err)
			name, v, re, eq := Wire(m)
			require.Equal(t, []any{m.Name, value, isRegexp, isEqual}, []any{name, v, re, eq})
			ours, own = append(ours, m), append(own, m)
		}
		require.Equal(t, own.Matches(theirs), ours.Hit(set), "%s over %v", ours, set)
		parsed, err := Parse(ours.String())
		require.NoError(t, err, ours.String())
		require.Equal(t, ours.Hit(set), parsed.Hit(set), ours.String())
	}
}

func TestExactlyHitsJustTheseLabels(t *testing.T) {
	m := Exactly(map[string]string{"alertname": "A", "b": `"x" y`})
	require.Equal(t, `alertname="A" b="\"x\" y"`, m.String())
	require.True(t, m.Hit(map[string]string{"alertname": "A", "b": `"x" y`}))
	require.False(t, m.Hit(map[string]string{"alertname": "A"}))
}
