package polish

import (
	"context"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
)

type secretsCommand struct{ f *factory.Factory }

// secretsRuns are the commands of secrets, with their views.
func secretsRuns(f *factory.Factory) map[string]Run {
	c := &secretsCommand{f}
	f.Views[api.SecretsList.ID] = c.showList
	f.Views[api.SecretsGet.ID] = c.showValue
	f.Views[api.SecretsHistory.ID] = c.showHistory
	f.Views[api.SecretsDiff.ID] = c.showDiff
	f.Views[api.SecretsSet.ID] = c.showSet
	f.Views[api.SecretsSync.ID] = c.showSync
	f.Views[api.SecretsRotate.ID] = c.showRotation
	f.Views[api.SecretsRotations.ID] = c.showRotations
	return map[string]Run{
		api.SecretsSet.ID:    c.set,
		api.SecretsGet.ID:    c.get,
		api.SecretsDiff.ID:   c.diff,
		api.SecretsSync.ID:   c.sync,
		api.SecretsRotate.ID: c.rotate,
	}
}

func secretsValueFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("from-file", "", "read the value from this file, byte by byte; - is standard input")
	cmd.Use = "set REF"
	if cmd.Annotations["aictl.operation"] == api.SecretsRotate.ID {
		cmd.Use = "rotate REF"
	}
}

// value takes the new value from where the person has it. It never comes from
// the command line: other users read that, and the shell keeps it.
func (c *secretsCommand) value(cmd *cobra.Command, generate int, name string) ([]byte, error) {
	file := text(cmd, "from-file")
	undumpable()
	switch {
	case generate != 0 && file != "":
		return nil, fail.New(fail.Usage, "a value is either read or made, not both").Hint("leave --generate or --from-file away")
	case generate != 0:
		return nil, nil
	case file != "" && file != "-":
		in, err := os.Open(file) //nolint:gosec // the person names it
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the value")
		}
		defer func() { _ = in.Close() }()
		return readValue(in)
	case file == "-" || !c.f.IO.StdinTTY:
		b, err := readValue(c.f.IO.In)
		if err == nil && file != "-" && len(b) > 0 && b[len(b)-1] == '\n' { // of echo and here-strings
			b = b[:len(b)-1]
		}
		return b, err
	}
	first, err := c.f.IO.ReadSecret("New value of " + name + " (not shown): ")
	if err != nil {
		return nil, err
	}
	again, err := c.f.IO.ReadSecret("Once more: ")
	if err != nil {
		return nil, err
	}
	if first != again {
		return nil, fail.New(fail.Usage, "the two were not the same; nothing was changed")
	}
	return []byte(first), nil
}

// readValue reads a value through secrets.ReadValue, which bounds it and leaves
// no copies behind.
func readValue(r io.Reader) ([]byte, error) {
	v, err := secrets.ReadValue(r)
	return v.Bytes(), err
}

func (c *secretsCommand) set(cmd *cobra.Command, in any) (err error) {
	q := in.(*api.SecretSetInput) //nolint:forcetypeassert // the declaration says so
	if _, err := secrets.ParseRef(q.Ref); err != nil {
		return err
	}
	if q.Value, err = c.value(cmd, q.Generate, q.Ref); err != nil {
		return err
	}
	_, _, err = c.change(cmd.Context(), api.SecretsSet, q, time.Minute, q.Value)
	return err
}

func (c *secretsCommand) get(cmd *cobra.Command, in any) error {
	q := in.(*api.SecretGetInput) //nolint:forcetypeassert // the declaration says so
	if _, err := secrets.ParseRef(q.Ref); err != nil {
		return err
	}
	if q.Reveal {
		undumpable()
	}
	return c.f.Run(cmd.Context(), api.SecretsGet, q)
}

// compare asks the one context, or makes the comparison of two.
func (c *secretsCommand) compare(ctx context.Context, q *api.SecretDiffInput) (api.SecretDiff, error) {
	s, err := c.f.Settings()
	if err != nil {
		return api.SecretDiff{}, err
	}
	if len(s.Targets) == 2 {
		return c.acrossContexts(ctx, q, s.Targets[0], s.Targets[1])
	}
	cl, _, err := c.f.One()
	if err != nil {
		return api.SecretDiff{}, err
	}
	defer cl.Close()
	return api.SecretsDiff.Call(ctx, cl, *q)
}

// diff ends with 10 on drift, and with 11 when nothing differs but something
// is unknown.
func (c *secretsCommand) diff(cmd *cobra.Command, in any) error {
	q := in.(*api.SecretDiffInput) //nolint:forcetypeassert // the declaration says so
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	ctx, cancel := c.f.Deadline(cmd.Context(), time.Minute)
	defer cancel()
	out, err := c.compare(ctx, q)
	if err != nil {
		return err
	}
	if err := c.f.Show(p, api.SecretsDiff, out); err != nil {
		return err
	}
	switch {
	case out.Drift > 0:
		return fail.New(fail.False, "%d of %d secrets drift", out.Drift, len(out.Secrets)).
			Hint("aictl secrets sync --from %s --to %s --dry-run=server", q.Left, q.Right)
	case out.Unknown > 0:
		return fail.New(fail.Inconclusive, "nothing differs, and of %d of %d secrets nobody can tell", out.Unknown, len(out.Secrets)).
			Hint("write them once through aictl: aictl secrets sync --from %s --to %s", q.Left, q.Right)
	}
	return nil
}

// change runs a change that may take longer than a question, and gives its
// answer; shown says that a dry run has been printed. The value that went with
// it is overwritten before anything is printed, which may wait for a reader.
func (c *secretsCommand) change(ctx context.Context, d op.UntypedChange, in any, fallback time.Duration, value []byte) (out any, shown bool, err error) {
	defer clear(value)
	if err := op.Validate(in); err != nil {
		return nil, false, err
	}
	p, err := c.f.Printer()
	if err != nil {
		return nil, false, err
	}
	s, err := c.f.Settings()
	if err != nil {
		return nil, false, err
	}
	if s.Timeout == 0 {
		s.Timeout = fallback
	}
	out, applied, err := c.f.Mutate(ctx, d, in)
	clear(value)
	if err != nil {
		return nil, false, err
	}
	if !applied {
		return nil, true, c.f.ShowPlan(p, out.(op.Plan)) //nolint:forcetypeassert // Mutate's promise
	}
	return out, false, c.f.Show(p, d, out)
}

func (c *secretsCommand) sync(cmd *cobra.Command, in any) error {
	out, shown, err := c.change(cmd.Context(), api.SecretsSync, in, 5*time.Minute, nil)
	if err != nil || shown {
		return err
	}
	if s := out.(api.SecretSync); s.Failed > 0 { //nolint:forcetypeassert // the declaration says so
		return fail.New(fail.Partial, "%d secrets were copied, and %d were not", s.Done, s.Failed).Hint("run the command again: it copies what is missing")
	}
	return nil
}

// rotateFor is how long a rotation may take when --timeout doesn't say.
const rotateFor = 30 * time.Minute

func (c *secretsCommand) rotate(cmd *cobra.Command, in any) (err error) {
	q := in.(*api.SecretRotateInput) //nolint:forcetypeassert // the declaration says so
	if _, err := secrets.ParseRef(q.Ref); err != nil {
		return err
	}
	if q.Resume == "" && q.Abort == "" {
		if q.Value, err = c.value(cmd, q.Generate, q.Ref); err != nil {
			return err
		}
	}
	s, err := c.f.Settings()
	if err != nil {
		return err
	}
	if s.DryRun == "" && !s.Quiet && c.f.IO.Interactive() {
		ctx, stop := context.WithCancel(cmd.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.follow(ctx, q.Ref)
		}()
		defer func() { stop(); <-ended }()
	}
	_, _, err = c.change(cmd.Context(), api.SecretsRotate, q, rotateFor, q.Value)
	return err
}

// follow says what the rotation's journal says, as it grows.
func (c *secretsCommand) follow(ctx context.Context, ref string) {
	r, err := secrets.ParseRef(ref)
	if err != nil {
		return
	}
	cl, _, err := c.f.One()
	if err != nil {
		return
	}
	defer cl.Close()
	began, said := c.f.Now(), time.Time{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all, err := api.SecretsRotations.Call(ctx, cl, api.SecretRotationFilter{Open: true})
		if err != nil {
			continue // the change itself will say what is wrong
		}
		i := slices.IndexFunc(all, func(x api.SecretRotation) bool { return x.Ref == r.String() })
		if i < 0 {
			continue
		}
		for _, l := range all[i].Log {
			if l.Time.After(said) && l.Time.After(began.Add(-time.Minute)) {
				said = l.Time
				c.f.Say("%s  %s", l.Time.Local().Format("15:04:05"), l.Text)
			}
		}
	}
}
