package tui

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/tuitest"
	"github.com/aictl/aictl/tui/widget"
)

// From the first screen to the rollback: what a woken engineer presses.
func TestFromTheFirstScreenToTheRollback(t *testing.T) {
	p := world(false)
	drive(t, p, 120, 40, nil, func(d *tuitest.Driver) {
		require.Contains(t, d.Frame(), "ServiceErrorsHigh")
		keys := []string{"w", "x", "y"}
		d.Press(keys[0])
		require.Contains(t, d.Frame(), "revision 7")
		d.Press(keys[1])
		require.Contains(t, d.Frame(), "Apply to prod-eu?")
		d.Press(keys[2])
		require.Equal(t, []string{"deploy.undo service/checkout ()"}, p.Changes())
		require.LessOrEqual(t, len(keys), 8)
		script := d.Model.(*App).log.script(d.Model.(*App).env)
		require.Contains(t, script, "aictl why ")
		require.Contains(t, script, "aictl deploy undo service/checkout --to-revision 6")
		require.Contains(t, script, "--yes")
		require.Contains(t, script, "--context prod-eu")
	})
}

func TestAProtectedContextWantsTheNameAndAReason(t *testing.T) {
	p := world(false)
	drive(t, p, 120, 40, func(o *Options) { o.Contexts[0].Protected = true }, func(d *tuitest.Driver) {
		require.Contains(t, d.Frame(), "PROTECTED")
		d.Press("w", "x")
		require.Contains(t, d.Frame(), "type service/checkout")
		d.Press("y", "enter")
		require.Contains(t, d.Frame(), "that is not the name")
		require.Empty(t, p.Changes())
		d.Press("ctrl+u")
		d.Type("service/checkout")
		d.Press("enter", "enter")
		require.Contains(t, d.Frame(), "wants a reason")
		require.Empty(t, p.Changes())
		d.Type("bad release")
		d.Press("enter")
		require.Equal(t, []string{"deploy.undo service/checkout (bad release)"}, p.Changes())
		require.Contains(t, d.Model.(*App).log.script(d.Model.(*App).env), "--reason 'bad release'")
	})
}

func TestNoIsNo(t *testing.T) {
	p := world(false)
	drive(t, p, 120, 40, nil, func(d *tuitest.Driver) {
		for _, no := range []string{"n", "esc", "q"} {
			d.Press("1", "w", "x", no)
			require.NotContains(t, d.Frame(), "Apply to")
		}
		require.Empty(t, p.Changes())
		require.False(t, d.Quit())
	})
}

func TestReadOnlySendsNothing(t *testing.T) {
	p := world(false)
	drive(t, p, 120, 40, func(o *Options) { o.ReadOnly = true }, func(d *tuitest.Driver) {
		require.Contains(t, d.Frame(), "[read-only]")
		d.Press("w", "x", "y")
		require.Empty(t, p.Changes())
		require.Contains(t, d.Frame(), "read-only")
	})
}

func TestOneWindowMovesEveryPane(t *testing.T) {
	p := world(false)
	drive(t, p, 120, 40, nil, func(d *tuitest.Driver) {
		require.Contains(t, d.Frame(), "last 1h live")
		d.Press("[")
		require.Contains(t, d.Frame(), "31 Dec 22:30–23:30 (1h)")
		for _, key := range []string{"4", "3", "0"} {
			d.Press(key)
			require.Contains(t, d.Frame(), "22:30–23:30 (1h)")
			require.Contains(t, d.Model.(*App).current().Command(), "1999-12-31T22:30:00Z")
		}
		d.Press("T", "+", ",", ",")
		require.Contains(t, d.Frame(), "last 30m live ◆23:59:00")
		d.Press("M", "Y")
		require.Contains(t, d.Frame(), "1 marked vs 1d before")
	})
}

// What the panes ask is the one window, however it was moved.
func TestEveryPaneAsksTheOneWindow(t *testing.T) {
	var mu sync.Mutex
	last := map[string][2]time.Time{}
	p := watched(false, func(operation string, from, to time.Time) {
		mu.Lock()
		defer mu.Unlock()
		last[operation] = [2]time.Time{from.UTC(), to.UTC()}
	})
	drive(t, p, 120, 40, nil, func(d *tuitest.Driver) {
		a := d.Model.(*App)
		r := rand.New(rand.NewPCG(5, 6))
		for range 25 {
			for range 1 + r.IntN(4) {
				d.Press([]string{"[", "[", "]", "+", "-", ",", "."}[r.IntN(7)])
			}
			d.Press("1", "3", "4", "5", "h", "8", "t")
			d.Wait(50 * time.Millisecond)
			from, to := a.env.Bounds()
			mu.Lock()
			for _, operation := range []string{"metrics.plot", "changes.list", "timeline.show", "logs.histogram", "alerts.history"} {
				got, ok := last[operation]
				require.True(t, ok, "%s was not asked", operation)
				require.WithinDuration(t, from, got[0], 15*time.Second, operation)
				if !a.env.Window.Live || !got[1].IsZero() {
					require.WithinDuration(t, to, got[1], 15*time.Second, operation)
				}
			}
			mu.Unlock()
			d.Press("esc", "esc", "esc", "esc", "esc", "1")
		}
	})
}

func TestEscGoesBackTheWayOneCame(t *testing.T) {
	drive(t, world(false), 120, 40, nil, func(d *tuitest.Driver) {
		a := d.Model.(*App)
		d.Press("w")
		require.Equal(t, "incident", a.current().Info().Name)
		d.Press("l")
		require.Equal(t, "logs", a.current().Info().Name)
		for range 6 {
			d.Press("esc")
		}
		require.Equal(t, "overview", a.current().Info().Name)
		require.Contains(t, d.Frame(), "first screen")
	})
}

func TestTheCommandOfEveryPaneIsShownAndCopied(t *testing.T) {
	drive(t, world(false), 200, 40, nil, func(d *tuitest.Driver) {
		for _, name := range PaneNames() {
			d.Press(keyOfPane(t, d, name), "ctrl+k")
			require.True(t, strings.HasPrefix(d.Copied, "aictl "), "%s: %q", name, d.Copied)
			require.Contains(t, d.Copied, "--context prod-eu")
			require.Contains(t, d.Frame(), "copied: aictl ")
		}
	})
}

func TestPalette(t *testing.T) {
	p := world(false)
	var ran [][]string
	drive(t, p, 120, 40, func(o *Options) {
		o.Exec = func(_ context.Context, words, contexts, window []string, _ int) (Outcome, error) {
			ran = append(ran, words)
			switch words[0] {
			case "deploy":
				n := 3
				return Outcome{Change: api.DeployScale, In: &api.DeployScaleInput{WorkloadName: api.WorkloadName{Name: "service/chat"}, Replicas: &n}}, nil
			case "nonsense":
				return Outcome{}, fail.New(fail.Usage, "unknown command").Hint("aictl --help")
			}
			require.Equal(t, []string{"prod-eu"}, contexts)
			require.Equal(t, []string{"--since", "1h"}, window)
			return Outcome{Text: "NAME\nadmin\x1b[2J\n"}, nil
		}
		o.Words = func(_ context.Context, words []string) []string { return []string{"accounts\tManage accounts"} }
		o.Complete = func(_ context.Context, kind string, _ []string, prefix string) []string {
			return []string{"checkout\tService"}
		}
	}, func(d *tuitest.Driver) {
		d.Press(":")
		d.Type("acc")
		require.Contains(t, d.Frame(), "accounts")
		d.Type("ounts list")
		d.Press("enter")
		require.Contains(t, d.Frame(), "admin")
		require.NotContains(t, d.Model.Frame(), "\x1b[2J")
		d.Press("esc", ":")
		d.Type("deploy scale chat --replicas 3")
		d.Press("enter")
		require.Contains(t, d.Frame(), "Apply to prod-eu?")
		d.Press("y")
		require.Equal(t, []string{"deploy.scale service/chat ()"}, p.Changes())
		d.Press(":")
		d.Type("nonsense")
		d.Press("enter")
		require.Contains(t, d.Frame(), "error: unknown command (aictl --help)")
		d.Press(":")
		d.Type("window 6h")
		d.Press("enter")
		require.Contains(t, d.Frame(), "last 6h live")
		d.Press(":")
		d.Type("service/")
		require.Contains(t, d.Frame(), "service/checkout")
		d.Type("checkout")
		d.Press("enter")
		require.Equal(t, "services", d.Model.(*App).current().Info().Name)
		d.Press(":")
		d.Type("quit")
		d.Press("enter")
		require.True(t, d.Quit())
	})
	require.Equal(t, []string{"accounts", "list"}, ran[0])
}

func TestWords(t *testing.T) {
	require.Equal(t, []string{"logs", "a b", "--where", "x == 'y'", ""}, words(`logs "a b" --where "x == 'y'" ''`))
	require.Empty(t, words("  "))
}

func TestFilterIsPerPaneAndLeavesWithEsc(t *testing.T) {
	drive(t, world(false), 120, 40, nil, func(d *tuitest.Driver) {
		d.Press("6", "/")
		d.Type("chec")
		d.Press("enter")
		require.NotContains(t, d.Frame(), "service/chat")
		require.Contains(t, d.Frame(), "service/checkout")
		d.Press("2")
		require.Contains(t, d.Frame(), "predict")
		d.Press("6", "esc")
		require.Contains(t, d.Frame(), "service/chat ")
	})
}

func TestStateIsKeptPerContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "dashboard.json")
	drive(t, world(false), 120, 40, func(o *Options) { o.StateFile = path }, func(d *tuitest.Driver) {
		d.Press("6", "/")
		d.Type("chec")
		d.Press("enter", "q")
		require.True(t, d.Quit())
	})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	drive(t, world(false), 120, 40, func(o *Options) { o.State = LoadState(path) }, func(d *tuitest.Driver) {
		require.Equal(t, "deployments", d.Model.(*App).current().Info().Name)
		require.NotContains(t, d.Frame(), "service/chat ")
		require.Contains(t, d.Frame(), "/chec")
	})
	require.NoError(t, os.WriteFile(path, []byte("{broken"), 0o600))
	require.Equal(t, State{}, LoadState(path))
}

func TestContextsAreChosenAndFailuresNamed(t *testing.T) {
	p, q := world(false), tuitest.NewPlatform() // the second knows nothing
	drive(t, p, 140, 40, func(o *Options) {
		o.OpenContext = func(name string) (feed.Context, error) { return q.Context(t, name, false), nil }
	}, func(d *tuitest.Driver) {
		d.Press("6", "@")
		require.Contains(t, d.Frame(), "staging")
		d.Press("space", "down", "space", "enter")
		require.Contains(t, d.Frame(), "prod-eu,staging")
		d.Wait(6 * time.Second)
		require.Contains(t, d.Frame(), "staging")
		require.Contains(t, d.Frame(), "service/checkout")
	})
}

func TestKeysCanBeRemapped(t *testing.T) {
	drive(t, world(false), 120, 40, func(o *Options) {
		o.Settings.Keys = map[string][]string{"app.why": {"W"}, "app.help": {"f1"}}
	}, func(d *tuitest.Driver) {
		d.Press("w")
		require.Equal(t, "overview", d.Model.(*App).current().Info().Name)
		d.Press("W")
		require.Equal(t, "incident", d.Model.(*App).current().Info().Name)
	})
	_, err := New(Options{Contexts: []feed.Context{{}}, Settings: Settings{Keys: map[string][]string{"app.wy": {"W"}}}}, Panes)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

// No two actions of one screen may claim a key, and none of the app's.
func TestNoKeyIsClaimedTwice(t *testing.T) {
	a, err := New(Options{Contexts: []feed.Context{{}}}, Panes)
	require.NoError(t, err)
	for _, p := range a.panes {
		all := append(append(p.Actions(), a.actions()...), widget.ListActions()...)
		require.Empty(t, a.env.Keys.Conflicts(all), p.Info().Name)
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	s, err := LoadSettings(filepath.Join(dir, "none.yaml"))
	require.NoError(t, err)
	require.Equal(t, Settings{}, s)
	path := filepath.Join(dir, "dashboard.yaml")
	require.NoError(t, os.WriteFile(path, []byte("skin: colorblind\nlog_lines: 1000\nkeys:\n  app.why: [W]\n"), 0o600))
	s, err = LoadSettings(path)
	require.NoError(t, err)
	require.Equal(t, Settings{Skin: "colorblind", LogLines: 1000, Keys: map[string][]string{"app.why": {"W"}}}, s)
	for _, wrong := range []string{"skn: x\n", "log_lines: -1\n", "keys: [\n"} {
		require.NoError(t, os.WriteFile(path, []byte(wrong), 0o600))
		_, err = LoadSettings(path)
		require.Equal(t, fail.Usage, fail.CodeOf(err), wrong)
	}
}

func TestAccessible(t *testing.T) {
	var out strings.Builder
	p := world(false)
	a, err := New(Options{
		Contexts: []feed.Context{p.Context(t, "prod-eu", false)}, Zone: time.UTC, NoColor: true, ASCII: true,
		In: strings.NewReader("alerts\nkey w\nquit\n"), Out: &out,
	}, Panes)
	require.NoError(t, err)
	require.NoError(t, a.runAccessible(t.Context()))
	a.opts.Feeds.Close()
	require.NotContains(t, out.String(), "\x1b")
	require.Contains(t, out.String(), "Overview. last 1h live")
	require.Contains(t, out.String(), "ServiceErrorsHigh")
	require.Contains(t, out.String(), "aictl> ")
}
