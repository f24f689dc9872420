package logs_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

func TestParseLevel(t *testing.T) {
	for word, want := range map[string]logs.Level{
		"": logs.LevelUnknown, "loud": logs.LevelUnknown, "9": logs.LevelUnknown, "99": logs.LevelUnknown,
		"trace": logs.LevelTrace, "TRACE": logs.LevelTrace, "10": logs.LevelTrace, // pino
		"Debug": logs.LevelDebug, "7": logs.LevelDebug, // syslog
		"info": logs.LevelInfo, "Information": logs.LevelInfo, "notice": logs.LevelInfo, "5": logs.LevelInfo, "30": logs.LevelInfo,
		"WARNING": logs.LevelWarn, "warn": logs.LevelWarn, "4": logs.LevelWarn, "40": logs.LevelWarn,
		"err": logs.LevelError, "SEVERE": logs.LevelError, "3": logs.LevelError, "50": logs.LevelError,
		"critical": logs.LevelFatal, "panic": logs.LevelFatal, "0": logs.LevelFatal, "60": logs.LevelFatal, "emerg": logs.LevelFatal,
	} {
		require.Equal(t, want, logs.ParseLevel(word), "%q", word)
	}
}

// TestLevelsAreWhatIsParsed: the words for stores and the rule for entries are
// one rule.
func TestLevelsAreWhatIsParsed(t *testing.T) {
	for l := logs.LevelTrace; l <= logs.LevelFatal; l++ {
		words := logs.Levels(l)
		require.Contains(t, words, l.String())
		require.Contains(t, words, strings.ToUpper(l.String()))
		seen := map[string]bool{}
		for _, w := range words {
			require.False(t, seen[w], "%s twice", w)
			seen[w] = true
			require.GreaterOrEqual(t, logs.ParseLevel(w), l, w)
		}
		if l > logs.LevelTrace {
			require.NotContains(t, words, (l - 1).String())
		}
		require.Equal(t, l.String(), logs.Normal(strings.ToUpper(l.String())))
	}
	require.Equal(t, logs.LevelWarn, logs.ParseLevel(" warn "))
	require.Empty(t, logs.Levels(logs.LevelUnknown))
	require.Equal(t, "weird", logs.Normal("weird"))
}

func TestCompileRefuses(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name   string
		filter api.LogFilter
		says   string
	}{
		{"a level", api.LogFilter{Level: "loud"}, `"loud" is no level`},
		{"an expression", api.LogFilter{Grep: "a("}, "missing closing )"},
		{"a long expression", api.LogFilter{Grep: strings.Repeat("a", 5000)}, "over 4096 bytes"},
		{"where", api.LogFilter{Where: "status >="}, ""},
		{"a window", api.LogFilter{From: now, To: now.Add(-time.Hour)}, "ends before it begins"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := logs.Compile(c.filter)
			require.Equal(t, fail.Usage, fail.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.NotEmpty(t, err.Error())
		})
	}
}

func TestMatches(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := api.LogEntry{
		ID: "1", Time: at, Level: "WARNING", Service: "chat", Message: "Upstream timeout after 30s", Trace: "abc",
		Fields: json.RawMessage(`{"http":{"status":504},"event":{"duration":250000000}}`),
	}
	for _, c := range []struct {
		name   string
		filter api.LogFilter
		want   bool
	}{
		{"nothing", api.LogFilter{}, true},
		{"words in any case and order", api.LogFilter{Text: "TIMEOUT upstream"}, true},
		{"a word that is not there", api.LogFilter{Text: "timeout refused"}, false},
		{"service", api.LogFilter{Service: []string{"predict", "chat"}}, true},
		{"another service", api.LogFilter{Service: []string{"predict"}}, false},
		{"level in another spelling", api.LogFilter{Level: "warn"}, true},
		{"a worse level", api.LogFilter{Level: "error"}, false},
		{"trace level is all", api.LogFilter{Level: "trace"}, true},
		{"grep", api.LogFilter{Grep: `after \d+s`}, true},
		{"grep minds the case", api.LogFilter{Grep: "upstream"}, false},
		{"trace", api.LogFilter{Trace: "abc"}, true},
		{"another trace", api.LogFilter{Trace: "abd"}, false},
		{"where", api.LogFilter{Where: "http.status >= 500 && duration > 200ms"}, true},
		{"where not", api.LogFilter{Where: "http.status >= 500 && duration > 300ms"}, false},
		{"from it on", api.LogFilter{From: at}, true},
		{"before it", api.LogFilter{To: at}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := logs.Compile(c.filter)
			require.NoError(t, err)
			require.Equal(t, c.want, logs.Matches(q, &e))
		})
	}
	q, err := logs.Compile(api.LogFilter{Level: "warn"})
	require.NoError(t, err)
	require.False(t, logs.Matches(q, &api.LogEntry{Message: "no level"}), "an entry without a level is not known to be bad")
}

func TestDigestTellsQueriesApart(t *testing.T) {
	seen := map[string]api.LogFilter{}
	for _, f := range []api.LogFilter{
		{},
		{Text: "a"},
		{Grep: "a"},
		{Where: `a == "a"`},
		{Trace: "a"},
		{Raw: "a"},
		{Level: "warn"},
		{Level: "error"},
		{Service: []string{"a", "b"}},
		{Service: []string{"a b"}},
		{Service: []string{"ab"}},
	} {
		q, err := logs.Compile(f)
		require.NoError(t, err)
		d := logs.Digest(q)
		require.NotContains(t, seen, d, "%+v and %+v", f, seen[d])
		seen[d] = f
	}
	a, _ := logs.Compile(api.LogFilter{Service: []string{"a", "b"}, From: time.Unix(1, 0)})
	b, _ := logs.Compile(api.LogFilter{Service: []string{"b", "a"}})
	require.Equal(t, logs.Digest(a), logs.Digest(b), "neither order nor window is part of the question")
}
