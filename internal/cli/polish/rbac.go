package polish

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// rbacRuns are the commands of rbac, with their views.
func rbacRuns(f *factory.Factory) map[string]Run {
	f.Views[api.RBACCheck.ID] = showPermission
	f.Views[api.RBACWhoCan.ID] = showSubjects
	run := func(d op.Declaration) Run {
		return func(cmd *cobra.Command, in any) error {
			q := in.(*api.RBACQuestion) //nolint:forcetypeassert // the declaration says so
			c := &deployCommand{f: f}
			if err := c.namespace(cmd, &q.Namespace); err != nil {
				return err
			}
			return f.Run(cmd.Context(), d, q)
		}
	}
	return map[string]Run{api.RBACCheck.ID: run(api.RBACCheck), api.RBACWhoCan.ID: run(api.RBACWhoCan)}
}

func showPermission(p *output.Printer, out any) error {
	a := out.(api.RBACAnswer) //nolint:forcetypeassert // the declaration says so
	where := "in all namespaces"
	if a.Namespace != "" {
		where = "in namespace " + a.Namespace
	}
	who := "you"
	if a.User != "" {
		who = a.User
	}
	what := term.SafeLine(fmt.Sprintf("%s %s %s", a.Verb, a.Resource, where))
	if !p.Human() {
		if err := p.Print(a); err != nil {
			return err
		}
	} else if a.Allowed {
		reason := ""
		if a.Reason != "" {
			reason = ": " + term.SafeLine(a.Reason)
		}
		_, err := fmt.Fprintf(p.Out(), "%s %s may %s%s\n", p.Env().Styles.OK("yes:"), term.SafeLine(who), what, reason)
		return err
	}
	if a.Allowed {
		return nil
	}
	return fail.New(fail.False, "no: %s may not %s; the rule %s is missing", term.SafeLine(who), what, a.Missing).
		Hint("aictl rbac who-can %s %s", a.Verb, a.Resource)
}

func showSubjects(p *output.Printer, out any) error {
	return output.List(p, output.View[api.RBACSubject]{
		Kind: "subject", Name: func(s api.RBACSubject) string { return s.Name },
		Columns: []output.Column[api.RBACSubject]{
			col("kind", func(s api.RBACSubject) string { return s.Kind }),
			col("name", func(s api.RBACSubject) string {
				if s.Namespace != "" {
					return s.Namespace + "/" + s.Name
				}
				return s.Name
			}),
			col("binding", func(s api.RBACSubject) string { return s.Binding }),
			col("role", func(s api.RBACSubject) string { return s.Role }),
			wide("rule", func(s api.RBACSubject) string { return s.Rule }),
		},
	}, out.([]api.RBACSubject)) //nolint:forcetypeassert // the declaration says so
}
