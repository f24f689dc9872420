package tui

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/tuitest"
)

// pastPanes are those that show the present in a live window, and must not in
// one of the past.
var pastPanes = []string{"overview", "services", "alerts"}

// TestPastFrames are the frames of 22:30 to 23:30, with the cursor at the
// window's end and then at 23:10, where other alerts fired.
func TestPastFrames(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			drive(t, world(false), size[0], size[1], func(o *Options) { o.Skin = theme.Mono }, func(d *tuitest.Driver) {
				d.Press("[")
				for _, at := range []string{"end", "cursor"} {
					for _, name := range pastPanes {
						d.Press(keyOfPane(t, d, name))
						d.Wait(50 * time.Millisecond)
						frame := d.Model.Frame()
						fits(t, frame, size[0], size[1])
						clean(t, frame)
						golden(t, fmt.Sprintf("%s-past-%s-%dx%d", name, at, size[0], size[1]), frame)
					}
					for range 20 {
						d.Press(",")
					}
				}
			})
		})
	}
}

// TestPastFramesAreClean: hostile text in the record is no better than in the
// present.
func TestPastFramesAreClean(t *testing.T) {
	for _, size := range append(sizes, [2]int{1, 1}, [2]int{40, 10}, [2]int{131, 7}) {
		drive(t, world(true), size[0], size[1], nil, func(d *tuitest.Driver) {
			d.Press("[", ",")
			for _, name := range pastPanes {
				d.Press(keyOfPane(t, d, name))
				for _, key := range []string{"", "down", "enter", "h", "esc", "u", "esc"} {
					if key != "" {
						d.Press(key)
					}
					fits(t, d.Model.Frame(), size[0], size[1])
					clean(t, d.Model.Frame())
				}
				d.Press("esc", "esc", "esc")
			}
		})
	}
}

// TestAPastWindowIsAskedFor: these panes ask for the window themselves, when it
// is moved in front of them and when it was moved elsewhere.
func TestAPastWindowIsAskedFor(t *testing.T) {
	asks := map[string][]string{
		"overview": {"alerts.history", "metrics.range", "changes.list"},
		"services": {"metrics.range"},
		"alerts":   {"alerts.history"},
	}
	var mu sync.Mutex
	last := map[string][2]time.Time{}
	p := watched(false, func(operation string, from, to time.Time) {
		mu.Lock()
		defer mu.Unlock()
		last[operation] = [2]time.Time{from.UTC(), to.UTC()}
	})
	drive(t, p, 120, 40, nil, func(d *tuitest.Driver) {
		a := d.Model.(*App)
		holds := func(name, how string) {
			t.Helper()
			d.Wait(50 * time.Millisecond)
			from, to := a.env.Bounds()
			require.False(t, a.env.Window.Live)
			mu.Lock()
			defer mu.Unlock()
			for _, operation := range asks[name] {
				require.Equal(t, [2]time.Time{from.UTC(), to.UTC()}, last[operation], "%s: %s, %s", name, operation, how)
			}
			clear(last)
		}
		d.Press("[")
		for _, name := range pastPanes {
			d.Press(keyOfPane(t, d, name))
			for _, key := range []string{"[", "+", "-", "["} {
				d.Press(key)
				holds(name, "moved by "+key)
			}
			d.Press(keyOfPane(t, d, "audit"), "]")
			mu.Lock()
			clear(last)
			mu.Unlock()
			d.Press(keyOfPane(t, d, name))
			holds(name, "moved elsewhere")
		}
	})
}

// TestEscFollowsTheWindow: a pane that one comes back to shows the window and
// the cursor that were moved meanwhile.
func TestEscFollowsTheWindow(t *testing.T) {
	drive(t, world(false), 160, 50, nil, func(d *tuitest.Driver) {
		d.Press("5", "2", "[")
		for range 20 {
			d.Press(",")
		}
		d.Press("esc")
		frame := d.Frame()
		require.Contains(t, frame, "[5 Alerts]")
		require.Contains(t, frame, "past 31 Dec 22:30–23:30  2 fired  2 at 23:10:00")
		d.Press("2", ".", ".", ".", ".", ".", "esc")
		require.Contains(t, d.Frame(), "2 fired  1 at 23:15:00")
	})
}

// TestNowIsNotThen: what the present says is nowhere in a past window without
// the word now.
func TestNowIsNotThen(t *testing.T) {
	drive(t, world(false), 160, 50, nil, func(d *tuitest.Driver) {
		d.Press("[")
		frame := d.Frame()
		for _, want := range []string{"22:30", "2 alerts fired", "now: 1 firing", "Rollouts as of now", "Backends as of now", "DiskLow", "predict  unknown"} {
			require.Contains(t, frame, want)
		}
		require.NotContains(t, frame, "1 of 2 replicas is ready")
		require.NotContains(t, frame, "21 % of the calls")
		d.Press("5")
		frame = d.Frame()
		require.Contains(t, frame, "past 31 Dec 22:30–23:30  2 fired")
		require.NotContains(t, frame, "ServiceLatencyHigh", "it is silenced now")
		require.Regexp(t, `DiskLow +<22:30:00 +>23:30:00 .*unknown +over`, frame)
		require.Regexp(t, `ServiceErrorsHigh +chat +22:50:00 +23:12:00 +22m .*ann +over`, frame)
		d.Press("2")
		frame = d.Frame()
		require.Contains(t, frame, "past 31 Dec 22:30–23:30  at 23:30:00: 1 degraded, 1 unknown, 1 up")
		require.NotContains(t, frame, "1/2")
		d.Press("T")
		require.Contains(t, d.Frame(), "1/2")
		d.Press("5")
		require.Contains(t, d.Frame(), "1 firing  1 silenced")
		require.NotContains(t, d.Frame(), "DiskLow")
	})
}

// TestTheCursorMarksWhatFired: scrubbing within a window marks, asks for no
// other window, and keeps the rows.
func TestTheCursorMarksWhatFired(t *testing.T) {
	drive(t, world(false), 160, 50, nil, func(d *tuitest.Driver) {
		d.Press("5", "[")
		require.NotContains(t, d.Frame(), "at 23:10:00")
		for range 20 {
			d.Press(",")
		}
		frame := d.Frame()
		require.Contains(t, frame, "2 fired  2 at 23:10:00")
		require.Regexp(t, `DiskLow .* firing +unknown`, frame)
		require.Regexp(t, `ServiceErrorsHigh +chat .* firing +ann`, frame)
		for range 10 {
			d.Press(".")
		}
		frame = d.Frame()
		require.Contains(t, frame, "2 fired  1 at 23:20:00")
		require.Regexp(t, `ServiceErrorsHigh +chat .* - +ann`, frame)
		d.Press("1")
		require.Contains(t, d.Frame(), "2 fired, 1 at 23:20:00")
	})
}

// TestWhatTheRecordDoesNotHoldIsSaid: as a bundle answers that was recorded
// for another window.
func TestWhatTheRecordDoesNotHoldIsSaid(t *testing.T) {
	held := fail.New(fail.NotFound, "the bundle holds no answer to from=1999-12-31T22:30:00Z").Hint("aictl record -- COMMAND")
	p := tuitest.NewPlatform()
	tuitest.Answer(p, api.AlertsList, api.AlertList{Alerts: []api.Alert{}})
	tuitest.Answer(p, api.ServicesList, []api.Service{{Name: "chat", State: "ready", Replicas: 1, Ready: 1}})
	tuitest.Query(p, api.AlertsHistory, func(api.AlertHistoryInput) ([]api.AlertPast, error) { return nil, held })
	tuitest.Query(p, api.MetricsRange, func(api.MetricRangeInput) (api.MetricRange, error) { return api.MetricRange{}, held })
	drive(t, p, 160, 50, nil, func(d *tuitest.Driver) {
		d.Press("[")
		d.Wait(10 * time.Second)
		for _, name := range pastPanes {
			d.Press(keyOfPane(t, d, name))
			d.Wait(10 * time.Second)
			frame := d.Frame()
			require.Contains(t, frame, "the bundle holds no answer", name)
			require.Contains(t, frame, "aictl record -- COMMAND", name)
			require.Contains(t, frame, "nown", "%s says that it is not known or unknown", name)
			for _, never := range []string{"nothing fires", "nothing is known to have fired", "none is known to have fired", "0 fired", "3 of 3"} {
				require.NotContains(t, frame, never, name)
			}
		}
	})
}
