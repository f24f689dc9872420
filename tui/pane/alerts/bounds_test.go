package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/tuitest"
	"github.com/aictl/aictl/tui/widget"
)

var hostile = []string{
	"\x1b]0;owned\x07\x1b[31mred", "\u202egnirts", "宽字符宽字符宽字符", strings.Repeat("é̂̃", 50), "a\nb\tc\rd", strings.Repeat("x", 1<<20), "👩‍👩‍👧‍👦 family", "",
}

// hostileAlerts are alerts whose every text is somebody's attack.
func hostileAlerts() []api.Alert {
	var out []api.Alert
	for i, text := range hostile {
		a := alert("A"+text, text, text, []string{"firing", "silenced", "inhibited", text}[i%4], time.Duration(i)*time.Hour)
		a.Fingerprint = string(rune('a' + i))
		a.Summary, a.Annotations = text, map[string]string{"description": text}
		a.Labels[text] = text
		a.Ack = &api.AlertAck{By: text, Comment: text}
		out = append(out, a)
	}
	return out
}

func TestEveryFrameFitsWhateverItSays(t *testing.T) {
	env := tuitest.Env(t, now, feed.Context{Name: "prod"})
	p := New(env)
	p.slots[viewList].asked = true
	p.contexts = "prod"
	bad := []api.BackendFailure{{Backend: hostile[0], Message: hostile[1], Next: hostile[5]}, {Backend: "b", Message: hostile[5]}, {Backend: "c"}}
	p.Update(feed.Answer{Key: p.slot("list"), Results: []feed.Result{{Context: "prod", Out: api.AlertList{Alerts: hostileAlerts(), Failed: bad}}}})
	p.event("prod", api.AlertEvent{Type: hostile[0], Time: now, Alert: &hostileAlerts()[0]})
	p.otherAnswer(viewSilences, feed.Answer{Results: []feed.Result{{Context: "prod", Out: api.SilenceList{Silences: []api.Silence{{ID: hostile[0], Matchers: hostile[2], By: hostile[1], Comment: hostile[5], Stale: hostile[3]}}}}}})
	p.otherAnswer(viewHistory, feed.Answer{Results: []feed.Result{{Context: "prod", Out: []api.AlertPast{{Kind: hostile[0], Name: hostile[2], Text: hostile[5], By: hostile[1]}}}}})
	p.otherAnswer(viewRules, feed.Answer{Results: []feed.Result{{Context: "prod", Out: []api.AlertRule{{Name: hostile[0], Expr: hostile[5], Error: hostile[1]}}}, {Context: "x", Err: fail.New(fail.Unavailable, "%s", hostile[0])}}})
	detailOf := func() {
		d := api.AlertDetail{Alert: hostileAlerts()[3], Rule: &api.AlertRule{Expr: hostile[5] + " > 1", Error: hostile[0]}, Failed: bad, Warnings: hostile}
		for _, text := range hostile {
			d.Logs = append(d.Logs, api.LogEntry{Time: now, Level: text, Message: text})
			d.Others = append(d.Others, api.Alert{State: text, Labels: map[string]string{text: text}})
		}
		p.detail = &detail{context: "prod", id: "x", name: d.Name, pager: widget.NewPager()}
		p.detailAnswer(feed.Answer{Results: []feed.Result{{Context: "prod", Out: d}}})
	}
	var history []api.AlertPast
	for i, text := range hostile {
		labels := map[string]string{"alertname": text, text: text, "service": text, "severity": text}
		history = append(history, api.AlertPast{Kind: "firing", Name: text, Labels: labels, Start: now.Add(-time.Duration(i) * time.Minute)},
			api.AlertPast{Kind: "ack", Name: text, Labels: labels, Matchers: "a=b", By: text, Text: text, Start: now.Add(-time.Duration(i) * time.Minute)})
	}
	before := func() {
		p.leave()
		env.Window.Live, env.Window.End, env.Window.Cursor = false, now, now.Add(-time.Minute)
		p.startFired()
		p.firedAnswer(feed.Answer{Results: []feed.Result{{Context: "prod", Out: history}, {Context: "x", Err: fail.New(fail.Unavailable, "%s", hostile[0])}}})
	}
	states := map[string]func(){
		"list": func() { p.leave() }, "fired": before, "fired page": func() {
			f, _ := p.fired.Current()
			p.openDetail("prod", f.Name, f.Name, f.Labels)
		}, "groups": func() { p.by = "name"; p.rebuild() }, "silences": func() { p.by = ""; p.view = viewSilences },
		"history": func() { p.view = viewHistory }, "rules": func() { p.view = viewRules }, "detail": detailOf,
		"preview": func() {
			p.preview = newPreview("prod", []string{hostile[5], "2h", hostile[0], "yes"}, 48*time.Hour)
			p.preview.out = &api.Preview{Now: hostileAlerts(), Warnings: hostile, Past: []api.PreviewPast{{Name: hostile[0], Labels: map[string]string{"a": hostile[2]}}}}
		},
	}
	for _, skin := range []string{theme.Mono, "default"} {
		env.Theme, _ = theme.New(skin)
		for _, name := range []string{"list", "groups", "silences", "history", "rules", "detail", "preview", "fired", "fired page"} {
			states[name]()
			t.Run(skin+"/"+name, func(t *testing.T) {
				for w := 1; w <= 130; w += 1 + w/6 {
					for _, h := range []int{1, 3, 5, 8, 45} {
						tuitest.Bounded(t, p.View(w, h), w, h)
					}
				}
			})
		}
		p.leave()
		env.Window.Live = true
	}
}
