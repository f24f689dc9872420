package deployments

import (
	"fmt"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// label is how wide the words before the facts are.
const label = 10

// fact is a line with its word in front, broken to the width.
func (r *rollout) fact(word, text string, style theme.Style, width int) []string {
	if text == "" {
		return nil
	}
	th := r.p.env.Theme
	text = safe(text)
	if width < 3*label { // no room for words in front
		return widget.Wrap(th.Muted.Render(word+": ")+style.Render(text), width)
	}
	out := widget.Wrap(style.Render(text), width-label-1)
	for i := range out {
		if i > 0 {
			word = ""
		}
		out[i] = th.Muted.Render(widget.Fit(word, label)) + " " + out[i]
	}
	return out
}

func (r *rollout) facts(width int) []string {
	th, plain := r.p.env.Theme, theme.Style{}
	var out []string
	add := func(word, text string, style theme.Style) { out = append(out, r.fact(word, text, style, width)...) }
	if v := r.verdict; v != nil {
		_, style := r.p.outcome(*v)
		add("Why", v.Message, style)
		if v.Replica != "" && v.Outcome != api.DeployProgressing {
			text := v.Replica
			if v.Affected > 1 {
				text += fmt.Sprintf(", and %d more", v.Affected-1)
			}
			add("Replica", text, plain)
		}
		add("Exit", r.exit(v.Exit), plain)
		if !v.Since.IsZero() && v.Outcome != api.DeployComplete {
			add("Since", r.p.clock(v.Since)+", "+r.p.agoWords(v.Since), plain)
		}
		if v.Detail != "" && !strings.Contains(v.Message, oneLine(v.Detail)) {
			add("Engine", v.Detail, plain)
		}
		for _, n := range v.Notes {
			add("Note", n, th.Warn)
		}
		add("Next", v.Next, th.Accent)
	}
	if w := r.workload; w != nil {
		add("Replicas", r.share(w, width), plain)
		revision := w.Revision
		if revision != "" && !w.Changed.IsZero() {
			revision += ", " + r.p.agoWords(w.Changed)
		}
		if w.Cause != "" {
			revision += ": " + w.Cause
		}
		add("Revision", revision, plain)
		add("Images", strings.Join(w.Images, ", "), plain)
		add("Engine", strings.TrimSpace(w.Engine+" "+w.Context), plain)
	}
	if c := r.canary; c != nil {
		text := fmt.Sprintf("revision %s gets %d %% of the calls", c.Revision, c.Weight)
		if !c.Since.IsZero() {
			text += " since " + r.p.clock(c.Since)
		}
		if c.Message != "" {
			text += "; " + c.Message
		}
		add("Canary", text, th.Info)
	}
	return out
}

// share is how far the replicas are, as a bar where there is room, and in
// words.
func (r *rollout) share(w *api.Workload, width int) string {
	words := fmt.Sprintf("%d of %d ready, %d updated, %d available", w.Ready, w.Desired, w.Updated, w.Available)
	if width < 60 || w.Desired == 0 {
		return words
	}
	return bar(min(w.Updated, w.Available), w.Desired, 20, r.p.env.ASCII) + " " + words
}

func (r *rollout) exit(e *api.DeployExit) string {
	if e == nil {
		return ""
	}
	words := fmt.Sprintf("code %d", e.Code)
	for _, more := range []string{e.Signal, e.Reason} {
		if more != "" {
			words += ", " + more
		}
	}
	if !e.At.IsZero() {
		words += ", " + r.p.agoWords(e.At)
	}
	return words
}

// crash are the last lines of the container that crashed.
func (r *rollout) crash(width int) []string {
	if r.verdict == nil || len(r.verdict.Logs) == 0 {
		return nil
	}
	th, v := r.p.env.Theme, r.verdict
	out := []string{"", th.Header.Render(widget.Cut("Last lines of "+safe(v.Replica+"/"+v.Container), width))}
	for _, e := range v.Logs {
		text := e.Message
		if len(text) > maxLine {
			text = text[:maxLine]
		}
		for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
			out = append(out, widget.Cut("  "+th.Severity(e.Level).Render(term.SafeLine(line)), width))
		}
	}
	return out
}
