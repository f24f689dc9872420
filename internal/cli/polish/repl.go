package polish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/ergochat/readline"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// repl is a conversation on a terminal. Without a session the messages are
// kept here, with one on the server.
type repl struct {
	f      *factory.Factory
	chat   *chatCommand
	caller op.Caller
	q      api.ChatInput
	last   answer
	usage  api.ChatUsage
	editor *readline.Instance
}

// errLeave ends the conversation well.
var errLeave = errors.New("leave")

// replCommands are the commands of the conversation; run gets the rest of the
// line.
func (r *repl) commands() map[string]struct {
	help string
	run  func(ctx context.Context, rest string) error
} {
	type command = struct {
		help string
		run  func(ctx context.Context, rest string) error
	}
	return map[string]command{
		"help":     {"show these commands", func(context.Context, string) error { return r.help() }},
		"exit":     {"leave (Ctrl-D does the same)", func(context.Context, string) error { return errLeave }},
		"new":      {"forget the conversation and begin another", func(context.Context, string) error { return r.forget() }},
		"session":  {"NAME: go on in a session that the server keeps", r.session},
		"sessions": {"list your sessions", r.sessions},
		"model":    {"NAME: answer with another model from now on", r.model},
		"system":   {"TEXT: set the system prompt", r.system},
		"file":     {"PATH: ask about a file", r.file},
		"usage":    {"tokens used in this conversation", func(context.Context, string) error { return r.showUsage() }},
		"save":     {"PATH: write the last answer into a new file", r.save},
	}
}

func (c *chatCommand) repl(ctx context.Context, q api.ChatInput) error {
	cl, target, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	// Fail before the prompt appears, not after the first question.
	probe, cancel := c.f.Deadline(ctx, 5*time.Second)
	_, err = api.AuthWhoami.Call(probe, cl, api.None{})
	cancel()
	if err != nil {
		return err
	}
	r := &repl{f: c.f, chat: c, caller: cl, q: q}
	names := r.commandNames()
	cfg := &readline.Config{
		Prompt: c.f.IO.Styles().Accent("aictl> "), HistorySearchFold: true, HistoryLimit: 1000,
		AutoComplete: slashCompleter(names),
	}
	if dir := config.StateHome(c.f.Env); dir != "" && os.MkdirAll(dir, 0o700) == nil {
		cfg.HistoryFile = filepath.Join(dir, "chat_history")
		if file, err := os.OpenFile(cfg.HistoryFile, os.O_CREATE, 0o600); err == nil { // its permissions, before readline makes it
			_ = file.Close()
		}
	}
	editor, err := readline.NewFromConfig(cfg)
	if err != nil {
		return fail.Wrap(fail.Failed, err, "starting the line editor")
	}
	r.editor = editor
	defer func() { _ = editor.Close() }()
	c.f.Say("Chat with %s. /help shows the commands, Ctrl-C cancels an answer, Ctrl-D leaves.", target.Server)
	return r.loop(ctx)
}

func (r *repl) loop(ctx context.Context) error {
	for {
		line, err := r.editor.ReadLine()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			r.f.Say("(Ctrl-D or /exit leaves)")
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fail.Wrap(fail.Failed, err, "reading the line")
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		err = r.turn(ctx, line)
		switch {
		case errors.Is(err, errLeave):
			return nil
		case fail.CodeOf(err) == fail.Canceled:
			r.f.Say("\n(cancelled)")
		case err != nil:
			e := fail.From(err)
			r.f.Say("error: %s", term.SafeLine(e.Error()))
			if e.Next != "" {
				r.f.Say("next: %s", e.Next)
			}
		}
	}
}

// turn runs one line. Ctrl-C cancels the turn and not the conversation: the
// signal is this function's while it runs.
func (r *repl) turn(parent context.Context, line string) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(parent), os.Interrupt)
	defer stop()
	if word, ok := strings.CutPrefix(line, "/"); ok {
		name, rest, _ := strings.Cut(word, " ")
		if c, known := r.commands()[name]; known {
			return c.run(ctx, strings.TrimSpace(rest))
		}
		return fail.New(fail.Usage, "unknown command /%s", name).Hint("/help")
	}
	return r.ask(ctx, line)
}

func (r *repl) ask(ctx context.Context, prompt string) error {
	q := r.q
	q.Prompt = prompt
	w := r.chat.writer()
	a, err := r.chat.stream(ctx, r.caller, q, w)
	err = errors.Join(err, w.Close())
	if err != nil {
		return err
	}
	r.last = a
	if a.Usage != nil {
		r.usage.InputTokens += a.Usage.InputTokens
		r.usage.OutputTokens += a.Usage.OutputTokens
		r.usage.Cost += a.Usage.Cost
	}
	if r.q.Session == "" {
		r.q.Messages = append(r.q.Messages,
			api.ChatMessage{Role: "user", Content: prompt}, api.ChatMessage{Role: "assistant", Content: a.Answer})
	}
	return nil
}

func (r *repl) commandNames() []string {
	var names []string
	for name := range r.commands() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (r *repl) help() error {
	for _, name := range r.commandNames() {
		r.f.Say("  /%-9s %s", name, r.commands()[name].help)
	}
	return nil
}

func (r *repl) forget() error {
	r.q.Messages, r.q.Session, r.usage = nil, "", api.ChatUsage{}
	r.f.Say("A new conversation.")
	return nil
}

func (r *repl) session(ctx context.Context, name string) error {
	if name == "" {
		return fail.New(fail.Usage, "/session wants a name").Hint("/sessions")
	}
	r.q.Session, r.q.Messages = name, nil
	d, err := api.SessionsShow.Call(ctx, r.caller, api.SessionName{Name: name})
	switch {
	case fail.CodeOf(err) == fail.NotFound:
		r.f.Say("A new session named %s.", name)
		return nil
	case err != nil:
		return err
	}
	r.f.Say("Session %s: %d messages, last %s.", name, d.Messages, d.Updated.Local().Format(time.DateTime))
	return nil
}

func (r *repl) sessions(ctx context.Context, _ string) error {
	list, err := api.SessionsList.Call(ctx, r.caller, api.None{})
	if err != nil {
		return err
	}
	for _, s := range list {
		r.f.Say("  %-20s %4d messages  %s", s.Name, s.Messages, term.SafeLine(s.Title))
	}
	if len(list) == 0 {
		r.f.Say("No sessions yet. /session NAME starts one.")
	}
	return nil
}

func (r *repl) model(_ context.Context, name string) error {
	r.q.Model = name
	r.f.Say("The model is %s.", orDefault(name))
	return nil
}

func (r *repl) system(_ context.Context, text string) error {
	r.q.System = text
	r.f.Say("The system prompt is %s.", orDefault(text))
	return nil
}

func orDefault(s string) string {
	if s == "" {
		return "the default"
	}
	return s
}

func (r *repl) file(ctx context.Context, path string) error {
	body, err := r.chat.readFile(path)
	if err != nil {
		return err
	}
	return r.ask(ctx, fmt.Sprintf("--- %s ---\n%s", filepath.Base(path), body))
}

func (r *repl) showUsage() error {
	r.f.Say("%d tokens in, %d out.", r.usage.InputTokens, r.usage.OutputTokens)
	return nil
}

func (r *repl) save(_ context.Context, path string) error {
	if path == "" || r.last.Answer == "" {
		return fail.New(fail.Usage, "/save wants a path, and an answer to save")
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail.Wrap(fail.Failed, err, "writing the answer")
	}
	_, err = file.WriteString(r.last.Answer)
	return errors.Join(err, file.Close())
}

// slashCompleter completes the commands of the conversation.
func slashCompleter(names []string) readline.AutoCompleter {
	var items []*readline.PrefixCompleter
	for _, n := range names {
		items = append(items, readline.PcItem("/"+n))
	}
	return readline.NewPrefixCompleter(items...)
}
