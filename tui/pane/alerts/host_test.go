package alerts

import (
	"testing"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/tuitest"
)

var now = time.Date(2026, 11, 29, 10, 59, 0, 0, time.UTC)

type host = tuitest.Host[*Pane]

// drive runs a pane over a platform a context.
func drive(t *testing.T, platforms map[string]*tuitest.Platform, names []string, f func(d *tuitest.Driver, h *host)) {
	t.Helper()
	var contexts []feed.Context
	for _, n := range names {
		contexts = append(contexts, platforms[n].Context(t, n, false))
	}
	tuitest.RunPane(t, tuitest.Env(t, now, contexts...), New, f)
}

func alert(name, service, severity, state string, ago time.Duration) api.Alert {
	return api.Alert{
		Fingerprint: "fp-" + name + "-" + service, Name: name, Service: service, Severity: severity, State: state,
		Summary: name + " of " + service, Started: now.Add(-ago),
		Labels: map[string]string{"alertname": name, "service": service, "severity": severity},
	}
}
