package main

import (
	"fmt"
	"strings"

	"github.com/aictl/aictl/tui"
)

// keys writes the page of the dashboard's keys from their records.
func keys(path string) error {
	table, err := tui.KeyTable()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Keys of the dashboard\n\nGenerated from the key map; `?` shows the same. To change a key, name its action in\n" +
		"`dashboard.yaml` beside the configuration file:\n\n```yaml\nkeys:\n  alerts.ack: [\"A\"]\n```\n")
	for _, s := range table {
		fmt.Fprintf(&b, "\n## %s\n\n| key | action | what it does |\n|---|---|---|\n", s.Title)
		for _, a := range s.Actions {
			spelled := make([]string, len(a.Keys))
			for i, k := range a.Keys {
				spelled[i] = "`" + k + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(spelled, " "), a.ID, cell(a.Help))
		}
	}
	return write(path, []byte(b.String()))
}
