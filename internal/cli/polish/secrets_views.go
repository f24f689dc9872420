package polish

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

var secretView = output.View[api.Secret]{
	Kind: "secret", Name: func(s api.Secret) string { return s.Ref },
	Columns: []output.Column[api.Secret]{
		col("ref", func(s api.Secret) string { return s.Ref }),
		{Header: "age", Value: func(s api.Secret, e output.Env) string { return ago(e, s.Updated) }},
		{Header: "rotated", Value: func(s api.Secret, e output.Env) string { return ago(e, s.Rotated) }, Style: func(s api.Secret, _ output.Env) term.Style {
			if s.Overdue {
				return term.Bad
			}
			return term.Plain
		}},
		{Header: "due", Value: secretDue, Style: func(s api.Secret, _ output.Env) term.Style {
			if s.Overdue {
				return term.Bad
			}
			return term.Muted
		}},
		col("version", func(s api.Secret) string { return shortVersion(s.Version) }),
		col("consumers", func(s api.Secret) string { return strings.Join(s.Consumers, " ") }),
		wide("by", func(s api.Secret) string { return s.By }),
		wide("tags", func(s api.Secret) string { return labelWords(s.Tags) }),
		wide("note", secretNote),
	},
}

func ago(e output.Env, t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return e.Ago(t)
}

// secretDue says what a rotation waits for.
func secretDue(s api.Secret, e output.Env) string {
	switch {
	case !s.Deletion.IsZero():
		return "deleted " + e.Time(s.Deletion)
	case s.Overdue:
		return "overdue"
	case s.MaxAge > 0 && !s.Rotated.IsZero():
		return e.Time(s.Rotated.Add(time.Duration(s.MaxAge)))
	case !s.NextRotation.IsZero():
		return e.Time(s.NextRotation)
	}
	return ""
}

// shortVersion cuts a UUID; what it means, nobody reads from it.
func shortVersion(v string) string {
	if len(v) > 12 {
		return v[:8]
	}
	return v
}

func secretNote(s api.Secret) string {
	var parts []string
	if s.Managed != "" {
		parts = append(parts, "managed by "+s.Managed)
	}
	if s.Note != "" {
		parts = append(parts, s.Note)
	}
	return strings.Join(parts, "; ")
}

func (c *secretsCommand) showList(p *output.Printer, out any) error {
	l := out.(api.SecretList) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		if err := p.Print(l); err != nil {
			return err
		}
		return partial(c.f, l.Failed)
	}
	if err := output.List(p, secretView, l.Secrets); err != nil {
		return err
	}
	if len(l.Secrets) == 0 && len(l.Failed) == 0 {
		c.f.Say("There are no such secrets.")
	}
	if len(l.Rotations) > 0 {
		c.f.Say("Cut off: %s. Look with: aictl secrets rotations --open", strings.Join(l.Rotations, ", "))
	}
	return partial(c.f, l.Failed)
}

// showValue prints a revealed value alone, so that it can be piped; on a
// terminal what would steer the terminal is shown, not sent.
func (c *secretsCommand) showValue(p *output.Printer, out any) error {
	v := out.(api.SecretValue) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(v)
	}
	if !v.Revealed {
		if err := c.describe(p, v.Secret); err != nil {
			return err
		}
		_, err := fmt.Fprintf(p.Out(), "%-12s %s\n", "Value:", v.Value)
		return err
	}
	raw := []byte(v.Value)
	if v.Encoding == "base64" {
		decoded, err := base64.StdEncoding.DecodeString(v.Value)
		if err != nil {
			return err
		}
		raw = decoded
	}
	defer clear(raw)
	if c.f.IO.StdoutTTY {
		_, err := fmt.Fprintln(p.Out(), term.Safe(string(raw)))
		return err
	}
	if _, err := p.Out().Write(raw); err != nil {
		return err
	}
	if v.Encoding == "" { // as a line for $(…), which drops it
		_, err := io.WriteString(p.Out(), "\n")
		return err
	}
	return nil
}

func (c *secretsCommand) describe(p *output.Printer, s api.Secret) error {
	env := p.Env()
	var b strings.Builder
	line := func(head, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", head+":", term.SafeLine(value))
		}
	}
	moment := func(head string, t time.Time) {
		switch {
		case t.IsZero():
		case t.After(c.f.Now().Add(-2 * time.Second)): // it came to be by this very command
			line(head, env.Time(t))
		default:
			line(head, env.Time(t)+" ("+env.Ago(t)+")")
		}
	}
	line("Secret", s.Ref)
	line("Version", s.Version)
	moment("Created", s.Created)
	moment("Updated", s.Updated)
	line("By", s.By)
	moment("Rotated", s.Rotated)
	line("Due", secretDue(s, env))
	line("Tags", labelWords(s.Tags))
	line("Note", secretNote(s))
	line("Fingerprint", s.Fingerprint)
	_, err := io.WriteString(p.Out(), b.String())
	return err
}

func (c *secretsCommand) showSet(p *output.Printer, out any) error {
	s := out.(api.Secret) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(s)
	}
	return c.describe(p, s)
}

func (c *secretsCommand) showHistory(p *output.Printer, out any) error {
	h := out.(api.SecretHistory) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(h)
	}
	if err := output.List(p, output.View[api.SecretVersion]{
		Kind: "version", Name: func(v api.SecretVersion) string { return v.Version },
		Columns: []output.Column[api.SecretVersion]{
			col("version", func(v api.SecretVersion) string { return v.Version }),
			{Header: "created", Value: func(v api.SecretVersion, e output.Env) string { return ago(e, v.Created) }},
			col("by", func(v api.SecretVersion) string { return v.By }),
			{Header: "state", Value: plain(versionState), Style: func(v api.SecretVersion, _ output.Env) term.Style {
				if v.Current {
					return term.OK
				}
				return term.Muted
			}},
		},
	}, h.Versions); err != nil || len(h.Writes) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(p.Out(), "\n%s\n", p.Env().Styles.Muted("Written through aictl:")); err != nil {
		return err
	}
	return output.List(p, output.View[api.SecretWrite]{
		Kind: "write", Name: func(w api.SecretWrite) string { return w.Version },
		Columns: []output.Column[api.SecretWrite]{
			{Header: "time", Value: func(w api.SecretWrite, e output.Env) string { return e.Time(w.Time) }},
			col("action", func(w api.SecretWrite) string { return w.Action }),
			col("by", func(w api.SecretWrite) string { return w.By }),
			col("version", func(w api.SecretWrite) string { return shortVersion(w.Version) }),
			col("fingerprint", func(w api.SecretWrite) string { return short(w.Fingerprint) }),
			col("reason", func(w api.SecretWrite) string { return w.Reason }),
		},
	}, h.Writes)
}

func short(fingerprint string) string { return fingerprint[:min(12, len(fingerprint))] }

func versionState(v api.SecretVersion) string {
	switch {
	case v.Revoked:
		return "revoked"
	case v.Current && len(v.Stages) == 0:
		return "current"
	case len(v.Stages) > 0:
		return strings.Join(v.Stages, " ")
	}
	return "kept"
}

func (c *secretsCommand) showDiff(p *output.Printer, out any) error {
	d := out.(api.SecretDiff) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(d)
	}
	return output.List(p, output.View[api.SecretDifference]{
		Kind: "difference", Name: func(x api.SecretDifference) string { return x.Name },
		Columns: []output.Column[api.SecretDifference]{
			{Header: "state", Value: plain(func(x api.SecretDifference) string { return x.State }), Style: func(x api.SecretDifference, _ output.Env) term.Style {
				switch x.State {
				case "equal":
					return term.OK
				case "unknown":
					return term.Warn
				}
				return term.Bad
			}},
			col("name", func(x api.SecretDifference) string { return x.Name }),
			col("left", func(x api.SecretDifference) string { return short(x.LeftPrint) }),
			col("right", func(x api.SecretDifference) string { return short(x.RightPrint) }),
			col("reason", func(x api.SecretDifference) string { return x.Reason }),
			wide("left ref", func(x api.SecretDifference) string { return x.Left }),
			wide("right ref", func(x api.SecretDifference) string { return x.Right }),
		},
	}, d.Secrets)
}

func (c *secretsCommand) showSync(p *output.Printer, out any) error {
	s := out.(api.SecretSync) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(s)
	}
	return output.List(p, output.View[api.SecretSynced]{
		Kind: "secret", Name: func(x api.SecretSynced) string { return x.To },
		Columns: []output.Column[api.SecretSynced]{
			{Header: "action", Value: plain(func(x api.SecretSynced) string {
				if x.Error != "" {
					return "failed"
				}
				return x.Action
			}), Style: func(x api.SecretSynced, _ output.Env) term.Style {
				switch {
				case x.Error != "":
					return term.Bad
				case x.Action == "skip":
					return term.Muted
				}
				return term.OK
			}},
			col("to", func(x api.SecretSynced) string { return x.To }),
			col("from", func(x api.SecretSynced) string { return x.From }),
			col("reason", func(x api.SecretSynced) string {
				if x.Error != "" {
					return x.Error
				}
				return x.Reason
			}),
		},
	}, s.Secrets)
}

func (c *secretsCommand) showRotation(p *output.Printer, out any) error {
	x := out.(api.SecretRotation) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(x)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n", p.Env().Styles.Bold(term.SafeLine(x.ID)), term.SafeLine(x.Ref), p.Env().Styles.Apply(stepStyle(x), x.Step))
	for _, l := range x.Log {
		fmt.Fprintf(&b, "%s  %s\n", p.Env().Styles.Muted(l.Time.Local().Format("15:04:05")), term.SafeLine(l.Text))
	}
	_, err := io.WriteString(p.Out(), b.String())
	return err
}

func stepStyle(x api.SecretRotation) term.Style {
	switch x.Step {
	case "done":
		return term.OK
	case "restored":
		return term.Warn
	}
	return term.Bad
}

func (c *secretsCommand) showRotations(p *output.Printer, out any) error {
	return output.List(p, output.View[api.SecretRotation]{
		Kind: "rotation", Name: func(x api.SecretRotation) string { return x.ID },
		Columns: []output.Column[api.SecretRotation]{
			col("id", func(x api.SecretRotation) string { return x.ID }),
			col("ref", func(x api.SecretRotation) string { return x.Ref }),
			{Header: "step", Value: plain(func(x api.SecretRotation) string { return x.Step }), Style: func(x api.SecretRotation, _ output.Env) term.Style { return stepStyle(x) }},
			{Header: "started", Value: func(x api.SecretRotation, e output.Env) string { return ago(e, x.Started) }},
			col("by", func(x api.SecretRotation) string { return x.By }),
			num("copies", func(x api.SecretRotation) string { return fmt.Sprint(len(x.Targets)) }),
			num("consumers", func(x api.SecretRotation) string { return fmt.Sprint(len(x.Consumers)) }),
			col("failure", func(x api.SecretRotation) string { return x.Failure }),
			wide("reason", func(x api.SecretRotation) string { return x.Reason }),
		},
	}, out.([]api.SecretRotation)) //nolint:forcetypeassert // the declaration says so
}
