// Package runbook reads runbooks written in Markdown and runs their steps: fenced
// blocks marked check or act, each one command line of aictl's own.
//
// It promises that no label can do more than be a value: a line is split into
// arguments by a shell-words parser before any variable is put in, a variable
// fills whole or part of one argument, and a value that would begin an option,
// or that no argument can hold, is refused. Nothing is ever given to a shell. It
// bounds the output that it keeps, the steps that it runs and the time that each
// takes.
//
// It does not decide what a command may do: whoever executes (the port Exec)
// forces checks to be read-only and takes acts through plan and confirmation.
package runbook

import (
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Document is one file of runbooks.
type Document struct {
	// Source is where it is from, as people are told.
	Source string
	Body   []byte
}

// MaxDocument bounds a file.
const MaxDocument = 1 << 20

// Library reads documents. A later document's runbook comes before an earlier
// one's for the same alert: what a person has beats what is built in.
func Library(documents []Document) ([]api.Runbook, error) {
	var out []api.Runbook
	for _, d := range slices.Backward(documents) {
		list, err := Parse(d)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// For gives the runbooks of an alert, by the front matter's alerts, by its name,
// and by the anchor of the alert's runbook_url.
func For(all []api.Runbook, alert, url string) []api.Runbook {
	out := []api.Runbook{}
	_, anchor, _ := strings.Cut(url, "#")
	for _, r := range all {
		if slices.Contains(r.Alerts, alert) || r.Name == alert || anchor != "" && strings.EqualFold(r.Name, anchor) {
			out = append(out, r)
		}
	}
	return out
}

// Find gives the first runbook of a name or an alert.
func Find(all []api.Runbook, name string) (api.Runbook, error) {
	for _, r := range all {
		if strings.EqualFold(r.Name, name) {
			return r, nil
		}
	}
	if list := For(all, name, ""); len(list) > 0 {
		return list[0], nil
	}
	return api.Runbook{}, fail.New(fail.NotFound, "there is no runbook for %q", name).Hint("aictl runbook list, or --dir DIRECTORY with your own")
}
