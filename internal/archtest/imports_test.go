// Package archtest holds the import rules of the architecture, a reason for
// each forbidden edge. It has no code of its own.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/aictl/aictl/"

// rule: packages that match From may import what matches Deny only where
// Except matches too. Patterns are import paths; a trailing * is a prefix.
type rule struct {
	from   []string
	not    []string // of from, those that the rule leaves alone
	deny   []string
	except []string
	why    string
}

var rules = []rule{
	{
		from: ours("internal/op", "internal/ml*"), deny: ours("*"), except: ours("internal/fail", "internal/ml*"),
		why: "op and ml are the leaves: what everything stands on depends on nothing of ours",
	},
	{
		from: ours("internal/fail"), deny: ours("*"),
		why: "the error vocabulary is used by everybody",
	},
	{
		from: ours("internal/api"), deny: ours("*"), except: ours("internal/op", "internal/fail"),
		why: "the vocabulary has no behaviour",
	},
	{
		from: ours("internal/ml*"), deny: []string{"net/http", "net"},
		why: "algorithms are pure",
	},
	{
		from: ours("internal/cli*", "tui*", "internal/client", "internal/output", "internal/term", "internal/config", "internal/when", "cmd/aictl"),
		deny: append(ours("internal/platform", "internal/ops", "internal/store*", "internal/ai*", "internal/ml*",
			"internal/authn", "internal/authz", "internal/limit", "internal/devstack*", "server*"),
			"modernc.org/*", "github.com/jackc/*", "github.com/redis/*", "github.com/prometheus/*", "go.opentelemetry.io/*", "gonum.org/*"),
		why: "the faces reach the platform through operations only, and the aictl binary holds no engine",
	},
	{
		from: ours("*"), not: ours("internal/cli*", "cmd/*"), deny: []string{"github.com/spf13/cobra*", "github.com/spf13/pflag"},
		why: "the command tree is one face among others",
	},
	{
		from: ours("*"), not: ours("tui*"), deny: []string{"charm.land/bubbletea*", "charm.land/bubbles*"},
		why: "there is one TUI",
	},
	{
		from: ours("tui/widget", "tui/theme", "tui/keymap", "tui/feed"), deny: ours("internal/api", "internal/client", "tui/pane*", "tui"),
		why: "what the panes share knows no noun and no pane",
	},
	{
		from: ours("tui/pane/*"), deny: ours("tui/pane/*", "tui", "internal/cli*", "internal/client"), except: ours("tui/pane"),
		why: "a pane is a plain struct over operations: it knows neither the app, nor another pane, nor how requests travel",
	},
	{
		from: ours("internal/*"), not: ours("internal/cli"), deny: ours("tui*"),
		why: "the dashboard is a face: one command opens it, and a recording visits it",
	},
	{
		from: ours("*"), not: ours("internal/store*", "test/*"), deny: []string{"modernc.org/sqlite*", "github.com/jackc/pgx*", "github.com/pressly/goose*", "database/sql"},
		why: "SQL is spoken in one place",
	},
	{
		from: ours("*"), not: ours("internal/limit*", "internal/sessioncache", "test/*"), deny: []string{"github.com/redis/*"},
		why: "Redis is an adapter of the limits and of the session cache",
	},
	{
		from: ours("*"), not: ours("internal/output", "internal/kube*", "internal/deploy/kubepath", "test/*"), deny: []string{"k8s.io/*"},
		why: "client-go belongs to the Kubernetes adapter; output and the waits' expressions use its jsonpath only",
	},
	{
		from: ours("internal/*"), not: ours("internal/platform", "internal/ops", "internal/acceptance", "internal/direct"), deny: ours("internal/platform", "internal/ops*", "server*"),
		why: "dependencies point inward: only the wiring knows the wiring",
	},
	{
		from: ours("internal/logs"), deny: append(ours("*"), "net/http"), except: ours("internal/api", "internal/fail", "internal/logs/where"),
		why: "the domain of logs knows no store: its adapters are below it, and the command line links it",
	},
	{
		from: ours("internal/cli*", "tui*", "internal/client", "cmd/aictl"),
		deny: ours("internal/logs/embedded*", "internal/logs/elastic*"),
		why:  "a face asks the operations; of the logs it has the order, the cursor, the language and the pipe, and no store",
	},
	{
		from: ours("internal/deploy"), deny: append(ours("*"), "net/http"), except: ours("internal/api", "internal/fail"),
		why: "the domain of deployments knows no engine: those are adapters of its port",
	},
	{
		from: ours("internal/metrics"), deny: append(ours("*"), "net/http", "github.com/prometheus/*"), except: ours("internal/api", "internal/op", "internal/fail"),
		why: "the domain of metrics knows no backend: its adapter is below it",
	},
	{
		from: ours("*"), not: ours("internal/devstack*", "internal/logs/embedded", "test/*"),
		deny:   []string{"github.com/prometheus/prometheus*", "github.com/prometheus/alertmanager*", "github.com/VictoriaMetrics/*"},
		except: []string{"github.com/prometheus/alertmanager/pkg/labels", "github.com/prometheus/alertmanager/matcher/parse"},
		why:    "the engines are embedded in two places; everybody else speaks to their APIs (Alertmanager's matchers are a vocabulary of their own)",
	},
	{
		from: ours("internal/devstack/*"), deny: ours("internal/devstack", "internal/ops", "internal/platform", "internal/ai*", "internal/api", "internal/store*"),
		why: "an embedded engine knows nothing of who mounts it",
	},
	{
		from: ours("internal/incident"), deny: append(ours("*"), "net/http", "os"), except: ours("internal/api", "internal/op", "internal/fail", "internal/argv", "internal/alerts", "internal/metrics", "internal/incident/verify"),
		why: "the record of an incident knows no store and no backend: a report is made of what was gathered",
	},
	{
		from: ours("internal/incident/runbook", "internal/incident/verify"), deny: append(ours("*"), "net/http", "os", "os/exec"), except: ours("internal/api", "internal/op", "internal/fail", "internal/argv", "internal/yamlfile"),
		why: "a runbook is read and planned; who runs its steps is the face, and nothing here can start a process",
	},
	{
		from: ours("internal/secrets"), deny: append(ours("*"), "net/http"), except: ours("internal/fail"),
		why: "the domain of secrets knows no store: its adapters are below it, and the command line links it",
	},
	{
		from: ours("*"), not: ours("internal/secrets/aws"), deny: []string{"github.com/aws/*"},
		why: "AWS's SDK belongs to its adapter",
	},
	{
		from: ours("*"), not: ours("internal/secrets/github"), deny: []string{"github.com/google/go-github/*"},
		why: "GitHub's client belongs to its adapter",
	},
	{
		from: ours("*"), not: ours("internal/secrets/vault", "internal/platform", "internal/store", "test/*"), deny: append(ours("internal/secrets/vault"), "filippo.io/age*", "github.com/zalando/go-keyring*"),
		why: "the vault is the control plane's: no client holds its key",
	},
	{
		from: ours("internal/bundle"), deny: append(ours("*"), "net"),
		except: ours("internal/api", "internal/fail", "internal/op", "internal/redact", "internal/logs", "internal/logs/where"),
		why:    "a bundle stands in for a platform and can reach none: it knows the operations, the masks and the language of logs",
	},
	{
		from: ours("internal/ai*"), deny: ours("internal/store*", "internal/authn", "internal/authz", "internal/audit", "internal/cli*"),
		why: "a service knows neither where state lives nor who calls it",
	},
}

func ours(paths ...string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = module + p
	}
	return out
}

func matches(path string, patterns []string) bool {
	for _, p := range patterns {
		if prefix, ok := strings.CutSuffix(p, "*"); ok && (strings.HasPrefix(path, prefix) || path == strings.TrimSuffix(prefix, "/")) {
			return true
		}
		if path == p {
			return true
		}
	}
	return false
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	all := packages(t)
	require.Greater(t, len(all), 10)
	for _, p := range all {
		for _, r := range rules {
			if !matches(p.ImportPath, r.from) || matches(p.ImportPath, r.not) {
				continue
			}
			for _, imp := range p.Imports {
				if imp != p.ImportPath && matches(imp, r.deny) && !matches(imp, r.except) {
					self := strings.HasPrefix(imp, p.ImportPath+"/")
					if !self {
						t.Errorf("%s imports %s: %s", p.ImportPath, imp, r.why)
					}
				}
			}
		}
	}
}

// TestClientBinaryHoldsNoEngine looks at everything that is linked into
// aictl, not only at what its packages name.
func TestClientBinaryHoldsNoEngine(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/aictl")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err)
	for _, dep := range strings.Fields(string(out)) {
		if dep == "github.com/prometheus/alertmanager/pkg/labels" || dep == "github.com/prometheus/alertmanager/matcher/parse" { // matchers: no engine, and small
			continue
		}
		for _, engine := range []string{
			"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/prometheus/prometheus", "github.com/prometheus/alertmanager",
			"github.com/VictoriaMetrics", "go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters",
			"gonum.org/", module + "internal/store", module + "internal/platform", module + "internal/ai", module + "server",
			"github.com/santhosh-tekuri/jsonschema", // 20 ms at every start
		} {
			require.False(t, strings.HasPrefix(dep, engine), "cmd/aictl links %s", dep)
		}
	}
}
