package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/tui/pane"
)

// The accessible dashboard is for screen readers and dumb terminals: nothing
// is redrawn and no key is read alone. It appends what the front pane shows
// when the person asks (an empty line), and takes lines: a pane's name, the
// palette's commands, `key K` for any key, `quit`.

const (
	accessibleWidth  = 100
	accessibleHeight = 40
)

// accessible is the app with lines in place of a screen.
type accessible struct{ *headless }

func (a *App) runAccessible(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	x := &accessible{newHeadless(ctx, a)}
	a.width, a.height = accessibleWidth, accessibleHeight
	defer x.close()
	defer cancel()
	x.run(a.show(pane.Subject{}, ""))
	x.settle()
	x.print()
	lines := x.lines(a.opts.In)
	for !x.quit {
		fmt.Fprint(a.opts.Out, "aictl> ")
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-lines:
			if !ok {
				fmt.Fprintln(a.opts.Out)
				return a.writeCommandLog()
			}
			x.line(line)
		}
	}
	return a.writeCommandLog()
}

// lines reads the input until its end. A read cannot be cancelled, so the
// goroutine lives as long as the process; it holds nothing.
func (x *accessible) lines(in io.Reader) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		s := bufio.NewScanner(in)
		for s.Scan() {
			select {
			case out <- s.Text():
			case <-x.ctx.Done():
				return
			}
		}
	}()
	return out
}

func (x *accessible) line(line string) {
	line = strings.TrimSpace(line)
	a := x.a
	a.env.Now = a.opts.Now()
	a.toast = toast{}
	switch name, rest, _ := strings.Cut(line, " "); {
	case line == "":
		x.run(a.current().Refresh())
	case name == "key":
		for _, k := range strings.Fields(rest) {
			x.run(a.key(keyOf(k)))
			x.settle()
		}
	case name == "keys" || name == "help":
		a.push(newPage(a.env, "Help", append(a.helpLines(), "", "Type a pane's name, a command, `key K`, or an empty line to look again.")))
	default:
		if o := a.top(); o != nil { // a question waits: the line is its answer
			for _, r := range line {
				x.run(a.key(tea.KeyPressMsg{Code: r, Text: string(r)}))
			}
			x.run(a.key(tea.KeyPressMsg{Code: tea.KeyEnter}))
			break
		}
		x.run(a.command(line))
	}
	x.settle()
	if !x.quit {
		x.print()
	}
}

// keyOf makes the key press of a key's name.
func keyOf(name string) tea.KeyPressMsg {
	switch name {
	case "enter":
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	case "esc":
		return tea.KeyPressMsg{Code: tea.KeyEscape}
	case "tab":
		return tea.KeyPressMsg{Code: tea.KeyTab}
	case "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	case "up":
		return tea.KeyPressMsg{Code: tea.KeyUp}
	case "down":
		return tea.KeyPressMsg{Code: tea.KeyDown}
	}
	if c, ok := strings.CutPrefix(name, "ctrl+"); ok && len(c) == 1 {
		return tea.KeyPressMsg{Code: rune(c[0]), Mod: tea.ModCtrl}
	}
	r := []rune(name)
	return tea.KeyPressMsg{Code: r[0], Text: string(r[0])}
}

// print appends what the screen shows, without styles and empty lines.
func (x *accessible) print() {
	a := x.a
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s.\n", a.current().Info().Title, ansi.Strip(a.windowText()))
	if a.protected() {
		b.WriteString("This context is PROTECTED.\n")
	}
	lines := strings.Split(a.current().View(accessibleWidth, accessibleHeight), "\n")
	for _, o := range a.over {
		lines = o.view(accessibleWidth, accessibleHeight)
	}
	for _, l := range lines {
		if l = strings.TrimRight(ansi.Strip(l), " "); l != "" {
			b.WriteString(l + "\n")
		}
	}
	if a.toast.text != "" {
		b.WriteString(strings.TrimSpace(a.toast.level+" "+a.toast.text) + "\n")
	}
	_, _ = io.WriteString(a.opts.Out, b.String())
}
