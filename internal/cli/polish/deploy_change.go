package polish

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

// changing runs a change of one workload: plan, confirmation, application,
// and then what the person wants to see of it.
func changing[In any](c *deployCommand, d op.UntypedChange, name func(*In) *api.WorkloadName) Run {
	return func(cmd *cobra.Command, in any) error {
		w := name(in.(*In)) //nolint:forcetypeassert // the declaration says so
		if err := c.namespace(cmd, &w.Namespace); err != nil {
			return err
		}
		return c.change(cmd, d, in)
	}
}

func (c *deployCommand) change(cmd *cobra.Command, d op.UntypedChange, in any) error {
	if err := op.Validate(in); err != nil {
		return err
	}
	after, err := c.afterwards(cmd)
	if err != nil {
		return err
	}
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	out, applied, err := c.f.Mutate(cmd.Context(), d, in)
	if err != nil {
		return err
	}
	if !applied {
		return c.f.ShowPlan(p, out.(op.Plan)) //nolint:forcetypeassert // Mutate's promise
	}
	got := out.(api.DeployChanged) //nolint:forcetypeassert // the declaration says so
	if !after.watch && after.verify == nil {
		return c.showChanged(p, d, got)
	}
	return c.seeThrough(cmd.Context(), p, d, got, after)
}

// afterwards is what is to be done when a change is made.
type afterwards struct {
	watch  bool
	verify *api.DeployVerifyInput
	grace  *op.Duration
}

func (c *deployCommand) afterwards(cmd *cobra.Command) (afterwards, error) {
	var out afterwards
	if on, err := cmd.Flags().GetBool("watch"); err == nil {
		out.watch = on
	}
	if grace := text(cmd, "grace"); grace != "" {
		d, err := when.Duration(grace)
		if err != nil {
			return out, err
		}
		given := op.Duration(d)
		out.grace = &given
	}
	var err error
	if out.verify, err = verification(cmd); err != nil {
		return out, err
	}
	if out.grace != nil && !out.watch && out.verify == nil {
		return out, fail.New(fail.Usage, "--grace is for --watch").Hint("--watch --grace 1m")
	}
	return out, nil
}

// showChanged says in a line what was done.
func (c *deployCommand) showChanged(p *output.Printer, d op.Declaration, got api.DeployChanged) error {
	if !p.Human() {
		return p.Print(got)
	}
	_, err := fmt.Fprintln(p.Out(), term.SafeLine(changedText(d, got)))
	return err
}

func changedText(d op.Declaration, got api.DeployChanged) string {
	did := map[string]string{
		api.DeployScale.ID: fmt.Sprintf("is to have %d replicas", got.Desired), api.DeployRestart.ID: "is restarting", api.DeployUndo.ID: "goes back",
		api.DeployPause.ID: "is paused", api.DeployResume.ID: "goes on", api.DeployImages.ID: "gets another image",
		api.DeployShare.ID: "shares its calls anew", api.DeployApply.ID: "is applied", api.DeployDelete.ID: "is deleted",
	}[d.Describe().ID]
	if got.Unchanged {
		did = "was so already, and nothing was changed"
	}
	return title(got.Workload) + " " + did + "."
}

// seeThrough follows the rollout of a change that was made, and then sees
// whether it helped.
func (c *deployCommand) seeThrough(ctx context.Context, p *output.Printer, d op.Declaration, got api.DeployChanged, after afterwards) error {
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(ctx, 0)
	defer cancel()
	lines := p.Stream()
	if err := lines.Item("changed", got, changedText(d, got)); err != nil {
		return err
	}
	q := api.DeployWatchInput{WorkloadName: api.WorkloadName{Name: title(got.Workload), Namespace: got.Namespace, Engine: got.Engine}, Template: got.Template, Generation: got.Generation, Grace: after.grace}
	v, err := c.followRollout(ctx, cl, q, lines)
	if err != nil {
		return ended(lines, err)
	}
	if verdict := judged(title(got.Workload), v); verdict != nil || after.verify == nil {
		if err := lines.Result(v, ""); err != nil {
			return err
		}
		return verdict
	}
	// The rollout's verdict is one of the lines then: the result is whether it
	// helped.
	if !p.Human() {
		if err := lines.Item("rollout", v, ""); err != nil {
			return err
		}
	}
	return c.verify(ctx, cl, *after.verify, lines)
}

// maxManifest bounds a manifest, in bytes.
const maxManifest = 1 << 20

// apply reads the manifest, from a file or from standard input.
func (c *deployCommand) apply(cmd *cobra.Command, in any) error {
	q := in.(*api.DeployApplyInput) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	path := text(cmd, "filename")
	if path == "" {
		return fail.New(fail.Usage, "-f is required: the manifest").Hint("aictl deploy apply -f plugin.yaml")
	}
	r := c.f.IO.In
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // the person names it
		if err != nil {
			return fail.Wrap(fail.Usage, err, "reading the manifest")
		}
		defer func() { _ = file.Close() }()
		r = file
		if q.Origin, err = filepath.Abs(filepath.Dir(path)); err != nil {
			return err
		}
	} else if q.Origin == "" {
		dir, err := c.f.Cwd()
		if err != nil {
			return err
		}
		q.Origin = dir
	}
	body, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return fail.Wrap(fail.Usage, err, "reading the manifest")
	}
	if len(body) > maxManifest {
		return fail.New(fail.TooLarge, "the manifest is over %d MiB", maxManifest>>20)
	}
	q.Manifest = string(body)
	return c.change(cmd, api.DeployApply, q)
}
