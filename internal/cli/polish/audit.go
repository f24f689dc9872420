package polish

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/audit"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/when"
)

// auditLog turns the window of the command line into the filter's times.
func auditLog(f *factory.Factory, cmd *cobra.Command, in any) error {
	filter := in.(*api.AuditFilter) //nolint:forcetypeassert // the declaration says so
	since, from, to := text(cmd, "since"), text(cmd, "from"), text(cmd, "to")
	if since != "" && from != "" {
		return fail.New(fail.Usage, "--since and --from say the same; give one").Hint("aictl audit log --since 24h")
	}
	now := f.Now()
	for _, edge := range []struct {
		text string
		into *string
	}{{since, &filter.From}, {from, &filter.From}, {to, &filter.To}} {
		if edge.text == "" {
			continue
		}
		t, err := when.Parse(edge.text, now, time.Local)
		if err != nil {
			return err
		}
		*edge.into = t.UTC().Format(time.RFC3339)
	}
	return f.Run(cmd.Context(), api.AuditLog, filter)
}

// auditExport writes the entries as they are: a member more, as streams have
// it, would make the lines something else than what the chain was made over.
func auditExport(f *factory.Factory, cmd *cobra.Command, _ any) error {
	c, _, err := f.One()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := f.Deadline(cmd.Context(), 0)
	defer cancel()
	lines := json.NewEncoder(f.IO.Out)
	for e, err := range api.AuditExport.Each(ctx, c, api.None{}) {
		if err != nil {
			return err
		}
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

// auditVerify checks the server's record, or with --file an export, on this
// side and without any server.
func auditVerify(f *factory.Factory, cmd *cobra.Command, in any) error {
	path := text(cmd, "file")
	if path == "" {
		return f.Run(cmd.Context(), api.AuditVerify, in)
	}
	p, err := f.Printer()
	if err != nil {
		return err
	}
	r := f.IO.In
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // the person names it
		if err != nil {
			return fail.Wrap(fail.Usage, err, "reading the export").Hint("aictl audit export > audit.jsonl")
		}
		defer func() { _ = file.Close() }()
		r = file
	}
	report, err := audit.VerifyExport(r)
	if err != nil {
		return err
	}
	return auditVerdict(p, report)
}

// auditVerdict prints the report; a broken chain is a failed condition.
func auditVerdict(p *output.Printer, out any) error {
	r := out.(api.AuditReport) //nolint:forcetypeassert // the declaration says so
	if p.Human() {
		if r.OK {
			_, err := fmt.Fprintf(p.Out(), "%s %d records, head %s\n", p.Env().Styles.OK("The audit is whole:"), r.Records, r.Head)
			return err
		}
	} else if err := p.Print(r); err != nil {
		return err
	}
	if r.OK {
		return nil
	}
	at := "the chain"
	if r.BrokenAt != nil {
		at = fmt.Sprintf("record %d", *r.BrokenAt)
	}
	return fail.New(fail.False, "the audit is broken at %s: %s", at, r.Why).
		Hint("compare with a back-up: aictl audit export")
}
