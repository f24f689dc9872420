package tui

import (
	"github.com/aictl/aictl/tui/pane"
)

// Panes makes the panes in the order of the bar.
func Panes(env *pane.Env) []pane.Pane {
	return []pane.Pane{}
}

// PaneNames are the words that name the panes, in the order of the bar.
func PaneNames() []string {
	return []string{"overview", "services", "logs", "metrics", "alerts", "deployments", "secrets", "incident", "chat", "audit"}
}
