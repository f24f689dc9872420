package widget

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/term"
)

const (
	family = "👩‍👩‍👧‍👦" // one character of two columns, by joiners
	accent = "e\u0301" // one of one column, by a combining mark
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		name, in string
		from, w  int
		want     string
	}{
		{"fits", "abc", 0, 3, "abc"},
		{"cut", "abcd", 0, 3, "ab…"},
		{"one column", "abcd", 0, 1, "…"},
		{"no column", "abcd", 0, 0, ""},
		{"from", "abcdef", 2, 4, "cdef"},
		{"from, cut", "abcdefgh", 2, 4, "cde…"},
		{"from the end", "abc", 3, 4, ""},
		{"from behind the end", "abc", 9, 4, ""},
		{"wide fits", "日本", 0, 4, "日本"},
		{"wide cut", "日本語", 0, 4, "日…"},
		{"wide cut inside", "日本語", 0, 5, "日本…"},
		{"wide at the left edge", "日本語", 1, 5, " 本語"},
		{"combining fits", accent + accent, 0, 2, accent + accent},
		{"combining cut", accent + accent + accent, 0, 2, accent + "…"},
		{"mark after the left edge", accent + "a", 1, 4, "a"},
		{"family", "a" + family + "b", 0, 4, "a" + family + "b"},
		{"family cut", "a" + family + "b", 0, 3, "a…"},
		{"ascii before a mark", "abc\u0301d", 0, 3, "ab…"},
		{"mark behind the last column", "abc\u0301", 0, 3, "abc\u0301"},
		{"style fits", "\x1b[1mab\x1b[m", 0, 2, "\x1b[1mab\x1b[m"},
		{"style cut", "\x1b[1mabc\x1b[m", 0, 2, "\x1b[1ma…\x1b[m"},
		{"style left open", "\x1b[1mab", 0, 5, "\x1b[1mab\x1b[m"},
		{"style from the left", "\x1b[1mabc\x1b[md", 2, 5, "\x1b[1mc\x1b[md"},
		{"link cut", "\x1b]8;;http://x\x1b\\abc\x1b]8;;\x1b\\", 0, 2, "\x1b]8;;http://x\x1b\\a…\x1b]8;;\x1b\\"},
		{"line feed and tab", "a\nb\tc", 0, 9, "a b c"},
		{"controls", "a\x07b\x7f\u009bc", 0, 9, "abc"},
		{"moves of the cursor", "a\x1b[2Jb\x1b[10;10Hc\x1bMd", 0, 9, "abcd"},
		{"title", "a\x1b]0;title\x07b", 0, 9, "ab"},
		{"an escape that never ends", "ab\x1b]0;title", 0, 9, "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, w := cutFrom(c.in, c.from, c.w)
			if got != c.want {
				t.Errorf("cutFrom(%q, %d, %d) = %q, want %q", c.in, c.from, c.w, got, c.want)
			}
			if w != ansi.StringWidth(got) {
				t.Errorf("says %d columns, has %d", w, ansi.StringWidth(got))
			}
		})
	}
}

func TestFit(t *testing.T) {
	for _, in := range []string{"", "a", "日本語", family, accent + "x", "\x1b[1mbold\x1b[m text", strings.Repeat("z\u0301\u0302\u0303", 50)} {
		for w := range 12 {
			for name, got := range map[string]string{"Fit": Fit(in, w), "FitLeft": FitLeft(in, w), "Columns": Columns(in, in, w)} {
				if ansi.StringWidth(got) != w {
					t.Errorf("%s(%q, %d) = %q has %d columns", name, in, w, got, ansi.StringWidth(got))
				}
			}
		}
	}
	for in, want := range map[string]string{
		Columns("left", "right", 12): "left   right", Columns("left", "right", 8): "left ri…",
		Columns("left", "right", 4): "left", Columns("left", "", 6): "left  ",
	} {
		if in != want {
			t.Errorf("Columns: %q, want %q", in, want)
		}
	}
}

func TestClip(t *testing.T) {
	got := Clip("one\ntwo and\nthree", 4, 2)
	if Join(got) != "one\ntwo…" {
		t.Errorf("%q", got)
	}
	if len(Clip("a", 0, 3)) != 0 || len(Clip("a", 3, 0)) != 0 {
		t.Error("no room is no lines")
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, in string
		w        int
		want     string
	}{
		{"words", "the quick brown fox", 10, "the quick\nbrown fox"},
		{"a long word", "abcdefghij", 4, "abcd\nefgh\nij"},
		{"wide", "日本語", 4, "日本\n語"},
		{"lines", "a\n\nb", 4, "a\n\nb"},
		{"a style goes on", "\x1b[1mab cd\x1b[m ef", 2, "\x1b[1mab\x1b[m\n\x1b[1mcd\x1b[m\nef"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Join(Wrap(c.in, c.w)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", 119 * time.Second: "119s", 2 * time.Minute: "2m",
		119 * time.Minute: "119m", 2 * time.Hour: "2h", 150 * time.Minute: "2h30m", 30 * time.Hour: "30h",
		49 * time.Hour: "2d", 400 * 24 * time.Hour: "400d", 800 * 24 * time.Hour: "2y",
	} {
		if got := Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}

// A line of a megabyte costs what is shown of it.
func TestCutIsLazy(t *testing.T) {
	for _, unit := range []string{"a", "é", "日", "\x1b[1mx\x1b[m"} {
		long := strings.Repeat(unit, 1<<20/len(unit))
		short := long[:strings.LastIndex(long[:2000], unit)+len(unit)]
		if a, b := quickest(func() { Cut(short, 80) }), quickest(func() { Cut(long, 80) }); b > 20*a+time.Millisecond {
			t.Errorf("%q: %v, and %v of a megabyte", unit, a, b)
		}
	}
}

func quickest(f func()) time.Duration {
	best := time.Hour
	for range 20 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

func FuzzCut(f *testing.F) {
	for _, s := range []string{"abc", "日本語", family, accent, "\x1b[31mred\x1b[m", "a\x1b]8;;u\x1b\\b", "\u0301x", "🇩🇪🇫", "*\ufe0f", "\x9b1m", "a\u200db", "0\xff", "\x1b[ 00m", "a\x1b]8;;u\x1b\r\\b", "00\xf20\r", "\u0601e\xe4\u0601", "*\x07\ufe0f"} {
		f.Add(s, 1, 5)
	}
	f.Fuzz(func(t *testing.T, s string, from, width int) {
		from, width = from&63, width&63
		got, w := cutFrom(s, from, width)
		if real := ansi.StringWidth(got); real != w || w > width {
			t.Fatalf("cutFrom(%q, %d, %d) = %q: says %d, has %d", s, from, width, got, w, real)
		}
		if strings.ContainsAny(plainOf(got), "\n\r\t\x07\x7f") {
			t.Fatalf("a control in %q", got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		if n := ansi.StringWidth(Fit(term.SafeLine(s), width)); n != width {
			t.Fatalf("Fit(%q, %d) has %d", s, width, n)
		}
		for _, l := range Wrap(s, width) {
			if ansi.StringWidth(l) > width {
				t.Fatalf("Wrap(%q, %d): %q", s, width, l)
			}
		}
	})
}
