package widget

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/theme"
)

// inputLimit is the most bytes that an input holds; what comes after is left
// out, as drawing is linear in it.
const inputLimit = 64 << 10

// Input is a text field of one line, or of several: with a history and with
// the completion of words. It draws its own cursor, which does not blink: an
// idle field costs nothing.
//
// Keys: left right home end ctrl+a ctrl+e alt+b alt+f (ctrl+left, ctrl+right)
// move; backspace delete ctrl+w (alt+backspace) alt+d ctrl+u ctrl+k erase; up
// and down go through the history, or through the words when down was pressed
// while they are offered; tab takes a word. Where Multiline, alt+enter,
// shift+enter and ctrl+j begin a line. What enter and esc do is the owner's.
type Input struct {
	Prompt string
	// Placeholder is shown while there is no text.
	Placeholder string
	// Theme gives the styles; nil draws plain, as the mono skin does.
	Theme func() *theme.Theme
	// Completer gives the words that may stand at the end of head, the text
	// before the cursor, and where in it they begin. It is called after each
	// change and must not wait; an owner whose words come later starts to ask
	// for them after Update and brings them by SetWords. A word may be followed
	// by a tab and a note that is shown beside it.
	Completer func(head string) (from int, words []string)
	// Multiline keeps line feeds.
	Multiline bool
	// Secret shows no character of the text.
	Secret bool

	text    string
	at      int // the cursor, a byte offset at the edge of a character
	focused bool

	from   int // where the offered words begin
	words  []string
	chosen int // in words; -1 while none

	history []string
	past    int    // index in history; len(history) is the text being written
	draft   string // that text, while the history is shown
}

// NewInput makes an empty field.
func NewInput(prompt string) *Input { return &Input{Prompt: prompt, chosen: -1} }

// Value is the text.
func (in *Input) Value() string { return in.text }

// SetValue replaces the text and puts the cursor at its end.
func (in *Input) SetValue(s string) {
	s = in.clean(s)
	in.text = s[:cutAt(s, inputLimit)]
	in.at = len(in.text)
	in.past = len(in.history)
	in.CloseWords()
}

// Cursor is the place of the cursor in Value, in bytes.
func (in *Input) Cursor() int { return in.at }

// SetCursor moves the cursor to the character at or before the byte.
func (in *Input) SetCursor(at int) { in.at = edge(in.text, at) }

// Head is the text before the cursor.
func (in *Input) Head() string { return in.text[:in.at] }

// Focus makes the field show its cursor and take keys.
func (in *Input) Focus() { in.focused = true }

// Blur takes the focus away, and the offered words.
func (in *Input) Blur() { in.focused = false; in.CloseWords() }

// Focused reports whether the field has the focus.
func (in *Input) Focused() bool { return in.focused }

// Update takes a key or a paste; it does nothing without the focus. The
// command is nil today.
func (in *Input) Update(msg tea.Msg) tea.Cmd {
	if !in.focused {
		return nil
	}
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		in.key(msg)
	case tea.PasteMsg:
		in.Insert(msg.Content)
	}
	return nil
}

// Insert puts text at the cursor, as typing does.
func (in *Input) Insert(s string) {
	s = in.clean(s)
	s = s[:cutAt(s, inputLimit-len(in.text))]
	in.text = in.text[:in.at] + s + in.text[in.at:]
	in.at += len(s)
	in.changed()
}

// clean drops what no text field holds: control characters. A line feed is a
// blank where there is one line only.
func (in *Input) clean(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case (r == '\n' || r == '\r') && in.Multiline:
			return '\n'
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, s)
}

// changed says that the text is another one.
func (in *Input) changed() {
	in.past = len(in.history)
	in.CloseWords()
	if in.Completer != nil {
		in.SetWords(in.Completer(in.text[:in.at]))
	}
}

func (in *Input) theme() *theme.Theme {
	if in.Theme == nil {
		return &theme.Theme{Name: theme.Mono}
	}
	return in.Theme()
}
