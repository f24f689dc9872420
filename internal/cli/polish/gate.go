package polish

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident/timeline"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

type gateCommand struct{ f *factory.Factory }

func gateRuns(f *factory.Factory) map[string]Run {
	c := &gateCommand{f}
	return map[string]Run{api.GateRun.ID: c.run, api.WaitFor.ID: c.wait}
}

func gateFlags(_ *factory.Factory, cmd *cobra.Command) {
	permit(cmd, output.JUnit, output.GitHub, output.Markdown)
	p := cmd.Flags()
	p.StringArray("slo", nil, "objective whose error budget must not burn too fast: NAME, NAME/SERVICE, or errors=PROMQL total=PROMQL objective=99.9; repeatable")
	p.StringArray("alerts", nil, "matchers of alerts of which none may fire; repeatable")
	p.StringArray("query", nil, "PromQL comparison that must hold for every series; repeatable")
	p.StringArray("logs", nil, "new-errors, or 'new-errors SERVICE': nothing new and bad in the logs; repeatable")
}

func waitFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().StringArray("until", nil, "what must hold; repeatable, all of them")
	cmd.Flags().StringArray("fail-if", nil, "what must not hold; repeatable, none of them")
}

// run watches, and writes what CI wants at the end.
func (c *gateCommand) run(cmd *cobra.Command, in any) error {
	q := in.(*api.GateInput) //nolint:forcetypeassert // the declaration says so
	for name, into := range map[string]*[]string{"slo": &q.SLO, "alerts": &q.Alerts, "query": &q.Query, "logs": &q.Logs} {
		var err error
		if *into, err = cmd.Flags().GetStringArray(name); err != nil {
			return err
		}
	}
	if err := (&deployCommand{f: c.f}).namespace(cmd, &q.Namespace); err != nil {
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
	special := x.p.Format().Special()
	lines := x.p.Stream()
	for e, err := range api.GateRun.Each(x.ctx, x.cl, *q) {
		switch {
		case err != nil && special:
			return err
		case err != nil:
			return ended(lines, err)
		case e.Type == "verdict":
			return c.end(x.p, lines, e)
		case special, e.Check == nil: // nothing to show of it
			continue
		}
		if err := lines.Styled("check", e, func(env output.Env) string { return gateLine(env, *e.Check) }); err != nil {
			return err
		}
	}
	return ended(lines, fail.New(fail.Unavailable, "the gate ended without a verdict"))
}

func gateLine(env output.Env, c api.GateCheck) string {
	return fmt.Sprintf("%s %s %s: %s", env.Time(c.Since), env.Styles.Apply(gateStyle(c.State), fmt.Sprintf("%-12s", term.SafeLine(c.State))), term.SafeLine(c.Kind+" "+c.Name), term.SafeLine(c.Message))
}

func gateStyle(state string) term.Style {
	switch state {
	case api.GatePass:
		return term.OK
	case api.GateFail:
		return term.Bad
	}
	return term.Warn
}

// end writes the verdict in the format asked for; its exit code is the gate's.
func (c *gateCommand) end(p *output.Printer, lines *output.Stream, e api.GateEvent) error {
	var err error
	switch p.Format().Kind { //nolint:exhaustive // the others are lines
	case output.JUnit:
		err = writeJUnit(p.Out(), e)
	case output.GitHub:
		if err = writeGitHub(p.Out(), e); err == nil {
			err = c.summary(e)
		}
	case output.Markdown:
		_, err = io.WriteString(p.Out(), gateMarkdown(e))
	default:
		if p.Human() {
			err = lines.Styled("verdict", e, func(env output.Env) string {
				return env.Styles.Apply(gateStyle(e.Verdict), term.SafeLine(strings.ToUpper(e.Verdict))) + " " + term.SafeLine(e.Message)
			})
			break
		}
		e.Type = "result" // the last line of a stream is
		err = lines.Result(e, "")
	}
	if err != nil {
		return err
	}
	switch e.Verdict {
	case api.GatePass:
		return nil
	case api.GateFail:
		return fail.New(fail.False, "the gate %s", term.SafeLine(e.Message))
	}
	return fail.New(fail.Inconclusive, "the gate is inconclusive: %s", term.SafeLine(e.Message)).Hint("aictl doctor")
}

// The JUnit report, as CI systems read it.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Stamp    string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Error   *junitMessage `xml:"error,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a gate as a test suite: a check that fails is a failure, one
// that can't be told an error, and so is a state that this client does not know.
func writeJUnit(w io.Writer, e api.GateEvent) error {
	took := fmt.Sprintf("%.3f", e.Time.Sub(e.From).Seconds())
	s := junitSuite{Name: "aictl gate", Time: took, Stamp: e.From.UTC().Format(time.RFC3339)}
	for _, c := range e.Checks {
		one := junitCase{Class: "aictl.gate." + term.SafeLine(c.Kind), Name: term.SafeLine(c.Name), Time: took}
		text := term.SafeLine(c.Message)
		for _, f := range c.Evidence {
			text += "\n" + term.SafeLine(f.Text) + "\n  " + term.SafeLine(f.Show)
		}
		s.Tests++
		switch c.State {
		case api.GateFail:
			s.Failures++
			one.Failure = &junitMessage{term.SafeLine(c.Message), "fail", text}
		case api.GatePass:
			one.Out = text
		default:
			s.Errors++
			one.Error = &junitMessage{term.SafeLine(c.Message), "inconclusive", text}
		}
		s.Cases = append(s.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{s}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// writeGitHub writes workflow commands: the runner shows them as annotations.
func writeGitHub(w io.Writer, e api.GateEvent) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, c := range e.Checks {
		command := "warning"
		switch c.State {
		case api.GatePass:
			command = "notice"
		case api.GateFail:
			command = "error"
		}
		title := property.Replace(term.SafeLine("gate " + c.Kind + " " + c.State))
		if _, err := fmt.Fprintf(w, "::%s title=%s::%s\n", command, title, data.Replace(term.SafeLine(c.Name+": "+c.Message))); err != nil {
			return err
		}
	}
	return nil
}

// summary adds the report to the step's summary where the runner asks for one.
func (c *gateCommand) summary(e api.GateEvent) error {
	path := c.f.Env("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the runner names it
	if err != nil {
		return fail.Wrap(fail.Failed, err, "writing the step's summary")
	}
	_, err = io.WriteString(f, gateMarkdown(e))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func gateMarkdown(e api.GateEvent) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Gate: %s\n\n%s\n\n| check | state | found |\n|---|---|---|\n", gateCell(e.Verdict), gateCell(e.Message))
	for _, c := range e.Checks {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", gateCell(c.Kind+" "+c.Name), gateCell(c.State), gateCell(c.Message))
	}
	return b.String()
}

// gateCell shows control characters, bidirectional ones too, as the other
// formats do; an entity stays the text that it was.
func gateCell(s string) string {
	return strings.ReplaceAll(timeline.Cell(term.SafeLine(s)), "&", `\&`)
}

// wait is `aictl wait`.
func (c *gateCommand) wait(cmd *cobra.Command, in any) error {
	q := in.(*api.WaitInput) //nolint:forcetypeassert // the declaration says so
	var err error
	if q.Until, err = cmd.Flags().GetStringArray("until"); err != nil {
		return err
	}
	if q.FailIf, err = cmd.Flags().GetStringArray("fail-if"); err != nil {
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
	lines, state, verdict := x.p.Stream(), map[string]string{}, api.DeployWaitEvent{}
	for e, err := range api.WaitFor.Each(x.ctx, x.cl, *q) {
		if err != nil {
			if err = waitedTooLong(x.ctx, err, "the expressions", state); x.ctx.Err() != nil && fail.CodeOf(err) == fail.Timeout {
				err = fail.From(err).Hint("aictl doctor, or a longer --timeout")
			}
			return ended(lines, err)
		}
		if e.Type == "verdict" {
			verdict = e
			continue
		}
		state[e.Expr] = strings.TrimSuffix(e.Expr+" is "+e.State+" ("+e.Message+")", " ()")
		if err := lines.Styled(e.Type, e, func(env output.Env) string { return waitLine(env, e) }); err != nil {
			return err
		}
	}
	return (&deployCommand{f: c.f}).closeWait(lines, verdict, "the wait")
}
