package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/tuitest"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// golden holds a frame against its file, sequences spelled out.
func golden(t *testing.T, name, frame string) {
	t.Helper()
	path := filepath.Join("testdata", "frames", name+".txt")
	frame = strings.ReplaceAll(frame, "\x1b", "^[") + "\n"
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(frame), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./tui -run Frames -update writes it")
	require.Equal(t, string(want), frame)
}

// fits holds a frame against the terminal's size.
func fits(t testing.TB, frame string, width, height int) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	if len(lines) > height {
		t.Fatalf("%d lines on a terminal of %d:\n%s", len(lines), height, ansi.Strip(frame))
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > width {
			t.Fatalf("line %d is %d columns wide on a terminal of %d: %q", i, w, width, l)
		}
	}
}

// clean holds a frame to our own sequences: styles, and nothing that steers.
func clean(t testing.TB, frame string) {
	t.Helper()
	for i := 0; i < len(frame); i++ {
		c := frame[i]
		if c == 0x1b {
			end := strings.IndexByte(frame[i:], 'm')
			if end < 2 || frame[i+1] != '[' || strings.Trim(frame[i+2:i+end], "0123456789;:") != "" {
				t.Fatalf("an escape sequence that is no style: %q", frame[i:min(i+20, len(frame))])
			}
			i += end
			continue
		}
		if c < ' ' && c != '\n' || c == 0x7f {
			t.Fatalf("a control character %q in %q", c, frame[max(0, i-20):min(i+20, len(frame))])
		}
	}
	for _, r := range frame {
		if r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Fatalf("a character that steers: %U", r)
		}
	}
}

var sizes = [][2]int{{80, 24}, {120, 40}, {200, 60}, {20, 5}}

func TestFrames(t *testing.T) {
	for _, size := range sizes {
		for _, skin := range []string{"default", theme.Mono} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], skin), func(t *testing.T) {
				drive(t, world(false), size[0], size[1], func(o *Options) { o.Skin = skin }, func(d *tuitest.Driver) {
					for _, name := range PaneNames() {
						d.Press(keyOfPane(t, d, name))
						d.Wait(50 * time.Millisecond) // all that a stream has comes
						frame := d.Model.Frame()
						fits(t, frame, size[0], size[1])
						clean(t, frame)
						golden(t, fmt.Sprintf("%s-%dx%d-%s", name, size[0], size[1], skin), frame)
					}
				})
			})
		}
	}
}

func keyOfPane(t *testing.T, d *tuitest.Driver, name string) string {
	t.Helper()
	for _, p := range d.Model.(*App).panes {
		if p.Info().Name == name {
			return p.Info().Key
		}
	}
	t.Fatalf("there is no pane %s", name)
	return ""
}

// TestHostileText: nothing that the platform says steers the terminal or
// breaks the layout, in any pane, at any size.
func TestHostileText(t *testing.T) {
	for _, size := range append(sizes, [2]int{1, 1}, [2]int{40, 10}, [2]int{131, 7}) {
		drive(t, world(true), size[0], size[1], nil, func(d *tuitest.Driver) {
			for _, name := range PaneNames() {
				d.Press(keyOfPane(t, d, name))
				for _, key := range []string{"", "enter", "down", "enter", "?", "esc", "!"} {
					if key != "" {
						d.Press(key)
					}
					fits(t, d.Model.Frame(), size[0], size[1])
					clean(t, d.Model.Frame())
				}
				d.Press("esc", "esc", "esc")
			}
			require.NotContains(t, d.Copied, "\x1b")
		})
	}
}
