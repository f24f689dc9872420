package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// check is one finding of the doctor.
type check struct {
	Context string    `json:"context"`
	Backend string    `json:"backend"`
	Check   string    `json:"check"`
	OK      bool      `json:"ok"`
	Code    fail.Code `json:"code"`
	Detail  string    `json:"detail"`
	Next    string    `json:"next,omitempty"`
}

// maxSkew is the difference of clocks beyond which times of two systems
// cannot be laid side by side.
const maxSkew = 5 * time.Second

var checkView = output.View[check]{
	Kind: "check", Name: func(c check) string { return c.Backend + "-" + c.Check },
	Columns: []output.Column[check]{
		{Header: "context", Value: func(c check, _ output.Env) string { return c.Context }},
		{Header: "backend", Value: func(c check, _ output.Env) string { return c.Backend }},
		{Header: "check", Value: func(c check, _ output.Env) string { return c.Check }},
		{Header: "result", Value: func(c check, _ output.Env) string { return okWord(c.OK) }, Style: func(c check, _ output.Env) term.Style {
			if c.OK {
				return term.OK
			}
			return term.Bad
		}},
		{Header: "detail", Value: func(c check, _ output.Env) string { return c.Detail }},
		{Header: "next", Value: func(c check, _ output.Env) string { return c.Next }},
	},
}

func okWord(ok bool) string {
	if ok {
		return "ok"
	}
	return "FAILED"
}

func newDoctor(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check every backend of the context, each failure with its mend",
		Long: "Check the control plane of the context: is it reachable, does it know you, does its version fit,\n" +
			"do the clocks agree, are its services ready; and the backends behind it: logs, metrics and alerts.\n" +
			"Exit 4 when some checks fail, 12 when nothing answers.",
		Example: "  # the current context\n  aictl doctor\n\n  # what is wrong, for a script\n  aictl doctor -o json --jq '.[] | select(.ok | not)'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			s, err := f.Settings()
			if err != nil {
				return err
			}
			ctx, cancel := f.Deadline(cmd.Context(), 10*time.Second)
			defer cancel()
			checks := []check{}
			for _, t := range s.Targets {
				checks = append(checks, examine(ctx, f, t)...)
			}
			if err := output.List(p, checkView, checks); err != nil {
				return err
			}
			return verdict(checks)
		},
	}
}

func verdict(checks []check) error {
	var first *check
	failed, reachable := 0, false
	for i, c := range checks {
		if !c.OK {
			failed++
			if first == nil {
				first = &checks[i]
			}
		} else if c.Check == "reachable" {
			reachable = true
		}
	}
	switch {
	case failed == 0:
		return nil
	case !reachable:
		return fail.New(fail.Unavailable, "no backend answers: %s", first.Detail).Hint("%s", first.Next)
	}
	return fail.New(fail.Partial, "%d of %d checks failed, the first: %s: %s", failed, len(checks), first.Check, first.Detail).Hint("%s", first.Next)
}

// examine checks one context, from the outside in: what cannot be known
// because an outer check failed is not claimed.
func examine(ctx context.Context, f *factory.Factory, t factory.Target) []check {
	const plane = "control plane"
	var out []check
	add := func(name string, err error, detail, next string) bool {
		c := check{Context: t.Name, Backend: plane, Check: name, OK: err == nil, Code: fail.CodeOf(err), Detail: detail}
		if err != nil {
			e := fail.From(err)
			if c.Detail, c.Next = e.Error(), e.Next; c.Next == "" {
				c.Next = next
			}
		}
		out = append(out, c)
		return c.OK
	}
	if t.Server == "" && t.Backends != nil {
		return backendChecks(ctx, f, t)
	}
	if t.Server == "" {
		add("configured", fail.New(fail.Unavailable, "the context names no control plane").Hint("aictl up"), "", "")
		return out
	}
	skew, err := reach(ctx, t.Server)
	if !add("reachable", err, t.Server, "aictl status, or start one with: aictl up") {
		return out
	}
	var skewErr error
	if skew > maxSkew || skew < -maxSkew {
		skewErr = fail.New(fail.Failed, "the server's clock is %s ahead of this one", skew.Round(time.Second)).
			Hint("set both clocks by NTP")
	}
	add("clock", skewErr, fmt.Sprintf("within %s", maxSkew), "")
	c, err := f.Client(t)
	if err != nil {
		add("sign-in", err, "", "aictl login")
		return out
	}
	defer c.Close()
	me, err := api.AuthWhoami.Call(ctx, c, api.None{})
	if err != nil && t.Withheld != "" {
		err = fail.New(fail.Auth, "%s", t.Withheld).Hint("aictl context use NAME")
	}
	if !add("sign-in", err, me.Subject, "aictl login --context "+t.Name) {
		return out
	}
	var versionErr error
	if me.Server != f.Version.Version {
		versionErr = fail.New(fail.Version, "aictl is %s, the server %s", f.Version.Version, me.Server).
			Hint("install the same version of both")
	}
	add("version", versionErr, me.Server, "")
	services, err := api.ServicesList.Call(ctx, c, api.None{})
	if add("permission", err, fmt.Sprintf("%d services visible", len(services)), "aictl whoami") {
		for _, s := range services {
			var serviceErr error
			if s.State == "down" {
				serviceErr = fail.New(fail.Unavailable, "the service is down").Hint("aictl services describe %s", s.Name)
			}
			add("service "+s.Name, serviceErr, s.State, "")
		}
	}
	return append(out, backendChecks(ctx, f, t)...)
}

// backendChecks asks for the systems behind the context: through the control
// plane, or directly where there is none.
func backendChecks(ctx context.Context, f *factory.Factory, t factory.Target) []check {
	c, err := f.Client(t)
	if err == nil {
		defer c.Close()
		var found []api.BackendCheck
		if found, err = api.BackendsCheck.Call(ctx, c, api.None{}); err == nil {
			out := []check{}
			for _, b := range found {
				out = append(out, check{Context: t.Name, Backend: b.Backend, Check: b.Check, OK: b.OK, Code: b.Code, Detail: b.Detail, Next: b.Next})
			}
			return out
		}
	}
	e := fail.From(err)
	return []check{{Context: t.Name, Backend: "backends", Check: "reachable", Code: e.Code, Detail: e.Error(), Next: e.Next}}
}

// reach asks for liveness without credentials and compares the clocks by the
// Date header, whose step is a second.
func reach(ctx context.Context, server string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+"/livez", nil)
	if err != nil {
		return 0, fail.Wrap(fail.Usage, err, "the server's URL is wrong")
	}
	sent := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fail.Wrap(fail.Unavailable, err, "%s does not answer", server)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fail.New(fail.Unavailable, "%s answers %s to /livez: is it aictl-server?", server, res.Status)
	}
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return 0, nil //nolint:nilerr // no date, nothing to compare
	}
	middle := sent.Add(time.Since(sent) / 2)
	if d := date.Sub(middle); d > time.Second || d < -2*time.Second {
		return d, nil
	}
	return 0, nil
}
