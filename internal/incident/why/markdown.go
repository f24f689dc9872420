package why

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Markdown writes an answer for a chat or a ticket. cell makes foreign text fit
// for Markdown; times are in the zone.
func Markdown(w api.Why, zone *time.Location, cell func(string) string) string {
	var b strings.Builder
	at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05 MST") }
	fmt.Fprintf(&b, "## Why %s\n\n%s\n", cell(w.Subject.Name), cell(w.Summary))
	if w.Symptom.Onset != nil {
		fmt.Fprintf(&b, "\nIt began at %s, within %s.\n", at(*w.Symptom.Onset), time.Duration(w.Symptom.OnsetWithin))
	}
	for _, c := range w.Candidates {
		fmt.Fprintf(&b, "\n%d. **%.0f %%** %s: %s\n", c.Rank, 100*float64(c.Confidence), c.Kind, cell(c.Title))
		for _, e := range c.Evidence {
			fmt.Fprintf(&b, "   - %s (%s)\n", cell(e.Text), e.ID)
		}
		for _, a := range c.Against {
			fmt.Fprintf(&b, "   - against: %s\n", cell(a))
		}
		if c.Command != "" {
			fmt.Fprintf(&b, "\n   ```sh\n   %s\n   ```\n", strings.ReplaceAll(c.Command, "```", ""))
		}
	}
	if len(w.Cleared) > 0 {
		b.WriteString("\nLooked at and cleared:\n\n")
		for _, c := range w.Cleared {
			fmt.Fprintf(&b, "- %s at %s: %s\n", cell(c.Change.Summary), at(c.Change.Time), cell(c.Why))
		}
	}
	for _, u := range w.Unknown {
		fmt.Fprintf(&b, "\nNo data from %s: %s\n", cell(u.Backend), cell(u.Message))
	}
	return b.String()
}
