package polish

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

type alertsCommand struct{ f *factory.Factory }

// alertsRuns are the commands of alerts, with their views.
func alertsRuns(f *factory.Factory) map[string]Run {
	c := &alertsCommand{f}
	f.Views[api.AlertsList.ID] = c.showList
	f.Views[api.AlertsShow.ID] = c.showDetail
	f.Views[api.AlertsAck.ID] = c.showAcks
	f.Views[api.AlertsSilence.ID] = c.showSilence
	f.Views[api.AlertsUnsilence.ID] = c.showSilences
	f.Views[api.AlertsSilences.ID] = c.showSilences
	f.Views[api.AlertsHistory.ID] = showPast
	f.Views[api.AlertsRules.ID] = showRules
	f.Views[api.AlertsPreview.ID] = c.showPreview
	return map[string]Run{
		api.AlertsList.ID:     matched(f, api.AlertsList, func(in *api.AlertFilter) *string { return &in.Matchers }),
		api.AlertsPreview.ID:  matched(f, api.AlertsPreview, func(in *api.PreviewInput) *string { return &in.Matchers }),
		api.AlertsSilences.ID: matched(f, api.AlertsSilences, func(in *api.SilenceFilter) *string { return &in.Matchers }),
		api.AlertsWatch.ID:    c.watch,
		api.AlertsAck.ID:      c.ack,
		api.AlertsSilence.ID:  c.silence,
		api.AlertsHistory.ID:  c.history,
	}
}

func alertsAckFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().Bool("hold", false, "stay, and renew it until the alerts resolve or Ctrl-C")
}

func alertsSilenceFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("until", "", "end at this time (18:00, 2026-01-02T08:00:00Z), in place of --duration")
}

// matched runs an operation whose arguments are matchers.
func matched[In any](f *factory.Factory, d op.Declaration, matchers func(*In) *string) Run {
	return func(cmd *cobra.Command, in any) error {
		q := in.(*In) //nolint:forcetypeassert // the declaration says so
		if err := readMatchers(cmd, matchers(q)); err != nil {
			return err
		}
		return f.Run(cmd.Context(), d, q)
	}
}

// readMatchers puts the arguments together so that each stays one matcher, and
// checks them before anything is sent.
func readMatchers(cmd *cobra.Command, into *string) error {
	if args := cmd.Flags().Args(); len(args) > 0 {
		*into = alerts.Join(args)
	}
	_, err := alerts.Parse(*into)
	return err
}

// partial says on stderr which backends did not answer; the answer is then
// partial.
func partial(f *factory.Factory, failed []api.BackendFailure) error {
	if len(failed) == 0 {
		return nil
	}
	names := make([]string, len(failed))
	for i, b := range failed {
		names[i] = b.Backend
		f.Say("%s did not answer: %s", b.Backend, b.Message)
	}
	return fail.New(fail.Partial, "the answer is partial: %s did not answer", strings.Join(names, ", ")).Hint("aictl doctor")
}

func (c *alertsCommand) watch(cmd *cobra.Command, in any) error {
	q := in.(*api.AlertWatchInput) //nolint:forcetypeassert // the declaration says so
	if err := readMatchers(cmd, &q.Matchers); err != nil {
		return err
	}
	if err := op.Validate(q); err != nil {
		return err
	}
	x, err := follow(cmd, c.f)
	if err != nil {
		return err
	}
	defer x.close()
	lines := x.p.Stream()
	for e, err := range api.AlertsWatch.Each(x.ctx, x.cl, *q) {
		if err != nil {
			return ended(lines, err)
		}
		if err := lines.Styled(e.Type, e, func(env output.Env) string { return eventLine(env, e) }); err != nil {
			return err
		}
	}
	return lines.Result(struct{}{}, "")
}

// eventLine is one change as a person reads it.
func eventLine(env output.Env, e api.AlertEvent) string {
	st := env.Styles
	at := st.Muted(e.Time.Local().Format("15:04:05"))
	if e.Gap != nil {
		return fmt.Sprintf("%s %s %s: %s", at, st.Apply(term.Warn, "gap        "), term.SafeLine(e.Gap.Backend), term.SafeLine(e.Gap.Message))
	}
	if e.Alert == nil {
		return at + " " + term.SafeLine(e.Type)
	}
	style := map[string]term.Style{
		"firing": term.Bad, "refiring": term.Bad, "unsilenced": term.Bad, "uninhibited": term.Bad, "resolved": term.OK,
	}[e.Type]
	if e.Type == "snapshot" && e.Alert.State == "firing" {
		style = severityStyle(e.Alert.Severity)
	}
	line := fmt.Sprintf("%s %s %s %s", at, st.Apply(style, fmt.Sprintf("%-11s", e.Type)),
		st.Apply(severityStyle(e.Alert.Severity), fmt.Sprintf("%-8s", term.SafeLine(e.Alert.Severity))), st.Bold(term.SafeLine(e.Alert.Name)))
	for _, part := range []string{e.Alert.Service, e.Alert.Summary} {
		if part != "" {
			line += " " + term.SafeLine(part)
		}
	}
	return line
}

func severityStyle(severity string) term.Style {
	switch {
	case alerts.Critical(severity):
		return term.Bad
	case severity == "warning" || severity == "warn" || severity == "error" || severity == "high":
		return term.Warn
	}
	return term.Plain
}

// ack takes alerts over, and with --hold keeps them.
func (c *alertsCommand) ack(cmd *cobra.Command, in any) error {
	q := in.(*api.AlertAckInput) //nolint:forcetypeassert // the declaration says so
	if err := readMatchers(cmd, &q.Matchers); err != nil {
		return err
	}
	if err := c.reason(&q.Comment); err != nil {
		return err
	}
	hold, err := cmd.Flags().GetBool("hold")
	if err != nil {
		return err
	}
	if err := c.f.Run(cmd.Context(), api.AlertsAck, q); err != nil || !hold {
		return err
	}
	return c.hold(cmd.Context(), *q)
}

// hold renews the acknowledgement until its alerts have resolved.
func (c *alertsCommand) hold(ctx context.Context, q api.AlertAckInput) error {
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	c.f.Say("Renewing it every %s; Ctrl-C lets it lapse.", alerts.AckFor/3)
	until := c.f.Now().Add(time.Duration(q.For))
	end := time.NewTimer(time.Duration(q.For))
	defer end.Stop()
	tick := time.NewTicker(alerts.AckFor / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil
		case <-tick.C:
		}
		left := until.Sub(c.f.Now())
		if left <= 0 {
			return nil
		}
		q.For = op.Duration(left) // never beyond what was asked for
		within, cancel := context.WithTimeout(ctx, 30*time.Second)
		_, err := api.AlertsAck.Apply(within, cl, q, op.ApplyOptions{Reason: "renewed"})
		cancel()
		switch {
		case err == nil:
		case fail.CodeOf(err) == fail.NotFound:
			c.f.Say("The alerts have resolved.")
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			c.f.Say("It could not be renewed, and is tried again: %s", err)
		}
	}
}

// reason takes --reason as the comment where none is given: both say why.
func (c *alertsCommand) reason(comment *string) error {
	s, err := c.f.Settings()
	if err == nil && *comment == "" {
		*comment = s.Reason
	}
	return err
}

func (c *alertsCommand) silence(cmd *cobra.Command, in any) error {
	q := in.(*api.SilenceInput) //nolint:forcetypeassert // the declaration says so
	if err := readMatchers(cmd, &q.Matchers); err != nil {
		return err
	}
	if err := c.reason(&q.Comment); err != nil {
		return err
	}
	if until := text(cmd, "until"); until != "" {
		t, err := when.Parse(until, c.f.Now(), time.Local)
		if err != nil {
			return fail.Wrap(fail.Usage, err, "reading --until").Hint("--until 2026-01-02T08:00:00Z, or --duration 2h")
		}
		q.Until = t.UTC()
	}
	return c.f.Run(cmd.Context(), api.AlertsSilence, q)
}

func (c *alertsCommand) history(cmd *cobra.Command, in any) error {
	q := in.(*api.AlertHistoryInput) //nolint:forcetypeassert // the declaration says so
	if err := readMatchers(cmd, &q.Matchers); err != nil {
		return err
	}
	w, err := when.ParseWindow(text(cmd, "since"), text(cmd, "from"), text(cmd, "to"), c.f.Now(), time.Local, 24*time.Hour)
	if err != nil {
		return err
	}
	q.From, q.To = w.From.UTC(), w.To.UTC()
	return c.f.Run(cmd.Context(), api.AlertsHistory, q)
}
