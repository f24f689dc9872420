package logs

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
)

// TestBounds draws every state with hostile content at every size.
func TestBounds(t *testing.T) {
	evil := "\x1b[2J\x1b]0;x\x07\u202e漢字" + strings.Repeat("e\u0301", 40) + "👩‍👩‍👧‍👦\n\t"
	states := map[string]func(p *Pane){
		"lines": func(*Pane) {},
		"wrap":  func(p *Pane) { p.Act("logs.wrap") },
		"typing": func(p *Pane) {
			p.Act("logs.query")
			p.input.SetValue("level:" + evil)
			p.wrong = fail.New(fail.Usage, "%s", evil)
		},
		"words":  func(p *Pane) { p.Act("logs.query"); p.input.Insert("ser") },
		"detail": func(p *Pane) { p.Act("logs.open") },
		"fields": func(p *Pane) {
			p.Act("logs.fields")
			p.give("fields", feed.Result{Context: evil, Out: []api.LogField{{Name: evil, Count: 1 << 60, Values: []api.LogFieldValue{{Value: evil, Count: 3}}}}})
		},
		"patterns": func(p *Pane) {
			p.Act("logs.patterns")
			p.give("patterns", feed.Result{Context: evil, Out: api.LogPatterns{Patterns: []api.LogPattern{{ID: "a", Pattern: evil, Services: map[string]int64{evil: 1}}}}})
		},
		"diff": func(p *Pane) {
			p.Act("logs.diff")
			p.give("diff", feed.Result{Context: evil, Out: api.LogDiff{Gone: []api.LogChange{{LogPattern: api.LogPattern{ID: "a", Pattern: evil}}}, Warnings: []string{evil}}})
		},
	}
	for name, turn := range states {
		t.Run(name, func(t *testing.T) {
			p := open(t, evil, "west")
			var lines []api.LogEntry
			for i := range 30 {
				e := entry(i, evil, evil+strings.Repeat("long ", i*20))
				e.Service, e.Trace, e.Fields = evil, evil, json.RawMessage(`{"a":"`+strings.Repeat("x", 3000)+`"}`)
				lines = append(lines, e)
			}
			p.give("search", answer(evil, true, lines), feed.Result{Context: "west", Err: fail.New(fail.Unavailable, "%s", evil)})
			p.give("histogram", feed.Result{Context: evil, Out: []api.LogBucket{{Time: now, Count: 1 << 62, Levels: map[string]int64{evil: 3}}}})
			p.env.Window.Cursor = now
			p.query.text = evil
			turn(p)
			for w := 1; w <= 130; w += 3 {
				for h := 1; h <= 45; h += 4 {
					got := strings.Split(p.View(w, h), "\n")
					require.LessOrEqual(t, len(got), h, "%dx%d", w, h)
					for _, l := range got {
						require.LessOrEqual(t, ansi.StringWidth(l), w, "%dx%d %q", w, h, l)
						require.NotContains(t, ansi.Strip(l), "\x1b")
						require.NotContains(t, l, "\u202e")
					}
				}
			}
		})
	}
}

// frames gives what a frame at 10,000 lines a second does: 330 lines come and
// the pane is drawn; and the same bare: appended to a slice, the last lines
// joined.
func frames(t testing.TB) (pane, bare func()) {
	all := events(entries(0, 33_000))
	p := open(t)
	p.give("search", answer("demo", false, nil))
	i, n := 0, 0
	pane = func() {
		batch := all[i : i+330]
		for j := range batch { // ids that were not seen
			n++
			batch[j].Entry.ID = strconv.Itoa(n)
		}
		p.Update(feed.Batch{Key: p.key("tail/demo"), Context: "demo", Items: batch})
		_ = p.View(200, 60)
		i = (i + 330) % len(all)
	}
	var lines []string
	k := 0
	bare = func() {
		for _, e := range all[k : k+330] {
			lines = append(lines, e.Entry.Time.Format("15:04:05.000")+" "+e.Entry.Level+" "+e.Entry.Service+" "+e.Entry.Message)
		}
		_ = strings.Join(lines[max(0, len(lines)-60):], "\n")
		if len(lines) > 1_000_000 {
			lines = nil
		}
		k = (k + 330) % len(all)
	}
	return pane, bare
}

// BenchmarkFrame: 0.55 ms and 0.14 ms on the machine that it was written on.
func BenchmarkFrame(b *testing.B) {
	pane, bare := frames(b)
	for name, f := range map[string]func(){"pane": pane, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
