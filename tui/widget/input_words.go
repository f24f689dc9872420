package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/term"
)

// SetWords offers words for the text from a byte of Value to the cursor; those
// that do not begin as the text there does are left out, and so is the word
// that is complete already. Late words that begin behind the cursor are
// dropped.
func (in *Input) SetWords(from int, words []string) {
	in.CloseWords()
	if from < 0 || from > in.at {
		return
	}
	typed := in.text[from:in.at]
	for _, w := range words {
		if plain := plainWord(w); strings.HasPrefix(plain, typed) && plain != typed {
			in.words = append(in.words, w)
		}
	}
	in.from = from
}

// CloseWords takes the offer back, and reports whether there was one.
func (in *Input) CloseWords() bool {
	had := len(in.words) > 0
	in.words, in.chosen, in.from = nil, -1, 0
	return had
}

// Accept takes the word that was chosen with the arrows, and reports whether
// there was one: what enter does before anything else.
func (in *Input) Accept() bool {
	if in.chosen < 0 {
		return false
	}
	in.put(plainWord(in.words[in.chosen]))
	return true
}

// Offering reports whether words are offered.
func (in *Input) Offering() bool { return len(in.words) > 0 }

// plainWord is a word without its note.
func plainWord(word string) string {
	word, _, _ = strings.Cut(word, "\t")
	return word
}

// choose moves the choice; above the first word there is none.
func (in *Input) choose(by int) {
	in.chosen = min(max(in.chosen+by, -1), len(in.words)-1)
}

// take does what tab does: the chosen word, else the only one, else as much as
// all have in common, else the first is chosen.
func (in *Input) take() {
	switch {
	case len(in.words) == 0:
		return
	case in.Accept():
		return
	case len(in.words) == 1:
		in.put(plainWord(in.words[0]))
		return
	}
	common := plainWord(in.words[0])
	for _, w := range in.words[1:] {
		common = shared(common, plainWord(w))
	}
	if len(common) > in.at-in.from {
		in.put(common)
		return
	}
	in.chosen = 0
}

// shared is how both begin, in whole runes.
func shared(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:cutAt(a, n)]
}

func (in *Input) put(word string) {
	typed := min(in.at-in.from, len(word))
	in.Insert(word[typed:])
}

// Popup is the offer in at most height lines, as wide as the widest word and
// at most width; nil without one.
func (in *Input) Popup(width, height int) []string {
	if len(in.words) == 0 || width < 4 || height < 1 || !in.focused {
		return nil
	}
	first := min(max(in.chosen-height/2, 0), max(len(in.words)-height, 0))
	shown := in.words[first:min(first+height, len(in.words))]
	name, wide := 0, 0
	for _, w := range shown {
		word, note, _ := strings.Cut(w, "\t")
		name = max(name, ansi.StringWidth(term.SafeLine(word)))
		wide = max(wide, ansi.StringWidth(term.SafeLine(note)))
	}
	name = min(name, width-2)
	if wide += name + 4; wide == name+4 {
		wide = name + 2
	}
	wide = min(wide, width)
	th := in.theme()
	out := make([]string, len(shown))
	for i, w := range shown {
		word, note, _ := strings.Cut(w, "\t")
		sign, style, muted := " ", th.Text, th.Muted
		if first+i == in.chosen {
			sign, style, muted = ">", th.Selected, th.Selected
		}
		left := Fit(sign+term.SafeLine(word), min(name+1, wide))
		out[i] = style.Render(left) + muted.Render(Fit("  "+term.SafeLine(note), wide-ansi.StringWidth(left)))
	}
	return out
}
