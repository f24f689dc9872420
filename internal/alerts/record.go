package alerts

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Record writes what a person did about alerts to the logger, which is the
// control plane's record: the log store keeps it, and FromRecord reads it.
func Record(ctx context.Context, log *slog.Logger, action string, s Silence, hit []api.Alert) {
	names := make([]string, 0, len(hit))
	for _, a := range hit {
		if len(names) < 50 {
			names = append(names, a.Name)
		}
	}
	log.InfoContext(ctx, "alerts were handled", slog.String("event.dataset", Dataset), slog.String("event.action", action),
		slog.String("aictl.silence", s.ID), slog.String("aictl.matchers", s.Matchers.String()), slog.String("user.name", s.By),
		slog.String("aictl.comment", Words(s.Comment)), slog.String("aictl.alert", strings.Join(names, " ")))
}

// FromRecord reads an entry that Record or a Keeper wrote.
func FromRecord(e api.LogEntry) (api.AlertPast, bool) {
	var doc struct {
		Event struct {
			Action  string `json:"action"`
			Dataset string `json:"dataset"`
		} `json:"event"`
		User struct {
			Name string `json:"name"`
		} `json:"user"`
		Aictl struct {
			Alert    string `json:"alert"`
			Matchers string `json:"matchers"`
			Comment  string `json:"comment"`
			Severity string `json:"severity"`
			Service  string `json:"service"`
			Summary  string `json:"summary"`
		} `json:"aictl"`
	}
	if json.Unmarshal(e.Fields, &doc) != nil || doc.Event.Dataset != Dataset || doc.Event.Action == "" {
		return api.AlertPast{}, false
	}
	switch doc.Event.Action {
	case "firing", "refiring": // the series ALERTS has these, with their length
		return api.AlertPast{}, false
	}
	p := api.AlertPast{
		Kind: doc.Event.Action, Name: doc.Aictl.Alert, Start: e.Time.UTC(), By: doc.User.Name, Source: "record",
		Matchers: doc.Aictl.Matchers, Text: strings.TrimSpace(doc.Aictl.Matchers + " " + doc.Aictl.Comment), Labels: map[string]string{},
	}
	if p.Text == "" {
		p.Text = doc.Aictl.Summary
	}
	for name, value := range map[string]string{"alertname": doc.Aictl.Alert, "severity": doc.Aictl.Severity, "service": doc.Aictl.Service} {
		if value != "" {
			p.Labels[name] = value
		}
	}
	return p, true
}

// Annotations makes marks for a plot of the silences that held in a window.
func Annotations(list []Silence, from, to time.Time) []api.Annotation {
	var out []api.Annotation
	for _, s := range list {
		if s.Ends.Before(from) || !s.Starts.Before(to) {
			continue
		}
		a := api.Annotation{Kind: "silence", Time: s.Starts.UTC(), Title: s.Matchers.String(), Text: strings.TrimSpace(s.By + ": " + Words(s.Comment))}
		if s.Ends.Before(to) {
			end := s.Ends.UTC()
			a.End = &end
		}
		out = append(out, a)
	}
	return out
}
