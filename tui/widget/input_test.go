package widget

import (
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/theme"
)

// press gives keys to an input: a name in <>, text otherwise; | is where the
// cursor must stand afterwards.
func press(in *Input, keys ...string) {
	named := map[string]tea.KeyPressMsg{
		"<left>": {Code: tea.KeyLeft}, "<right>": {Code: tea.KeyRight}, "<home>": {Code: tea.KeyHome}, "<end>": {Code: tea.KeyEnd},
		"<up>": {Code: tea.KeyUp}, "<down>": {Code: tea.KeyDown}, "<tab>": {Code: tea.KeyTab}, "<enter>": {Code: tea.KeyEnter},
		"<backspace>": {Code: tea.KeyBackspace}, "<delete>": {Code: tea.KeyDelete}, "<esc>": {Code: tea.KeyEscape},
		"<ctrl+w>": {Code: 'w', Mod: tea.ModCtrl}, "<ctrl+u>": {Code: 'u', Mod: tea.ModCtrl}, "<ctrl+k>": {Code: 'k', Mod: tea.ModCtrl},
		"<alt+b>": {Code: 'b', Mod: tea.ModAlt}, "<alt+f>": {Code: 'f', Mod: tea.ModAlt}, "<alt+d>": {Code: 'd', Mod: tea.ModAlt},
		"<alt+enter>": {Code: tea.KeyEnter, Mod: tea.ModAlt},
	}
	for _, k := range keys {
		if msg, ok := named[k]; ok {
			in.Update(msg)
			continue
		}
		for _, r := range k {
			in.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// withCursor is the text with | at the cursor.
func withCursor(in *Input) string { return in.Value()[:in.Cursor()] + "|" + in.Value()[in.Cursor():] }

func focused(prompt string) *Input {
	in := NewInput(prompt)
	in.Focus()
	return in
}

func TestInputEdits(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []string
		want string
	}{
		{"types", []string{"sum(up)"}, "sum(up)|"},
		{"moves", []string{"abc", "<left>", "<left>", "X", "<home>", "<", "<end>", ">"}, "<aXbc>|"},
		{"erases", []string{"abc", "<backspace>", "<home>", "<delete>"}, "|b"},
		{"a character of several runes is one", []string{"e\u0301👨‍👩‍👧x", "<left>", "<backspace>", "<backspace>"}, "|x"},
		{"words", []string{"sum by (job)", "<ctrl+w>"}, "sum by (|"},
		{"words back", []string{"sum by (job)", "<alt+b>", "<alt+b>", "<alt+d>"}, "sum | (job)"},
		{"words on", []string{"sum by", "<home>", "<alt+f>"}, "sum| by"},
		{"lines", []string{"abc", "<left>", "<ctrl+k>", "<left>", "<ctrl+u>"}, "|b"},
		{"nothing at the edges", []string{"<left>", "<backspace>", "<delete>", "<right>", "<ctrl+w>"}, "|"},
		{"enter and esc are the owner's", []string{"a", "<enter>", "<esc>"}, "a|"},
	} {
		in := focused("> ")
		press(in, c.keys...)
		require.Equal(t, c.want, withCursor(in), c.name)
	}
}

func TestInputTakesNoControls(t *testing.T) {
	in := focused("")
	in.Update(tea.PasteMsg{Content: "a\r\nb\tc\x1b[31md\x00\u0085\xff"})
	require.Equal(t, "a b c[31md\uFFFD", in.Value())
	in.Multiline = true
	in.SetValue("a\r\nb")
	require.Equal(t, "a\nb", in.Value())
	in.SetValue("")
	in.Update(tea.PasteMsg{Content: strings.Repeat("日", inputLimit)})
	require.LessOrEqual(t, len(in.Value()), inputLimit)
	require.True(t, utf8.ValidString(in.Value()))
	press(in, "x")
	require.LessOrEqual(t, len(in.Value()), inputLimit)
}

func TestInputWithoutFocusTakesNothing(t *testing.T) {
	in := NewInput("> ")
	press(in, "a")
	require.Empty(t, in.Value())
	require.NotContains(t, in.View(20), "_")
}

func TestInputHistory(t *testing.T) {
	in := focused("")
	for _, h := range []string{"one", "two", "one", ""} {
		in.AddHistory(h)
	}
	require.Equal(t, []string{"two", "one"}, in.History())
	press(in, "dra", "<up>")
	require.Equal(t, "one|", withCursor(in))
	press(in, "<up>", "<up>")
	require.Equal(t, "two|", withCursor(in))
	press(in, "<down>", "<down>", "<down>")
	require.Equal(t, "dra|", withCursor(in), "what was being written comes back")
	press(in, "<up>", "!", "<up>")
	require.Equal(t, "one|", withCursor(in), "an older text that was changed is the new draft")
	press(in, "<down>")
	require.Equal(t, "one!|", withCursor(in))
	for i := range 2 * historyLimit {
		in.AddHistory(strings.Repeat("x", i+1))
	}
	require.Len(t, in.History(), historyLimit)
}

func fruit(head string) (int, []string) {
	at := strings.LastIndexByte(head, ' ') + 1
	return at, []string{"apple\tred", "apricot\torange", "banana"}
}

func TestInputWords(t *testing.T) {
	in := focused("")
	in.Completer = fruit
	press(in, "eat a")
	require.True(t, in.Offering())
	popup := in.Popup(40, 5)
	require.Len(t, popup, 2, "the banana does not begin so")
	require.Contains(t, popup[0], "apple")
	require.Contains(t, popup[0], "red")
	press(in, "<tab>")
	require.Equal(t, "eat ap|", withCursor(in), "as much as all have in common")
	press(in, "<tab>", "<down>")
	require.Contains(t, in.Popup(40, 5)[1], ">apricot")
	require.True(t, in.Accept())
	require.Equal(t, "eat apricot|", withCursor(in))
	require.False(t, in.Accept())
	require.False(t, in.Offering(), "a word that is complete is not offered")
	press(in, " b", "<tab>")
	require.Equal(t, "eat apricot banana|", withCursor(in))
	press(in, "<backspace>")
	require.True(t, in.CloseWords())
	require.False(t, in.CloseWords())
	require.Nil(t, in.Popup(40, 5))
}

func TestInputWordsComeLate(t *testing.T) {
	in := focused("")
	press(in, "su")
	in.SetWords(0, []string{"sum", "sub", "max"})
	require.Len(t, in.Popup(20, 9), 2)
	require.Len(t, in.Popup(20, 1), 1)
	in.AddHistory("old")
	press(in, "<up>")
	require.Equal(t, "old|", withCursor(in), "up without a choice is the history")
	in.SetWords(9, []string{"sum"})
	require.False(t, in.Offering(), "words for a place that is gone")
}

func TestInputLines(t *testing.T) {
	in := focused("> ")
	in.Multiline = true
	press(in, "first", "<alt+enter>", "2", "<up>")
	require.Equal(t, "f|irst\n2", withCursor(in))
	press(in, "<down>", "<end>", " and more than fits")
	require.Equal(t, []string{"> first", "  2 and m", "  ore tha", "  n fits_"}, in.Lines(10, 9))
	require.Equal(t, []string{"  ore tha", "  n fits_"}, in.Lines(10, 2), "the cursor is seen")
	require.Equal(t, []string{"> first"}, func() []string { in.SetCursor(3); return strip(in.Lines(10, 1)) }())
}

func strip(lines []string) []string {
	for i, l := range lines {
		lines[i] = ansi.Strip(l)
	}
	return lines
}

func TestInputViewShowsTheCursor(t *testing.T) {
	in := focused("> ")
	in.Placeholder = "type"
	require.Equal(t, "> _type", in.View(20))
	press(in, "0123456789")
	require.Equal(t, "> 3456789_", in.View(10))
	press(in, "<home>")
	require.Equal(t, "> \x1b[7m0\x1b[27m1234567", in.View(10))
	th, err := theme.New("default")
	require.NoError(t, err)
	in.Theme = func() *theme.Theme { return th }
	press(in, "<end>")
	require.Equal(t, "> 0123456789 ", ansi.Strip(in.View(40)))
	in.Secret = true
	require.Equal(t, "> ********** ", ansi.Strip(in.View(40)))
}

func TestInputBounds(t *testing.T) {
	in := focused("prompt> ")
	in.Multiline = true
	in.SetValue("日本語\u202eé́́👨‍👩‍👧\nb\n\n" + strings.Repeat("W", 200))
	words := []string{"日本語日本語日本語\t" + strings.Repeat("n", 300), "x\x1b]0;t\x07"}
	for at := range len(in.Value()) + 1 {
		in.SetCursor(at)
		for _, w := range []int{1, 2, 3, 7, 12, 40} {
			require.LessOrEqual(t, ansi.StringWidth(in.View(w)), w)
			for _, h := range []int{1, 2, 5} {
				lines := in.Lines(w, h)
				require.LessOrEqual(t, len(lines), h)
				for _, l := range lines {
					require.LessOrEqual(t, ansi.StringWidth(l), w)
					require.NotContains(t, l, "\u202e")
				}
			}
		}
	}
	in.SetValue("")
	in.SetWords(0, words)
	for w := range 60 {
		for _, l := range in.Popup(w, 3) {
			require.LessOrEqual(t, ansi.StringWidth(l), w)
			require.NotContains(t, l, "\x1b]")
		}
	}
}

func FuzzInputKeys(f *testing.F) {
	f.Add("ab日e\u0301", []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	names := []string{"<left>", "<right>", "<home>", "<end>", "<up>", "<down>", "<tab>", "<backspace>", "<delete>", "<ctrl+w>", "<ctrl+u>", "<ctrl+k>", "<alt+b>", "<alt+f>", "<alt+d>", "<alt+enter>"}
	f.Fuzz(func(t *testing.T, text string, keys []byte) {
		in := focused("")
		in.Multiline = true
		in.Completer = fruit
		for _, k := range keys {
			if int(k) < len(names) {
				press(in, names[k])
			} else {
				in.Update(tea.PasteMsg{Content: text})
			}
			require.LessOrEqual(t, in.Cursor(), len(in.Value()))
			require.True(t, utf8.ValidString(in.Value()[:in.Cursor()]))
			require.LessOrEqual(t, ansi.StringWidth(in.View(20)), 20)
		}
	})
}
