package polish

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/when"
)

type incidentCommand struct{ f *factory.Factory }

// incidentRuns are the commands of incidents, with their views.
func incidentRuns(f *factory.Factory) map[string]Run {
	c := &incidentCommand{f}
	c.views()
	return map[string]Run{
		api.IncidentsOpen.ID:   c.open,
		api.IncidentsShow.ID:   c.show,
		api.IncidentsReport.ID: c.report,
		api.IncidentsExport.ID: c.export,
	}
}

func incidentOpenFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("since", "", "look back so far (1h, 3h, 2026-01-02T08:00:00Z); an hour where absent")
}

func incidentShowFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("evidence", "", "show this piece of its evidence, and the command that shows it again")
}

func incidentReportFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("to", "", "of an open incident: as of this moment, gathered for the report alone")
}

func incidentExportFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("to", "", "directory that does not exist yet, or a file that ends in .zip or .tar")
}

func (c *incidentCommand) open(cmd *cobra.Command, in any) error {
	q := in.(*api.IncidentOpenInput) //nolint:forcetypeassert // the declaration says so
	if since := text(cmd, "since"); since != "" {
		w, err := when.ParseWindow(since, "", "", c.f.Now(), time.Local, time.Hour)
		if err != nil {
			return err
		}
		q.From = w.From.UTC()
	}
	if err := (&deployCommand{f: c.f}).namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	return c.f.Run(cmd.Context(), api.IncidentsOpen, q)
}

func (c *incidentCommand) show(cmd *cobra.Command, in any) error {
	q := in.(*api.IncidentName) //nolint:forcetypeassert // the declaration says so
	if id := text(cmd, "evidence"); id != "" {
		return c.f.Run(cmd.Context(), api.IncidentsEvidence, &api.IncidentEvidenceInput{ID: q.ID, Evidence: id})
	}
	return c.f.Run(cmd.Context(), api.IncidentsShow, q)
}

func (c *incidentCommand) report(cmd *cobra.Command, in any) error {
	q := in.(*api.IncidentReportInput) //nolint:forcetypeassert // the declaration says so
	if to := text(cmd, "to"); to != "" {
		t, err := when.Parse(to, c.f.Now(), time.Local)
		if err != nil {
			return fail.Wrap(fail.Usage, err, "reading --to").Hint("--to 2026-01-02T08:00:00Z")
		}
		q.To = t.UTC()
	}
	return c.f.Run(cmd.Context(), api.IncidentsReport, q)
}

// export writes the files where --to says; otherwise it prints them.
func (c *incidentCommand) export(cmd *cobra.Command, in any) error {
	to := text(cmd, "to")
	if to == "" {
		return c.f.Run(cmd.Context(), api.IncidentsExport, in)
	}
	q := in.(*api.IncidentName) //nolint:forcetypeassert // the declaration says so
	if err := op.Validate(q); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fail.New(fail.Usage, "%s is there already", to).Hint("give another name with --to")
	}
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(cmd.Context(), 30*time.Second)
	defer cancel()
	out, err := api.IncidentsExport.Call(ctx, cl, *q)
	if err != nil {
		return err
	}
	switch filepath.Ext(to) {
	case ".zip":
		err = writeArchive(to, out.Files, writeZip)
	case ".tar":
		err = writeArchive(to, out.Files, writeTar)
	default:
		err = writeFiles(to, out.Files)
	}
	if err != nil {
		return fail.Wrap(fail.CodeOf(err), err, "writing %s", to)
	}
	c.f.Say("Wrote %d files of incident %s to %s", len(out.Files), out.ID, to)
	return nil
}

// writeFiles makes a directory of the files. A name that would leave it is
// refused.
func writeFiles(dir string, files []api.IncidentFile) error {
	for _, f := range files {
		if !filepath.IsLocal(f.Name) {
			return fail.New(fail.Refused, "a file of the export is named %q", f.Name)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Body), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeArchive writes a file whole: what fails leaves none.
func writeArchive(path string, files []api.IncidentFile, write func(io.Writer, []api.IncidentFile) error) error {
	var b bytes.Buffer
	if err := write(&b, files); err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// The archives carry no times of their own: equal incidents give equal files.
func writeZip(w io.Writer, files []api.IncidentFile) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		one, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(one, f.Body); err != nil {
			return err
		}
	}
	return z.Close()
}

func writeTar(w io.Writer, files []api.IncidentFile) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f.Name, Mode: 0o600, Size: int64(len(f.Body)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		if _, err := io.WriteString(t, f.Body); err != nil {
			return err
		}
	}
	return t.Close()
}

// amountWords is one number of the impact.
func amountWords(i api.IncidentImpact) string {
	switch {
	case i.Value == nil:
		return "no data"
	case i.Unit == "ratio":
		return fmt.Sprintf("%.2f %%", 100*float64(*i.Value))
	case i.Unit == "minutes":
		return fmt.Sprintf("%.1f min", float64(*i.Value))
	}
	return strings.TrimSpace(fmt.Sprintf("%.0f %s", float64(*i.Value), i.Unit))
}
