package incident

import (
	"testing"
	"time"

	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/tuitest"
)

var now = time.Date(2026, 11, 29, 10, 59, 7, 0, time.UTC)

type host = tuitest.Host[*Pane]

// single runs the pane over one platform.
func single(t *testing.T, p *tuitest.Platform, f func(d *tuitest.Driver, h *host)) {
	t.Helper()
	tuitest.RunPane(t, tuitest.Env(t, now, p.Context(t, "prod", false)), New, f)
}

func open(d *tuitest.Driver, h *host, s pane.Subject) { d.Do(h.Pane.Open(s)) }
