package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// headless drives the app without a screen: it runs the commands and gives the
// app their messages.
type headless struct {
	a    *App
	ctx  context.Context //nolint:containedctx // the life of the drive, which close ends
	wg   sync.WaitGroup
	msgs chan tea.Msg
	quit bool
}

// settleFor is how long it waits for the answers of a command before what
// there is has to do.
const settleFor = 1500 * time.Millisecond

func newHeadless(ctx context.Context, a *App) *headless {
	return &headless{a: a, ctx: ctx, msgs: make(chan tea.Msg, 256)}
}

// close joins every command; its context is done by then.
func (x *headless) close() {
	x.a.env.Feeds.Close() // what the commands wait for
	x.wg.Wait()
}

// Visit opens every pane once on the options' contexts and waits for what it
// asks: a recording holds then what the dashboard needs to be shown again.
func Visit(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.Feeds = feed.New(ctx)
	a, err := New(o, Panes)
	if err != nil {
		o.Feeds.Close()
		return err
	}
	x := newHeadless(ctx, a)
	defer x.close()
	defer cancel()
	a.width, a.height = 200, 60 // all that a pane can show
	for i := range a.panes {
		a.front = i
		x.run(a.show(pane.Subject{}, ""))
		x.settle()
	}
	return ctx.Err()
}

// run starts a command; its message comes to settle.
func (x *headless) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	x.wg.Go(func() {
		msg := cmd()
		if msg == nil {
			return
		}
		select {
		case x.msgs <- msg:
		case <-x.ctx.Done():
		}
	})
}

// settle takes messages until none came for a while: the front pane is then
// what there is to know now.
func (x *headless) settle() {
	end := time.After(settleFor)
	for {
		select {
		case msg := <-x.msgs:
			switch msg := msg.(type) {
			case tea.BatchMsg:
				for _, c := range msg {
					x.run(c)
				}
			case tea.QuitMsg:
				x.quit = true
				return
			default:
				_, cmd := x.a.Update(msg)
				x.run(cmd)
			}
		case <-time.After(settleFor / 5):
			return
		case <-end:
			return
		case <-x.ctx.Done():
			return
		}
	}
}
