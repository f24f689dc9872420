package chat

import "github.com/aictl/aictl/tui/pane"

// question is what a person is likely to ask about a subject; empty where the
// subject is none of it.
func question(s pane.Subject) string {
	switch {
	case s.Alert != "" && s.Service != "":
		return "why does " + s.Alert + " fire for " + s.Service + "?"
	case s.Alert != "":
		return "why does " + s.Alert + " fire?"
	case s.Incident != "":
		return "what is known about the incident " + s.Incident + "?"
	case s.Secret != "":
		return "who uses the secret " + s.Secret + ", and when was it rotated?"
	case s.Trace != "":
		return "what happened in the trace " + s.Trace + "?"
	case s.Query != "":
		return "what does " + s.Query + " tell?"
	case s.Workload != "":
		return "how does the rollout of " + s.Workload + " do?"
	case s.Service != "":
		return "is " + s.Service + " healthy?"
	case s.Text != "":
		return "what does this mean? " + s.Text
	}
	return ""
}
