package say

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
)

func mono(t *testing.T) *theme.Theme {
	t.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	return th
}

func TestContextsNamesTheFailedAndNotTheCancelled(t *testing.T) {
	got := Contexts([]feed.Result{
		{Context: "a"}, {Context: "b", Err: fail.New(fail.Unavailable, "refused").Hint("aictl doctor")}, {Context: "c", Err: fail.New(fail.Canceled, "left")},
	})
	require.Len(t, got, 1)
	require.Equal(t, "b", got[0].Who)
	require.Equal(t, "! no data from b: refused  → aictl doctor", ansi.Strip(got[0].Line(mono(t))))
}

func TestTroublesCountWhatHasNoRoom(t *testing.T) {
	list := []Trouble{{Who: "a", What: "x"}, {Who: "b", What: "y"}, {Who: "c", What: "z"}}
	require.Equal(t, []string{"! no data from a: x", "! no data from 2: b, …"}, Troubles(mono(t), list, 2))
	require.Len(t, Troubles(mono(t), list, 5), 3)
	require.Empty(t, Troubles(mono(t), list, 0))
}

func TestPageWrapsAndNeverRunsOver(t *testing.T) {
	th := mono(t)
	for _, width := range []int{1, 5, 20, 40, 80} {
		p := NewPage(th, width)
		p.Head("A heading that is long")
		p.Field("Name", "a value of several words\nand lines")
		p.Field("None", "")
		p.Text("+ ", th.Text, strings.Repeat("w", 200)+" 宽字符\x1b[31m")
		p.Text("- ", th.Text, "")
		for _, l := range p.Lines() {
			if width > 2*labelWidth { // below, the page over it cuts
				require.LessOrEqual(t, ansi.StringWidth(l), width, "%d %q", width, l)
			}
			require.NotContains(t, l, "\x1b[31m")
		}
		require.NotContains(t, strings.Join(p.Lines(), "\n"), "None")
	}
	require.Equal(t, []string{"x=1", "a=b c=d"}, []string{Labels(map[string]string{"x": "1"}), Labels(map[string]string{"c": "d", "a": "b", "e": "f"}, "e")})
}

func TestAMegabyteIsNotShown(t *testing.T) {
	p := NewPage(mono(t), 80)
	p.Text("", theme.Style{}, strings.Repeat("é", 1<<20))
	require.Less(t, len(p.Lines()), 100)
	require.Less(t, len(Line(strings.Repeat("é", 1<<20))), 5000)
}
