package polish

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// replicas shows a list, of every context, or with --watch what changes in one.
func (c *deployCommand) replicas(cmd *cobra.Command, in any) error {
	q := in.(*api.ReplicaFilter) //nolint:forcetypeassert // the declaration says so
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
	if q.Watch {
		return c.watchReplicas(cmd.Context(), p, *q)
	}
	s, err := c.f.Settings()
	if err != nil {
		return err
	}
	ctx, cancel := c.f.Deadline(cmd.Context(), logsTimeout)
	defer cancel()
	list, failed, err := c.allReplicas(ctx, s.Targets, *q)
	if err != nil {
		return err
	}
	if err := output.List(p, replicasView(list, q.Namespace == "*"), list); err != nil {
		return err
	}
	if p.Human() && len(list) == 0 && len(failed) == 0 {
		c.f.Say("No replicas%s.", inWords(q.Namespace))
	}
	return partial(c.f, failed)
}

func inWords(namespace string) string {
	if namespace == "" || namespace == "*" {
		return ""
	}
	return " in namespace " + term.SafeLine(namespace)
}

// allReplicas asks every context at once.
func (c *deployCommand) allReplicas(ctx context.Context, targets []factory.Target, q api.ReplicaFilter) (list []api.Replica, failed []api.BackendFailure, err error) {
	answers, missing, errs := make([][]api.Replica, len(targets)), make([][]api.BackendFailure, len(targets)), make([]error, len(targets))
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
			for e, err := range api.DeployReplicas.Each(ctx, cl, one) {
				if errs[i] = err; err != nil {
					return
				}
				if e.Replica != nil {
					answers[i] = append(answers[i], *e.Replica)
				}
				if e.Failure != nil {
					missing[i] = append(missing[i], *e.Failure)
				}
			}
		})
	}
	wg.Wait()
	list = []api.Replica{}
	for i, t := range targets {
		if errs[i] != nil {
			if len(targets) == 1 {
				return nil, nil, errs[i]
			}
			e := fail.From(errs[i])
			failed = append(failed, api.BackendFailure{Backend: "context " + t.Name, Code: e.Code, Message: e.Error(), Next: e.Next})
			continue
		}
		for _, r := range answers[i] {
			if len(targets) > 1 {
				r.Context = t.Name
			}
			list = append(list, r)
		}
		for _, b := range missing[i] {
			if len(targets) > 1 {
				b.Backend = t.Name + "/" + b.Backend
			}
			failed = append(failed, b)
		}
	}
	if len(targets) > 0 && !slices.Contains(errs, nil) {
		return nil, nil, errs[0]
	}
	slices.SortFunc(list, func(a, b api.Replica) int {
		return cmp.Or(strings.Compare(a.Context, b.Context), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return list, failed, nil
}

func replicasView(list []api.Replica, namespaces bool) output.View[api.Replica] {
	contexts := map[string]bool{}
	for i := range list {
		if list[i].Context != "" {
			contexts[list[i].Context] = true
		}
	}
	v := output.View[api.Replica]{Kind: "replica", Name: func(r api.Replica) string { return r.Name }}
	if len(contexts) > 1 {
		v.Columns = append(v.Columns, col("context", func(r api.Replica) string { return r.Context }))
	}
	if namespaces {
		v.Columns = append(v.Columns, col("namespace", func(r api.Replica) string { return r.Namespace }))
	}
	v.Columns = append(v.Columns,
		col("replica", func(r api.Replica) string { return r.Name }),
		col("ready", readyContainers),
		output.Column[api.Replica]{Header: "state", Value: plain(func(r api.Replica) string { return r.State }), Style: func(r api.Replica, _ output.Env) term.Style { return replicaRowStyle(r) }},
		num("restarts", func(r api.Replica) string { return fmt.Sprint(r.Restarts) }),
		output.Column[api.Replica]{Header: "age", Value: func(r api.Replica, e output.Env) string { return e.Ago(r.Created) }},
		wide("workload", func(r api.Replica) string { return r.Workload }),
		wide("revision", func(r api.Replica) string { return r.Revision }),
		wide("node", func(r api.Replica) string { return r.Node }),
		wide("ip", func(r api.Replica) string { return r.IP }),
		output.Column[api.Replica]{Header: "created", Wide: true, Value: func(r api.Replica, e output.Env) string {
			if r.Created.IsZero() {
				return ""
			}
			return r.Created.In(zoneOf(e)).Format(time.RFC3339)
		}},
	)
	return v
}

func readyContainers(r api.Replica) string {
	return fmt.Sprintf("%d/%d", r.ReadyContainers, r.Containers)
}

func replicaRowStyle(r api.Replica) term.Style {
	switch {
	case r.State == "Completed", r.State == "Succeeded", r.State == "Terminating":
		return term.Muted
	case r.Ready:
		return term.OK
	case r.State == "Running", r.State == "NotReady", r.State == "Pending", r.State == "ContainerCreating", r.State == "PodInitializing", strings.HasPrefix(r.State, "Init:") && strings.Contains(r.State, "/"):
		return term.Warn
	}
	return term.Bad
}

// watchReplicas shows the list, then a line a change. Programs get the events
// as they come.
func (c *deployCommand) watchReplicas(ctx context.Context, p *output.Printer, q api.ReplicaFilter) error {
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(ctx, 0)
	defer cancel()
	w := &replicaWatch{c: c, p: p, q: q, lines: p.Stream(), known: map[string]api.Replica{}}
	for failed := 0; ; {
		heard, err := w.once(ctx, cl)
		if heard {
			failed = 0
		}
		if failed++; ctx.Err() != nil || err != nil && fail.CodeOf(err) != fail.Unavailable || !w.shown || failed > followTries {
			if err == nil {
				err = fail.New(fail.Unavailable, "the watch ended by itself").Hint("aictl doctor")
			}
			return ended(w.lines, err)
		}
		c.f.Say("the server does not answer, trying again: %s", err)
		wait := time.NewTimer(followAgain * time.Duration(failed))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// replicaWatch is what was shown, over cut connections: what a new one tells
// again is not shown again, and what it does not tell is gone.
type replicaWatch struct {
	c     *deployCommand
	p     *output.Printer
	q     api.ReplicaFilter
	lines *output.Stream
	known map[string]api.Replica
	shown bool // the list, once
}

func replicaKey(r api.Replica) string {
	return strings.Join([]string{r.Engine, r.Context, r.Namespace, r.Workload, r.Name}, "\x00")
}

func (w *replicaWatch) once(ctx context.Context, cl op.Caller) (heard bool, err error) {
	fresh, whole := map[string]bool{}, false
	for e, err := range api.DeployReplicas.Each(ctx, cl, w.q) {
		if err != nil {
			return heard, err
		}
		heard = true
		switch {
		case e.Replica == nil:
			if e.Type != api.ReplicaSynced || e.Engine != "" || whole {
				break
			}
			whole = true
			if err := w.sync(fresh); err != nil {
				return heard, err
			}
		case e.Type == api.ReplicaGone:
			delete(w.known, replicaKey(*e.Replica))
		default:
			k := replicaKey(*e.Replica)
			fresh[k] = true
			was, ok := w.known[k]
			if w.known[k] = *e.Replica; ok && was == *e.Replica {
				continue
			}
			if !whole && !w.shown && w.p.Human() { // it comes with the list
				continue
			}
		}
		if err := w.show(e); err != nil {
			return heard, err
		}
	}
	return heard, nil
}

// sync is called when all that is there has been told.
func (w *replicaWatch) sync(fresh map[string]bool) error {
	if !w.shown && w.p.Human() {
		list := make([]api.Replica, 0, len(w.known))
		for _, r := range w.known {
			list = append(list, r)
		}
		slices.SortFunc(list, func(a, b api.Replica) int {
			return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
		})
		if err := output.List(w.p, replicasView(list, w.q.Namespace == "*"), list); err != nil {
			return err
		}
		if len(list) == 0 {
			w.c.f.Say("No replicas%s yet.", inWords(w.q.Namespace))
		}
	}
	if w.shown { // the connection was cut, and things went meanwhile
		for k, r := range w.known {
			if !fresh[k] {
				delete(w.known, k)
				if err := w.show(api.ReplicaEvent{Type: api.ReplicaGone, Replica: &r}); err != nil {
					return err
				}
			}
		}
	}
	w.shown = true
	return nil
}

func (w *replicaWatch) show(e api.ReplicaEvent) error {
	if !w.p.Human() {
		return w.lines.Styled(e.Type, e, func(output.Env) string { return "" })
	}
	if e.Type == api.ReplicaNotice {
		w.c.f.Say("%s", term.SafeLine(e.Message))
		return nil
	}
	if e.Replica == nil {
		return nil
	}
	return w.lines.Styled(e.Type, e, func(env output.Env) string { return w.line(env, e) })
}

// line is one change as a person reads it.
func (w *replicaWatch) line(env output.Env, e api.ReplicaEvent) string {
	st, r := env.Styles, e.Replica
	name := r.Name
	if w.q.Namespace == "*" {
		name = r.Namespace + "/" + r.Name
	}
	head := st.Muted(w.c.f.Now().In(zoneOf(env)).Format("15:04:05")) + " " + term.SafeLine(name) + " "
	if e.Type == api.ReplicaGone {
		return head + st.Muted("gone")
	}
	line := head + readyContainers(*r) + " " + st.Apply(replicaRowStyle(*r), term.SafeLine(r.State))
	if r.Restarts > 0 {
		line += fmt.Sprintf(" restarts %d", r.Restarts)
	}
	return line
}
