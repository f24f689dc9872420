package metrics

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
)

// slotBoards is where the boards file is read.
const slotBoards = "boards"

// load reads the boards file, where there is one to read: at first, and again
// with every refresh after it could not be read.
func (p *Pane) load() tea.Cmd {
	path := p.env.Settings.Boards
	switch {
	case p.reading, p.loaded && p.fileErr == nil:
		return nil
	case path == "":
		p.take(builtin(), nil)
		return nil
	}
	p.reading = true
	return feed.Do(p.env.Feeds, feed.Key{Pane: name, Slot: slotBoards}, p.env.First(), func(context.Context, feed.Context) (any, error) {
		text, err := readBoards(path)
		if err != nil {
			return nil, err
		}
		return parseBoards(path, text)
	})
}

// readBoards reads the file, bounded: it is a person's, and might be anything.
func readBoards(path string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	f, err := os.Open(path) //nolint:gosec // the person's own settings name it
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail.New(fail.NotFound, "there is no boards file %s", path).Hint("docs/examples/boards.yaml is one")
	}
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "reading the boards file")
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxBoardFile+1))
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "reading the boards file")
	}
	if len(text) > maxBoardFile {
		return nil, fail.New(fail.TooLarge, "the boards file %s has more than %d bytes", path, maxBoardFile)
	}
	return text, nil
}

// onBoards takes what was read.
func (p *Pane) onBoards(a feed.Answer) tea.Cmd {
	p.reading = false
	if a.Canceled() {
		return nil
	}
	boards, err := feed.One[[]Board](a)
	if err != nil {
		boards = builtin()
	}
	p.take(boards, err)
	if s := p.pending; s != nil {
		p.pending = nil
		return p.Open(*s)
	}
	return p.due()
}

// take shows boards.
func (p *Pane) take(boards []Board, err error) {
	if p.fileErr = err; p.loaded && err != nil {
		return // the built-in ones are there already
	}
	zoomed, at := p.zoomed, p.at
	p.boards, p.loaded = boards, true
	p.pick(p.wanted)
	if at < len(p.plots) {
		p.zoomed, p.at = zoomed, at
	}
}

// current is the board that is shown; the zero one before there are any.
func (p *Pane) current() Board {
	if p.board < len(p.boards) {
		return p.boards[p.board]
	}
	return Board{}
}

// pick shows the board of a name, or the first one.
func (p *Pane) pick(board string) {
	p.board = 0
	for i, b := range p.boards {
		if b.Name == board {
			p.board = i
		}
	}
	p.fill()
}

// fill makes the plots of the board, as the person changed it.
func (p *Pane) fill() {
	for _, one := range p.plots {
		p.env.Feeds.Stop(one.key())
	}
	b := p.current()
	p.plots, p.at, p.zoomed = nil, 0, false
	if !b.visited {
		p.wanted = b.Name
	}
	list, changed := p.custom[b.Name]
	if !changed || b.visited {
		list = b.Plots
	}
	for _, s := range list {
		p.plots = append(p.plots, p.newPlot(s))
	}
}

// visit shows a board that was made for what the person came from, as the last
// of the boards; there is one at a time, and it is not kept.
func (p *Pane) visit(b Board) {
	b.visited = true
	if have := p.current(); have.visited && have.Name == b.Name && len(p.plots) > 0 {
		return
	}
	p.boards = append(p.own(), b)
	p.board = len(p.boards) - 1
	p.fill()
}

// own are the boards that were not made for a visit.
func (p *Pane) own() []Board {
	var out []Board
	for _, b := range p.boards {
		if !b.visited {
			out = append(out, b)
		}
	}
	return out
}

// showQuery shows one expression alone: the plot that has it already, or one
// on a board of its own.
func (p *Pane) showQuery(query string) {
	for i, one := range p.plots {
		if one.spec.Query == query {
			p.at, p.zoomed = i, true
			return
		}
	}
	p.visit(Board{Name: query, Title: "Expression", Plots: plots{{Query: query}}})
}
