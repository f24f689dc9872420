package chat

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

// hostile is what a model, or somebody who writes for it, may send.
var hostile = []string{
	"\x1b]0;owned\x07 title", "\x1b[2J\x1b[31mred", "&#27;]0;owned&#7; &#x1b;[2J &#155;2J &#27 &#x202e;abc &#99999999999;", "\u202egnorw\u202c",
	"```\n\x1b[2J&#27;\n```", "`\x1b[8m`", "[a](http://x/\x1b]8;;)", "# \x1b[1m", "| a | b |\n|---|---|\n| \x1b[2J | " + strings.Repeat("宽", 90) + " |",
	"e" + strings.Repeat("\u0301", 300), "👩‍👩‍👧‍👦 مرحبا", strings.Repeat("x", 10_000), "<script>&#27;</script>", "- a\n  - b\n    - " + strings.Repeat("long ", 60),
	"\r\n\x00\x7f\u009b2J", strings.Repeat("> ", 40) + "deep",
}

// styles are the sequences that the pane itself writes.
func onlyStyles(t *testing.T, view string) {
	t.Helper()
	for rest := view; ; {
		i := strings.IndexByte(rest, 0x1b)
		if i < 0 {
			break
		}
		rest = rest[i:]
		end := strings.IndexByte(rest, 'm')
		require.Greater(t, end, 1, "%q", rest[:min(len(rest), 40)])
		require.Equal(t, byte('['), rest[1], "%q", rest[:min(len(rest), 40)])
		require.Empty(t, strings.Trim(rest[2:end], "0123456789;:"), "%q", rest[:min(len(rest), 40)])
		rest = rest[end:]
	}
	for _, r := range ansi.Strip(view) {
		require.False(t, r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e, "%U", r)
	}
}

// TestHostileAnswers splits hostile text at every kind of place and draws it in
// every size: layout holds, and nothing reaches the terminal but our styles.
func TestHostileAnswers(t *testing.T) {
	for _, skin := range []string{theme.Mono, "default"} {
		p := made(t, skin)
		p.env.Contexts = append(p.env.Contexts, feed.Context{Name: hostile[0]})
		for i, text := range hostile {
			asks(t, p, text)
			size := []int{1, 2, 3, 7, 4096}[i%5]
			if len(text) > 10_000 {
				size = 4096
			}
			for from := 0; from < len(text); from += size {
				comes(p, delta(text[from:min(from+size, len(text))]))
				if from < 64 {
					onlyStyles(t, p.View(60, 20))
				}
			}
			comes(p, api.ChatEvent{Type: "tool", Model: text, Tool: &api.ChatTool{Index: i, Name: text, Arguments: text}},
				api.ChatEvent{Type: "evidence", Evidence: []api.Evidence{{Source: text, ID: text, Command: text}}})
			ends(p, fail.New(fail.Internal, "%s", text).Hint("%s", text))
		}
		sizes := func() {
			for w := 1; w <= 130; w += 1 + w/8 {
				for h := 1; h <= 45; h += 1 + h/6 {
					view := p.View(w, h)
					lines := strings.Split(view, "\n")
					require.LessOrEqual(t, len(lines), h, "%d×%d", w, h)
					for _, l := range lines {
						if n := ansi.StringWidth(l); n > w {
							t.Fatalf("%d×%d: a line of %d: %q", w, h, n, l)
						}
					}
					if h == 1 || w > 100 {
						onlyStyles(t, view)
					}
				}
			}
		}
		sizes()
		p.prompt.Focus()
		p.prompt.SetValue(strings.Join(hostile[:11], "\n"))
		sizes()
		p.Act("chat.evidence")
		sizes()
		p.Act("chat.sessions")
		p.Escape()
		p.prompt.Blur()
		p.Act("chat.sessions")
		var sessions []api.Session
		for _, h := range hostile {
			sessions = append(sessions, api.Session{Name: h, Title: h})
		}
		p.Update(feed.Answer{Key: sessionsKey, Results: []feed.Result{{Out: sessions}}})
		sizes()
		p.Update(feed.Answer{Key: sessionsKey, Results: []feed.Result{{Err: fail.New(fail.Internal, "%s", hostile[0]).Hint("%s", hostile[1])}}})
		sizes()
		p.Open(pane.Subject{Session: hostile[1]})
		p.Update(feed.Answer{Key: sessionKey, Results: []feed.Result{{Err: fail.New(fail.Internal, "%s", hostile[0])}}})
		sizes()
	}
}

func TestReferencesAreNoWayRound(t *testing.T) {
	for in, want := range map[string]string{
		"&#27;[2J": "&amp;#27;[2J", "&#x1B;": "&amp;#x1B;", "&#27": "&amp;#27", "&#155;": "&amp;#155;", "&#x202E;": "&amp;#x202E;",
		"&#65; &amp; &#x263A;": "&#65; &amp; &#x263A;", "&#0;": "&amp;#0;", "&#x;": "&#x;", "&#": "&#",
	} {
		require.Equal(t, want, disarm(in))
	}
}

// TestBadNestingTakesNoTime: a reader of Markdown may need the square of the
// time for what is badly nested.
func TestBadNestingTakesNoTime(t *testing.T) {
	p := made(t, theme.Mono)
	asks(t, p, "break it")
	began := time.Now()
	text := strings.Repeat("*[`_", 50_000)
	for i := 0; i < len(text); i += 8192 {
		comes(p, delta(text[i:min(i+8192, len(text))]))
		p.View(100, 30)
	}
	ends(p, nil)
	p.View(80, 24)
	require.Less(t, time.Since(began), 20*time.Second) // without the bound it is minutes
	comes(p, delta("more"))
	require.NotContains(t, p.View(80, 24), "more")
}

func FuzzDraw(f *testing.F) {
	for _, h := range hostile {
		f.Add(h, 3)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		if len(text) > 4096 {
			return
		}
		p := made(t, theme.Mono)
		asks(t, p, "q")
		size = max(size%64, 1)
		for from := 0; from < len(text); from += size {
			comes(p, delta(text[from:min(from+size, len(text))]))
		}
		ends(p, nil)
		onlyStyles(t, p.View(60, 20))
	})
}

func BenchmarkStreamedAnswer(b *testing.B) {
	p := made(b, theme.Mono)
	asks(b, p, "q")
	for range 500 {
		comes(p, delta("A paragraph of *some* words that go on and on.\n\n"))
	}
	for b.Loop() {
		comes(p, delta("word "))
		p.View(120, 40)
		if p.turns[0].cut {
			b.StopTimer()
			p.forget()
			asks(b, p, "q")
			b.StartTimer()
		}
	}
}
