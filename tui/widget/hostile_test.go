package widget

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// hostile are texts that try to break a layout.
var hostile = []string{
	"plain", "", "\x1b[2J\x1b[31mred", "日本語テキスト", "e\u0301\u0301\u0301", family, "\u202eright to left", "שלום עולם", "a\nb\tc\r\nd",
	"\ufe0f leads", "\u0301leads", "🏻leads", "\u200d" + family, strings.Repeat("x", 100_000), strings.Repeat("日\u0301", 10_000), "🇩🇪🇫", "*\ufe0f\u20e3",
	strings.Repeat("\u0301", 50_000), "\xff\xfe\x80", "\x9b31m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link", "ｆｕｌｌ", "\u2028line", "\x00\x01\x02", "각",
}

func inBounds(t *testing.T, view string, width, height int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	if len(lines) > height {
		t.Fatalf("%d×%d: %d lines:\n%s", width, height, len(lines), view)
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > width {
			t.Fatalf("%d×%d: a line of %d columns: %q", width, height, w, l)
		}
		if strings.ContainsAny(l, "\r\t\x07\x00") || strings.Contains(l, "\x1b[2J") || strings.Contains(l, "\x1b]") {
			t.Fatalf("%d×%d: a control in %q", width, height, l)
		}
	}
}
