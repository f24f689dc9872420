package term

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// maxLine bounds an answer in bytes.
const maxLine = 64 << 10

// Confirm asks a yes-or-no question; no is the default. Off a terminal it
// fails with fail.Usage at once and names --yes.
func (t *IO) Confirm(question string) (bool, error) {
	if err := t.mayPrompt("confirmation is needed: "+question, "repeat the command with --yes"); err != nil {
		return false, err
	}
	answer, err := t.ask(Safe(question)+" [y/N] ", true)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// ConfirmName asks the person to type name before something grave happens to
// it. It returns nil when the name was typed, fail.Canceled when something
// else was, and fail.Usage off a terminal.
func (t *IO) ConfirmName(what, name string) error {
	if err := t.mayPrompt("confirmation is needed: "+what, "repeat the command with --yes --reason"); err != nil {
		return err
	}
	answer, err := t.ask(fmt.Sprintf("%s\nType %s to go on: ", Safe(what), t.ErrStyles().Bold(SafeLine(name))), true)
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return fail.New(fail.Canceled, "the name typed is not %q: nothing was changed", name)
	}
	return nil
}

// Ask reads one line of visible text.
func (t *IO) Ask(prompt string) (string, error) {
	if err := t.mayPrompt("an answer is needed: "+prompt, "give it by flag; see --help"); err != nil {
		return "", err
	}
	return t.ask(Safe(prompt), true)
}

// ReadSecret reads one line without showing it. Off a terminal it fails with
// fail.Usage at once: the caller reads stdin or a file where asked to.
func (t *IO) ReadSecret(prompt string) (string, error) {
	if err := t.mayPrompt("a secret is needed and there is no terminal to ask on",
		"give it on standard input or as a file; see --help"); err != nil {
		return "", err
	}
	return t.ask(Safe(prompt), false)
}

func (t *IO) mayPrompt(what, next string) error {
	if t.Interactive() {
		return nil
	}
	return fail.New(fail.Usage, "%s", strings.TrimRight(what, " :?")).Hint("%s", next)
}

// ask edits one line in raw mode, where Ctrl-C is a key like any other. In
// cooked mode it would be a signal, and the read would go on waiting: only a
// goroutine that nobody can join could watch for it.
func (t *IO) ask(prompt string, echo bool) (string, error) {
	if _, err := fmt.Fprint(t.Err, prompt); err != nil {
		return "", err
	}
	restore, err := t.raw()
	if err != nil {
		return "", fail.Wrap(fail.Internal, err, "switching the terminal to raw mode")
	}
	defer restore()
	line, err := readLine(t.In, t.Err, echo)
	if _, werr := io.WriteString(t.Err, "\r\n"); err == nil && werr != nil {
		err = werr
	}
	return line, err
}

// readLine reads bytes one at a time, so that nothing typed ahead is lost.
func readLine(in io.Reader, out io.Writer, echo bool) (string, error) {
	var line []byte
	show := func(s string) {
		if echo {
			_, _ = io.WriteString(out, s)
		}
	}
	erase := func() {
		r, n := utf8.DecodeLastRune(line)
		line = line[:len(line)-n]
		show(strings.Repeat("\b \b", Width(string(r))))
	}
	var b [1]byte
	for {
		n, err := in.Read(b[:])
		if n == 0 {
			if errors.Is(err, io.EOF) {
				return "", fail.New(fail.Canceled, "input ended before an answer")
			}
			if err != nil {
				return "", fail.Wrap(fail.Internal, err, "reading the answer")
			}
			continue
		}
		switch c := b[0]; {
		case c == '\r' || c == '\n':
			if !utf8.Valid(line) {
				return "", fail.New(fail.Usage, "the answer is not valid UTF-8")
			}
			return string(line), nil
		case c == 0x03 || c == 0x04 && len(line) == 0: // Ctrl-C, Ctrl-D
			return "", fail.New(fail.Canceled, "cancelled at the prompt")
		case c == 0x7f || c == 0x08: // backspace
			if len(line) > 0 {
				erase()
			}
		case c == 0x15: // Ctrl-U
			for len(line) > 0 {
				erase()
			}
		case c < 0x20: // other keys edit nothing
		case len(line) >= maxLine:
			return "", fail.New(fail.TooLarge, "the answer is longer than %d bytes", maxLine)
		default:
			line = append(line, c)
			show(string(b[:]))
		}
	}
}
