// Package term is the border between aictl and the terminal: the three
// streams with the facts about them, semantic styles, text that is safe to
// show, prompts and the pager.
//
// It promises that nothing which came from outside can steer the terminal
// once it went through Safe, SafeBytes or a SafeWriter; that colour is written
// only where the person can see it and has not refused it; and that no prompt
// waits where nobody can answer. It does not lay out tables (package output)
// and holds no global state: everything hangs on an IO value.
package term

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"

	xterm "golang.org/x/term"
)

// DefaultWidth is the width in columns where no terminal says otherwise.
const DefaultWidth = 80

// DefaultHeight is the height in lines where no terminal says otherwise.
const DefaultHeight = 24

// IO is the set of streams of one run, with the facts about them. It is made
// once, by System or Test, and then only read; DisableColor is for start-up.
type IO struct {
	In  io.Reader
	Out io.Writer // data
	Err io.Writer // conversation: progress, prompts, errors

	StdinTTY  bool
	StdoutTTY bool
	StderrTTY bool
	// Width is the width of the terminal in columns, DefaultWidth without one.
	Width int
	// Height is that in lines; 0 is DefaultHeight.
	Height int
	// ColorEnabled says that Out may carry colour.
	ColorEnabled bool
	// ErrColorEnabled says that Err may carry colour. It needs a terminal on
	// both streams: with a pipe on Out, neither carries an escape sequence.
	ErrColorEnabled bool
	// Accessible asks for plain words in place of redrawing and symbols.
	Accessible bool
	// CI says that nobody watches: no prompts, no spinners.
	CI bool

	env func(string) string
	// raw puts the terminal of In into raw mode and returns how to leave it.
	raw func() (restore func(), err error)
}

// System describes the streams of this process. env is os.Getenv, or a map in
// tests. It costs four system calls and no allocation to speak of.
func System(env func(string) string) *IO {
	t := &IO{
		In: os.Stdin, Out: NewPipeWriter(os.Stdout), Err: NewPipeWriter(os.Stderr),
		StdinTTY:  xterm.IsTerminal(int(os.Stdin.Fd())),
		StdoutTTY: xterm.IsTerminal(int(os.Stdout.Fd())),
		StderrTTY: xterm.IsTerminal(int(os.Stderr.Fd())),
		Width:     DefaultWidth,
		env:       env,
		raw: func() (func(), error) {
			fd := int(os.Stdin.Fd())
			old, err := xterm.MakeRaw(fd)
			if err != nil {
				return nil, err
			}
			return func() { _ = xterm.Restore(fd, old) }, nil
		},
	}
	if t.StdoutTTY {
		if w, h, err := xterm.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
			t.Width, t.Height = w, h
		}
	}
	if w, err := strconv.Atoi(env("COLUMNS")); err == nil && w > 0 && t.StdoutTTY {
		t.Width = w
	}
	t.decide()
	return t
}

// decide derives colour, accessibility and CI from the environment. NO_COLOR
// (no-color.org) beats CLICOLOR_FORCE, which beats TERM=dumb and a pipe.
func (t *IO) decide() {
	t.CI = truthy(t.env("CI"))
	t.Accessible = truthy(t.env("ACCESSIBLE"))
	switch {
	case t.env("NO_COLOR") != "" || truthy(t.env("AICTL_NO_COLOR")):
		t.ColorEnabled, t.ErrColorEnabled = false, false
	case truthy(t.env("CLICOLOR_FORCE")):
		t.ColorEnabled, t.ErrColorEnabled = true, true
	case t.env("TERM") == "dumb" || t.env("CLICOLOR") == "0":
		t.ColorEnabled, t.ErrColorEnabled = false, false
	default:
		t.ColorEnabled = t.StdoutTTY
		t.ErrColorEnabled = t.StdoutTTY && t.StderrTTY
	}
}

// truthy reads a switch of the environment: set, and not 0, false or no.
func truthy(s string) bool {
	switch s {
	case "", "0", "false", "False", "FALSE", "no", "off":
		return false
	}
	return true
}

// DisableColor is what --no-color does.
func (t *IO) DisableColor() { t.ColorEnabled, t.ErrColorEnabled = false, false }

// Getenv reads the environment that the IO was built with.
func (t *IO) Getenv(key string) string {
	if t.env == nil {
		return ""
	}
	return t.env(key)
}

// Interactive says that a person can see and answer: In and Out are terminals
// and this is no CI run.
func (t *IO) Interactive() bool { return t.StdinTTY && t.StdoutTTY && !t.CI }

// Animated says that a spinner or a redrawn line makes sense on Err.
func (t *IO) Animated() bool {
	return t.StdoutTTY && t.StderrTTY && !t.CI && !t.Accessible && t.Getenv("TERM") != "dumb"
}

// Styles are the styles for Out.
func (t *IO) Styles() Styles { return Styles{on: t.ColorEnabled} }

// ErrStyles are the styles for Err.
func (t *IO) ErrStyles() Styles { return Styles{on: t.ErrColorEnabled} }

// ASCIIOnly says that braille and block characters cannot be expected to show.
func (t *IO) ASCIIOnly() bool { return t.Accessible || t.Getenv("TERM") == "dumb" || !t.utf8() }

// utf8 reads the locale as POSIX orders its variables.
func (t *IO) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(t.Getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}

// Captured gives streams for a run inside of another one: no terminal, nothing
// to read, and what is written goes to out and errOut.
func Captured(out, errOut io.Writer, width int, env func(string) string) *IO {
	t := &IO{In: strings.NewReader(""), Out: out, Err: errOut, Width: width, env: env, raw: func() (func(), error) { return func() {}, nil }}
	t.decide()
	return t
}

// Test gives streams over buffers with no terminal anywhere. A test that
// plays a person sets StdinTTY and StdoutTTY and writes the keys into in.
func Test() (t *IO, in, out, errOut *bytes.Buffer) {
	in, out, errOut = &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}
	t = &IO{
		In: in, Out: out, Err: errOut, Width: DefaultWidth,
		env: func(string) string { return "" },
		raw: func() (func(), error) { return func() {}, nil },
	}
	return t, in, out, errOut
}

// SetEnv replaces the environment and decides again; for tests.
func (t *IO) SetEnv(env func(string) string) {
	t.env = env
	t.decide()
}
