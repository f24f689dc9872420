// Package rules holds the recording and alerting rules of the embedded
// Prometheus: the built-in ones, as files that an outside Prometheus can load
// too, and those made from declared service-level objectives.
//
// It promises: every alert has a severity (critical: somebody is woken;
// warning: somebody looks today; info: context), a service, a summary, a
// description, the address of its runbook and the dashboard that shows it;
// promtool accepts every document; making rules is pure.
package rules

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/aictl/aictl/internal/fail"
)

//go:embed *.yaml
var files embed.FS

//go:embed RUNBOOKS.md
var runbookText []byte

// Runbooks is the document that the alerts' runbook_url lead to: Markdown with
// check and act steps. The caller must not change it.
func Runbooks() []byte { return runbookText }

const runbooks = "https://github.com/aictl/aictl/blob/main/internal/devstack/rules/RUNBOOKS.md"

// RunbookURL is where the runbook of an alert is.
func RunbookURL(alert string) string { return runbooks + "#" + strings.ToLower(alert) }

// Documents are the rules in force for the objectives: the built-in files and
// one made from the SLOs, each YAML by its name (builtin:services.yaml). The
// caller owns the map. An invalid SLO is fail.Usage.
func Documents(slos []SLO) (map[string][]byte, error) {
	out := map[string][]byte{}
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "listing the built-in rules")
	}
	for _, n := range names {
		if out["builtin:"+n], err = files.ReadFile(n); err != nil {
			return nil, fail.Wrap(fail.Internal, err, "reading the built-in rules")
		}
	}
	groups, err := FromSLOs(slos)
	if err != nil {
		return nil, err
	}
	if len(groups.Groups) > 0 {
		if out["builtin:slo.yaml"], err = yaml.Marshal(groups); err != nil {
			return nil, fail.Wrap(fail.Internal, err, "writing the rules of the objectives")
		}
	}
	return out, nil
}
