package secrets

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/pane"
)

// fromFile is how a command line reads a value: never from itself.
const fromFile = " < value.txt"

// propose takes a change to the plan and the confirmation.
func (p *Pane) propose(context string, change op.UntypedChange, in any, command string) tea.Cmd {
	return pane.Send(pane.Propose{Pane: name, Context: context, Change: change, In: in, Command: command})
}

func (p *Pane) command(context string, words ...string) string {
	return argv.Line(append(append([]string{"aictl", "secrets"}, words...), asked.Flags(p.env.Contexts, context)...)...)
}

// size reads how many characters a made value has. The value that was typed
// and a made one exclude each other.
func size(text, value string) (int, string) {
	text = strings.TrimSpace(text)
	if text == "" {
		if value == "" {
			return 0, "type a value, or how many characters to make"
		}
		return 0, ""
	}
	if value != "" {
		return 0, "a value is either typed or made: leave one of them empty"
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, "the number of characters is no number"
	}
	return n, ""
}

func refuse(why string) tea.Cmd { return pane.Send(pane.Toast{Text: why, Level: "warn"}) }

// askSet asks for a value to write. The folder of the row is offered.
func (p *Pane) askSet() tea.Cmd {
	context, initial := p.env.Primary().Name, ""
	if r, ok := p.current(); ok {
		context, initial = r.context, r.s.Ref
		if p.detail == nil {
			initial = initial[:strings.LastIndexAny(initial, "/:")+1]
		}
	}
	return pane.Send(pane.Ask{
		Title: "Write a secret",
		Fields: []pane.Field{
			{Label: "Secret", Initial: initial, Required: true, Help: "STORE:PATH, or STORE:PATH#MEMBER"},
			{Label: "Value", Secret: true, Help: "not shown; empty where one is made"},
			{Label: "Or make one of so many characters", Help: "empty where a value is typed"},
			{Label: "Tags", Help: "NAME=VALUE, with blanks between: max-age=90d"},
		},
		Then: func(v []string) tea.Cmd {
			return p.set(context, strings.TrimSpace(v[0]), v[1], v[2], strings.Fields(v[3]))
		},
	})
}

func (p *Pane) set(context, ref, value, characters string, tags []string) tea.Cmd {
	n, wrong := size(characters, value)
	if wrong != "" {
		return refuse(wrong)
	}
	in := &api.SecretSetInput{Ref: ref, Generate: n, Tags: tags}
	words := []string{"set", ref}
	if n > 0 {
		words = append(words, "--generate", strconv.Itoa(n))
	}
	for _, t := range tags {
		words = append(words, "--tag", t)
	}
	command := p.command(context, words...)
	if value != "" {
		in.Value = []byte(value)
		command += fromFile
	}
	return p.propose(context, api.SecretsSet, in, command)
}

// askRotate asks for what a rotation needs to know.
func (p *Pane) askRotate() tea.Cmd {
	r, ok := p.current()
	if !ok {
		return nil
	}
	return pane.Send(pane.Ask{
		Title: "Rotate " + r.s.Ref,
		Fields: []pane.Field{
			{Label: "Make a value of so many characters", Initial: "32", Help: "empty where a value is typed"},
			{Label: "Value", Secret: true, Help: "not shown; empty where one is made"},
			{Label: "Copies", Help: "STORE:PATH in other stores, with blanks between"},
			{Label: "Keep the old version", Initial: "no", Enum: []string{"no", "yes"}},
			{Label: "Verify", Help: "a PromQL expression that must hold afterwards"},
		},
		Then: func(v []string) tea.Cmd {
			return p.rotate(r, v[0], v[1], strings.Fields(v[2]), v[3] == "yes", strings.TrimSpace(v[4]))
		},
	})
}

func (p *Pane) rotate(r row, characters, value string, to []string, keep bool, verify string) tea.Cmd {
	if value != "" && characters == "32" { // the offer was left standing
		characters = ""
	}
	n, wrong := size(characters, value)
	if wrong != "" {
		return refuse(wrong)
	}
	in := &api.SecretRotateInput{Ref: r.s.Ref, Generate: n, To: to, KeepOld: keep, Verify: verify}
	words := []string{"rotate", r.s.Ref}
	if n > 0 {
		words = append(words, "--generate", strconv.Itoa(n))
	}
	for _, c := range to {
		words = append(words, "--to", c)
	}
	if keep {
		words = append(words, "--keep-old")
	}
	if verify != "" {
		words = append(words, "--verify", verify)
	}
	command := p.command(r.context, words...)
	if value != "" {
		in.Value = []byte(value)
		command += fromFile
	}
	p.watch = watch{r.context, r.s.Ref, p.env.Now}
	return p.propose(r.context, api.SecretsRotate, in, command)
}

// finish brings an open rotation to its end, or back.
func (p *Pane) finish(abort bool) tea.Cmd {
	r, ok := p.current()
	x, open := p.openRotation(r)
	if !ok || !open {
		return nil
	}
	in := &api.SecretRotateInput{Ref: x.Ref, Resume: x.ID}
	flag := "--resume"
	if abort {
		in.Resume, in.Abort, flag = "", x.ID, "--abort"
	}
	p.watch = watch{r.context, x.Ref, p.env.Now}
	return p.propose(r.context, api.SecretsRotate, in, p.command(r.context, "rotate", x.Ref, flag, x.ID))
}

func (p *Pane) remove() tea.Cmd {
	r, ok := p.current()
	if !ok {
		return nil
	}
	return p.propose(r.context, api.SecretsDelete, &api.SecretDeleteInput{Ref: r.s.Ref}, p.command(r.context, "delete", r.s.Ref))
}
