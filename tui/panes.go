package tui

import (
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/pane/alerts"
	"github.com/aictl/aictl/tui/pane/audit"
	"github.com/aictl/aictl/tui/pane/chat"
	"github.com/aictl/aictl/tui/pane/deployments"
	"github.com/aictl/aictl/tui/pane/incident"
	"github.com/aictl/aictl/tui/pane/logs"
	"github.com/aictl/aictl/tui/pane/metrics"
	"github.com/aictl/aictl/tui/pane/overview"
	"github.com/aictl/aictl/tui/pane/secrets"
	"github.com/aictl/aictl/tui/pane/services"
)

// Panes makes the panes in the order of the bar.
func Panes(env *pane.Env) []pane.Pane {
	return []pane.Pane{
		overview.New(env), services.New(env), logs.New(env), metrics.New(env), alerts.New(env),
		deployments.New(env), secrets.New(env), incident.New(env), chat.New(env), audit.New(env),
	}
}

// PaneNames are the words that name the panes, in the order of the bar.
func PaneNames() []string {
	return []string{"overview", "services", "logs", "metrics", "alerts", "deployments", "secrets", "incident", "chat", "audit"}
}
