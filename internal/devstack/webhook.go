package devstack

import (
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/aictl/aictl/internal/fail"
)

// Webhook receives alerts as Alertmanager's webhook JSON, POSTed.
type Webhook struct {
	URL string
	// Bearer is sent as the Authorization; it stays in memory, and the API
	// shows <secret>.
	Bearer string
	// Severities are those it is told of; none means all.
	Severities []string
	// FiringOnly leaves out the message that an alert is over.
	FiringOnly bool
}

// The parts of alertmanager.yml that are written here.
type (
	amDocument struct {
		Route     amRoute      `yaml:"route"`
		Inhibit   []amInhibit  `yaml:"inhibit_rules"`
		Receivers []amReceiver `yaml:"receivers"`
	}
	amRoute struct {
		Receiver string    `yaml:"receiver"`
		GroupBy  []string  `yaml:"group_by,omitempty,flow"`
		Wait     string    `yaml:"group_wait,omitempty"`
		Interval string    `yaml:"group_interval,omitempty"`
		Repeat   string    `yaml:"repeat_interval,omitempty"`
		Matchers []string  `yaml:"matchers,omitempty"`
		Continue bool      `yaml:"continue,omitempty"`
		Routes   []amRoute `yaml:"routes,omitempty"`
	}
	amInhibit struct {
		Source []string `yaml:"source_matchers"`
		Target []string `yaml:"target_matchers"`
		Equal  []string `yaml:"equal,flow"`
	}
	amReceiver struct {
		Name     string      `yaml:"name"`
		Webhooks []amWebhook `yaml:"webhook_configs,omitempty"`
	}
	amWebhook struct {
		URL          string  `yaml:"url"`
		SendResolved bool    `yaml:"send_resolved"`
		Timeout      string  `yaml:"timeout"`
		HTTP         *amHTTP `yaml:"http_config,omitempty"`
	}
	amHTTP struct {
		Authorization amAuthorization `yaml:"authorization"`
	}
	amAuthorization struct {
		Credentials string `yaml:"credentials"`
	}
)

// alertmanager gives the configuration in force: the one given, or the
// built-in one.
func (c Config) alertmanager() ([]byte, error) {
	switch {
	case len(c.AlertmanagerConfig) > 0:
		return c.AlertmanagerConfig, nil
	case c.AlertmanagerFile != "":
		text, err := os.ReadFile(c.AlertmanagerFile)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the Alertmanager configuration").
				Hint("check stack.alertmanager_file in the configuration")
		}
		return text, nil
	}
	return byEverySeverity(c.Webhooks)
}

// byEverySeverity groups alerts by name and service: critical ones are sent
// after a second and again every hour, the others after ten seconds and every
// four hours. A critical alert hides the lesser ones of the same service.
func byEverySeverity(hooks []Webhook) ([]byte, error) {
	d := amDocument{
		Route: amRoute{Receiver: "nobody", GroupBy: []string{"alertname", "service"}, Wait: "10s", Interval: "1m", Repeat: "4h"},
		Inhibit: []amInhibit{
			{Source: []string{`severity="critical"`, `service!=""`}, Target: []string{`severity=~"warning|info"`}, Equal: []string{"service"}},
			{Source: []string{`severity="warning"`, `service!=""`}, Target: []string{`severity="info"`}, Equal: []string{"service"}},
		},
		Receivers: []amReceiver{{Name: "nobody"}},
	}
	for i, h := range hooks {
		u, err := url.Parse(h.URL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fail.New(fail.Usage, "webhook %d has no http or https URL", i+1).Hint("give it as https://HOST/PATH")
		}
		w := amWebhook{URL: h.URL, SendResolved: !h.FiringOnly, Timeout: "10s"}
		if h.Bearer != "" {
			w.HTTP = &amHTTP{Authorization: amAuthorization{Credentials: h.Bearer}}
		}
		name := "webhook-" + strconv.Itoa(i+1)
		d.Receivers = append(d.Receivers, amReceiver{Name: name, Webhooks: []amWebhook{w}})
		urgent, rest := split(h.Severities)
		if urgent {
			d.Route.Routes = append(d.Route.Routes, amRoute{
				Receiver: name, Matchers: []string{`severity="critical"`}, Wait: "1s", Interval: "30s", Repeat: "1h", Continue: true,
			})
		}
		if rest != "" {
			d.Route.Routes = append(d.Route.Routes, amRoute{Receiver: name, Matchers: []string{rest}, Continue: true})
		}
	}
	text, err := yaml.Marshal(d)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "writing the Alertmanager configuration")
	}
	return text, nil
}

// split says whether critical alerts are wanted, and gives the matcher of the
// others ("" for none).
func split(severities []string) (critical bool, others string) {
	if len(severities) == 0 {
		return true, `severity!="critical"`
	}
	var rest []string
	for _, s := range severities {
		if s != "critical" {
			rest = append(rest, s)
		}
	}
	if len(rest) > 0 {
		others = "severity=~" + strconv.Quote(strings.Join(rest, "|"))
	}
	return slices.Contains(severities, "critical"), others
}
