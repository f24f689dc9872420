package why

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/ml/changepoint"
	"github.com/aictl/aictl/internal/op"
)

func line(words ...string) string { return argv.Line(append([]string{"aictl"}, words...)...) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func number(v float64) *op.Number { n := op.Number(v); return &n }

// digest names a fact by what it is.
func digest(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:5])
}

// metricFact is a shift as evidence.
func (a *analysis) metricFact(service, what, query string, s changepoint.Shift) api.Fact {
	word := "rose"
	if s.After < s.Before {
		word = "fell"
	}
	return api.Fact{
		ID: digest("met", query, stamp(a.when(s.Onset))), Kind: "metric", Source: "metrics", Time: a.began(s), Service: service,
		Text:  fmt.Sprintf("%s %s from %s to %s at %s", what, word, figure(s.Before), figure(s.After), clock(a.began(s))),
		Value: number(s.After), Baseline: number(s.Before),
		Show: line("metrics", "plot", query, "--from", stamp(a.window.From), "--to", stamp(a.now)),
	}
}

// curveFact is the shift of a signal as evidence, in the signal's unit.
func (a *analysis) curveFact(c *curve, s changepoint.Shift) api.Fact {
	f := a.metricFact(c.service, "", c.query, s)
	word := "rose"
	if s.After < s.Before {
		word = "fell"
	}
	f.Text = fmt.Sprintf("%s %s from %s to %s at %s", signalWords(c.signal, c.service), word, unit(c.signal, s.Before), unit(c.signal, s.After), clock(a.began(s)))
	return f
}

func signalWords(signal, service string) string {
	switch signal {
	case sErrors:
		return "failing calls of " + service
	case sLatency:
		return "the p95 of " + service
	case sTraffic:
		return "calls to " + service
	case sRefused:
		return "refused calls of " + service
	case sQueue:
		return "calls that wait for " + service
	case sMemory:
		return "memory of " + service
	case sCPU:
		return "processor time of " + service
	case sFiles:
		return "open descriptors of " + service
	case sRestarts:
		return "restarts of " + service
	case sReady:
		return "ready replicas of " + service
	}
	return signal + " of " + service
}

func unit(signal string, v float64) string {
	switch signal {
	case sErrors, sRefused, sFiles:
		return fmt.Sprintf("%.3g %%", 100*v)
	case sLatency:
		switch {
		case math.Abs(v) < 1:
			return fmt.Sprintf("%.3g ms", 1000*v)
		}
		return fmt.Sprintf("%.3g s", v)
	case sTraffic:
		return fmt.Sprintf("%.3g/s", v)
	case sMemory:
		return fmt.Sprintf("%.0f MiB", v/(1<<20))
	case sCPU:
		return fmt.Sprintf("%.2f cores", v)
	}
	return figure(v)
}

func figure(v float64) string { return fmt.Sprintf("%.3g", v) }

// changeFact is a change as evidence.
func changeFact(c api.Change) api.Fact {
	text := c.Summary
	if c.Actor != "" {
		text += " by " + c.Actor
	}
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	return api.Fact{ID: c.ID, Kind: "change", Source: c.Source, Time: c.Time, Service: c.Service, Text: text + " at " + clock(c.Time), Show: c.Show}
}

func (a *analysis) graphFact(path []string) api.Fact {
	metric := ""
	if a.signals != nil {
		metric = a.signals.graphBy
	}
	return api.Fact{
		ID: digest("gra", path...), Kind: "graph", Source: "metrics", Time: a.onset.UTC(), Service: path[len(path)-1],
		Text: strings.Join(path, " calls "), Show: line("metrics", "query", "count by (caller, service, client, server, source_workload, destination_workload) ("+metric+")", "--time", stamp(a.now)),
	}
}
