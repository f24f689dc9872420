package polish

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

type deployCommand struct{ f *factory.Factory }

// deployRuns are the commands of deployments, with their views.
func deployRuns(f *factory.Factory) map[string]Run {
	c := &deployCommand{f}
	f.Views[api.DeployShow.ID] = c.showStatus
	f.Views[api.DeployHistory.ID] = showRevisions
	f.Views[api.DeployCompare.ID] = c.showDiff
	runs := map[string]Run{
		api.DeployList.ID:    c.list,
		api.DeployShow.ID:    c.status,
		api.DeployHistory.ID: inNamespace(f, api.DeployHistory, func(in *api.WorkloadName) *api.WorkloadName { return in }),
		api.DeployCompare.ID: c.diff,
		api.DeployWatch.ID:   c.watch,
		api.DeployApply.ID:   c.apply,
		api.DeployWait.ID:    c.wait,
		api.DeployLogs.ID:    c.logs,

		api.DeployReplicas.ID: c.replicas,
	}
	for id, run := range map[string]Run{
		api.DeployScale.ID:   changing(c, api.DeployScale, func(in *api.DeployScaleInput) *api.WorkloadName { return &in.WorkloadName }),
		api.DeployRestart.ID: changing(c, api.DeployRestart, func(in *api.WorkloadName) *api.WorkloadName { return in }),
		api.DeployUndo.ID:    changing(c, api.DeployUndo, func(in *api.DeployUndoInput) *api.WorkloadName { return &in.WorkloadName }),
		api.DeployPause.ID:   changing(c, api.DeployPause, func(in *api.WorkloadName) *api.WorkloadName { return in }),
		api.DeployResume.ID:  changing(c, api.DeployResume, func(in *api.WorkloadName) *api.WorkloadName { return in }),
		api.DeployImages.ID:  changing(c, api.DeployImages, func(in *api.DeployImagesInput) *api.WorkloadName { return &in.WorkloadName }),
		api.DeployShare.ID:   changing(c, api.DeployShare, func(in *api.DeployCanaryInput) *api.WorkloadName { return &in.WorkloadName }),
		api.DeployDelete.ID:  changing(c, api.DeployDelete, func(in *api.WorkloadName) *api.WorkloadName { return in }),
	} {
		runs[id] = run
	}
	return runs
}

func allNamespacesFlag(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().BoolP("all-namespaces", "A", false, "in all namespaces")
}

func watchFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().BoolP("watch", "w", false, "follow the rollout afterwards, until it is decided")
	cmd.Flags().String("grace", "", "with --watch, let every kind of trouble last this long before it is a failure")
}

func deployDiffFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().Bool("exit-code", false, "end with 10 when anything differs")
}

func applyFlags(f *factory.Factory, cmd *cobra.Command) {
	watchFlags(f, cmd)
	cmd.Flags().StringP("filename", "f", "", "the manifest (plugin.yaml); - is standard input")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json") // fails on an unknown flag only
}

// namespace fills in the namespace that flags, environment and context come
// to; -A is all, whatever -n says, as kubectl has it.
func (c *deployCommand) namespace(cmd *cobra.Command, into *string) error {
	if all, err := cmd.Flags().GetBool("all-namespaces"); err == nil && all {
		*into = "*"
		return nil
	}
	s, err := c.f.Settings()
	if err != nil {
		return err
	}
	if *into == "" && len(s.Targets) > 0 {
		*into = s.Targets[0].Namespace
	}
	return nil
}

// inNamespace runs an operation on one workload in the person's namespace.
func inNamespace[In any](f *factory.Factory, d op.Declaration, name func(*In) *api.WorkloadName) Run {
	c := &deployCommand{f}
	return func(cmd *cobra.Command, in any) error {
		if err := c.namespace(cmd, &name(in.(*In)).Namespace); err != nil { //nolint:forcetypeassert // the declaration says so
			return err
		}
		return f.Run(cmd.Context(), d, in)
	}
}

// list asks every context at once; the answers are one list.
func (c *deployCommand) list(cmd *cobra.Command, in any) error {
	q := in.(*api.WorkloadFilter) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	if err := op.Validate(q); err != nil {
		return err
	}
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	s, err := c.f.Settings()
	if err != nil {
		return err
	}
	ctx, cancel := c.f.Deadline(cmd.Context(), logsTimeout)
	defer cancel()
	out, err := c.listAll(ctx, s.Targets, *q)
	if err != nil {
		return err
	}
	view := workloadView(len(s.Targets) > 1 || severalContexts(out.Workloads), q.Namespace == "*")
	if err := output.ListDoc(p, view, any(out), out.Workloads); err != nil {
		return err
	}
	if p.Human() && len(out.Workloads) == 0 && len(out.Failed) == 0 {
		where := ""
		if q.Namespace != "" && q.Namespace != "*" {
			where = " in namespace " + term.SafeLine(q.Namespace)
		}
		c.f.Say("Nothing is deployed%s.", where)
	}
	return partial(c.f, out.Failed)
}

func (c *deployCommand) listAll(ctx context.Context, targets []factory.Target, q api.WorkloadFilter) (api.WorkloadList, error) {
	answers, errs := make([]api.WorkloadList, len(targets)), make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			cl, err := c.f.Client(t)
			if err != nil {
				errs[i] = err
				return
			}
			defer cl.Close()
			one := q
			if len(targets) > 1 && !c.f.Flags.Set["namespace"] && one.Namespace != "*" {
				one.Namespace = t.Namespace
			}
			answers[i], errs[i] = api.DeployList.Call(ctx, cl, one)
		})
	}
	wg.Wait()
	out := api.WorkloadList{Workloads: []api.Workload{}, Failed: []api.BackendFailure{}}
	for i, t := range targets {
		if errs[i] != nil {
			if len(targets) == 1 {
				return out, errs[i]
			}
			e := fail.From(errs[i])
			out.Failed = append(out.Failed, api.BackendFailure{Backend: "context " + t.Name, Code: e.Code, Message: e.Error(), Next: e.Next})
			continue
		}
		for _, w := range answers[i].Workloads {
			if len(targets) > 1 {
				w.Context = t.Name
			}
			out.Workloads = append(out.Workloads, w)
		}
		for _, b := range answers[i].Failed {
			if len(targets) > 1 {
				b.Backend = t.Name + "/" + b.Backend
			}
			out.Failed = append(out.Failed, b)
		}
	}
	if len(targets) > 0 && len(out.Failed) == len(targets) && len(out.Workloads) == 0 && !slices.Contains(errs, nil) {
		return out, errs[0]
	}
	return out, nil
}

// severalContexts says that the workloads are of more than one kubeconfig
// context; the runtime's are of none.
func severalContexts(list []api.Workload) bool {
	seen := map[string]bool{}
	for _, w := range list {
		if w.Context != "" {
			seen[w.Context] = true
		}
	}
	return len(seen) > 1
}

func workloadView(contexts, namespaces bool) output.View[api.Workload] {
	v := output.View[api.Workload]{Name: title} // which has the kind, too
	if contexts {
		v.Columns = append(v.Columns, col("context", func(w api.Workload) string { return w.Context }))
	}
	if namespaces {
		v.Columns = append(v.Columns, col("namespace", func(w api.Workload) string { return w.Namespace }))
	}
	v.Columns = append(v.Columns,
		col("name", title),
		output.Column[api.Workload]{Header: "state", Value: plain(func(w api.Workload) string { return w.State }), Style: func(w api.Workload, _ output.Env) term.Style { return workloadStyle(w.State) }},
		col("ready", func(w api.Workload) string { return fmt.Sprintf("%d/%d", w.Ready, w.Desired) }),
		num("updated", func(w api.Workload) string { return fmt.Sprint(w.Updated) }),
		wideNum("available", func(w api.Workload) string { return fmt.Sprint(w.Available) }),
		num("revision", func(w api.Workload) string { return w.Revision }),
		output.Column[api.Workload]{Header: "changed", Value: func(w api.Workload, e output.Env) string { return e.Ago(w.Changed) }},
		wide("engine", func(w api.Workload) string { return w.Engine }),
		output.Column[api.Workload]{Header: "age", Wide: true, Value: func(w api.Workload, e output.Env) string { return e.Ago(w.Created) }},
		wide("images", func(w api.Workload) string { return strings.Join(w.Images, ",") }),
		col("cause", func(w api.Workload) string { return w.Cause }),
	)
	return v
}

// title is a workload as commands take it.
func title(w api.Workload) string { return strings.ToLower(w.Kind) + "/" + w.Name }

func wideNum[T any](header string, f func(T) string) output.Column[T] {
	return output.Column[T]{Header: header, Right: true, Wide: true, Value: plain(f)}
}

func workloadStyle(state string) term.Style {
	switch state {
	case "ready":
		return term.OK
	case "failed":
		return term.Bad
	case "stopped":
		return term.Muted
	}
	return term.Warn
}
