package services

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// call is an operation that is filled in, or that was called.
type call struct {
	context, service string
	operation        api.ServiceOperation
	form             *widget.Form
	note             string // why the form is not filled in as it should be
	run              *run   // nil while it is filled in
}

// fillIn opens the form of an operation, with its example.
func (p *Pane) fillIn(o api.ServiceOperation) tea.Cmd {
	c := &call{context: p.detail.context, service: p.detail.name, operation: o}
	form, err := widget.NewForm(p.theme, o.Input)
	if err != nil { // the service's own fault: it can be called all the same
		form, _ = widget.NewForm(p.theme, nil)
		c.note = "its schema cannot be read: " + err.Error()
	}
	form.Verb = "invoke"
	if len(o.Examples) > 0 {
		if err := form.Set(o.Examples[0]); err != nil {
			c.note = "its example is left out: " + err.Error()
		}
	}
	c.form = form
	p.call = c
	return nil
}

// invokeWithin bounds a call, as the command line does: a model takes its time.
const invokeWithin = 5 * time.Minute

// invoke calls the operation with what was filled in, which is good.
func (p *Pane) invoke() tea.Cmd {
	c := p.call
	data, err := c.form.Value()
	if err != nil {
		return nil // the form says so
	}
	in := api.InvokeInput{Service: c.service, Operation: c.operation.Name, Data: compact(data)}
	c.run = newRun(c.operation.Streams, p.env.Now)
	c.run.page.Match = p.env.Theme.Match
	to := p.env.Context(c.context)
	ran := pane.Send(pane.Ran{Command: c.command(p.env)})
	if c.operation.Streams {
		return tea.Batch(ran, feed.Open(p.env.Feeds, key(slotInvoke), to, api.ServicesStream, in, feed.StreamOptions[api.InvokeInput, api.InvokeEvent]{}))
	}
	return tea.Batch(ran, feed.Within(p.env.Feeds, key(slotInvoke), invokeWithin, []feed.Context{to}, func(ctx context.Context, c feed.Context) (any, error) {
		return api.ServicesInvoke.Call(ctx, c.Caller, in)
	}))
}

func compact(v json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return v
	}
	return b.Bytes()
}

// command is the command line of the call. A secret is no part of it: the
// input then comes from a file.
func (c *call) command(env *pane.Env) string {
	v, whole := c.form.Public()
	if !whole {
		return argv.Line(append([]string{"aictl", "invoke", c.service, c.operation.Name, "-d", "@input.json"}, c.more(env)...)...)
	}
	return invocation(c.service, c.operation.Name, c.operation.Streams, compact(v), asked.Flags(env.Contexts, c.context)...)
}

func (c *call) more(env *pane.Env) []string {
	if c.operation.Streams {
		return append([]string{"--stream"}, asked.Flags(env.Contexts, c.context)...)
	}
	return asked.Flags(env.Contexts, c.context)
}
