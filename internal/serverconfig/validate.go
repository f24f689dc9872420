package serverconfig

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Prod is the value of protection that guards every change.
const Prod = "prod"

// Validate checks what can be checked without opening anything. The error has
// the code Usage and wraps Issues.
func (c *Config) Validate() error {
	if is := c.issues(); len(is) > 0 {
		return fail.Wrap(fail.Usage, Issues(is), "the server's configuration is wrong")
	}
	return nil
}

// checks collects issues by key.
type checks struct{ issues []Issue }

func (k *checks) that(ok bool, key, format string, args ...any) {
	if !ok {
		k.issues = append(k.issues, Issue{Key: key, Message: fmt.Sprintf(format, args...)})
	}
}

func (k *checks) oneOf(key, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	msg := fmt.Sprintf("%q is not one of %s", value, strings.Join(allowed, ", "))
	if near := closest(value, allowed); near != "" {
		msg = fmt.Sprintf("%q is unknown: did you mean %q?", value, near)
	}
	k.that(false, key, "%s", msg)
}

func (k *checks) url(key, value string, schemes ...string) {
	u, err := url.Parse(value)
	// The value may hold a password: it is not repeated.
	k.that(err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme), key, "is not a URL of %s", strings.Join(schemes, ":// or ")+"://")
}

func (c *Config) issues() []Issue {
	k := &checks{}
	c.checkListener(k)
	c.checkLimits(k)
	c.Stack.check(k)
	c.Backends.check(k)
	c.Secrets.check(k)
	checkSLOs(k, c.SLOs)
	k.that(c.Protection == "" || c.Protection == Prod, "protection", "%q is neither empty nor %q", c.Protection, Prod)
	k.that(c.Backends.Kubernetes.Kubeconfig == "" || !c.Backends.Kubernetes.InCluster, "backends.kubernetes", "is either kubeconfig or in_cluster")
	k.that(c.Backends.Kubernetes.Context == "" || c.Backends.Kubernetes.Kubeconfig != "", "backends.kubernetes.context", "is one of a kubeconfig, and there is none")
	k.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "ecs", "text")
	k.that(c.Log.FileBytes >= 4096, "log.file_bytes", "must be 4KiB or more")
	k.that(c.Log.FileKeep >= 1, "log.file_keep", "must be 1 or more")
	k.that(c.Telemetry.Sample >= 0 && c.Telemetry.Sample <= 1, "telemetry.sample", "%v is not between 0 and 1", c.Telemetry.Sample)
	if c.Telemetry.OTLPEndpoint != "" {
		k.url("telemetry.otlp_endpoint", c.Telemetry.OTLPEndpoint, "http", "https")
	}
	if u := c.Database.URL; strings.Contains(u, "://") {
		k.url("database.url", u, "postgres", "postgresql")
	}
	if c.Redis.URL != "" {
		k.url("redis.url", c.Redis.URL, "redis", "rediss")
	}
	c.Chat.check(k)
	return k.issues
}

func (c *Config) checkListener(k *checks) {
	host, port, err := net.SplitHostPort(c.Listen)
	k.that(err == nil, "listen", "%q is not host:port, such as 127.0.0.1:7979", c.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
		k.that(err == nil, "listen", "%q is not a port number", port)
		ip := net.ParseIP(host)
		loopback := host == "localhost" || ip != nil && ip.IsLoopback()
		k.that(loopback || c.TLS.Cert != "" || c.InsecureListen, "listen",
			"%q is beyond loopback and there is no TLS: set tls.cert and tls.key, or insecure_listen behind a proxy that terminates TLS", c.Listen)
	}
	k.that((c.TLS.Cert == "") == (c.TLS.Key == ""), "tls", "needs both cert and key")
	for i, h := range c.AllowedHosts {
		k.that(h != "" && !strings.ContainsAny(h, "/:* "), fmt.Sprintf("allowed_hosts[%d]", i), "%q is not a host name (no port, no wildcard)", h)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"drain", c.Drain},
		{"timeouts.read_header", c.Timeouts.ReadHeader},
		{"timeouts.read", c.Timeouts.Read},
		{"timeouts.write", c.Timeouts.Write},
		{"timeouts.stall", c.Timeouts.Stall},
		{"timeouts.idle", c.Timeouts.Idle},
	} {
		k.that(d.value >= time.Millisecond && d.value <= 24*time.Hour, d.key, "%s is not between 1ms and 24h", d.value)
	}
}

// maxCost bounds a cost budget: beyond it a sum of millionths could overflow.
const maxCost = 1_000_000_000

func (s Stack) check(k *checks) {
	k.that(s.ScrapeInterval >= time.Second && s.ScrapeInterval <= 10*time.Minute, "stack.scrape_interval", "must be between 1s and 10m")
	k.that(s.MetricsRetention >= time.Hour, "stack.metrics_retention", "must be 1h or more")
	k.that(s.MetricsBytes >= 64<<20, "stack.metrics_bytes", "must be 64MiB or more")
	k.that(s.LogsRetention >= 24*time.Hour, "stack.logs_retention", "must be 24h or more: logs are kept by the day")
	k.that(s.LogsBytes >= 64<<20, "stack.logs_bytes", "must be 64MiB or more")
}

func (b *Backends) check(k *checks) {
	endpoint := func(key string, e Endpoint) {
		if e.URL == "" {
			k.that(e == (Endpoint{}), key+".url", "is missing, and other keys of it are set")
			return
		}
		u, err := url.Parse(e.URL)
		k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, key+".url",
			"is not an http(s) URL without credentials")
		k.that((e.Username == "") == (e.PasswordFile == ""), key, "username and password_file go together")
		k.that((e.CertFile == "") == (e.KeyFile == ""), key, "cert_file and key_file go together")
	}
	endpoint("backends.prometheus", b.Prometheus)
	endpoint("backends.elasticsearch", b.Elasticsearch.Endpoint())
	for i := range b.Alertmanagers {
		key := fmt.Sprintf("backends.alertmanagers[%d]", i)
		k.that(b.Alertmanagers[i].URL != "", key+".url", "is missing")
		endpoint(key, b.Alertmanagers[i].Endpoint())
	}
}

func checkSLOs(k *checks, list []SLO) {
	names := []string{}
	for i, s := range list {
		key := fmt.Sprintf("slos[%d]", i)
		k.that(s.Name != "" && !slices.Contains(names, s.Name), key+".name", "must be there, and only once")
		names = append(names, s.Name)
		k.that(s.Service != "", key+".service", "is missing")
		k.that(s.Objective > 0 && s.Objective < 1, key+".objective", "must be between 0 and 1, as 0.999")
		k.that(s.Latency >= 0, key+".latency", "must not be negative")
		k.that(s.Window >= time.Hour, key+".window", "must be 1h or more")
	}
}

func (c *Config) checkLimits(k *checks) {
	l := c.Limits
	k.that(l.BodyBytes >= 1024 && l.BodyBytes <= 1<<30, "limits.body_bytes", "must be between 1KiB and 1GiB")
	k.that(l.RPS >= 0, "limits.rps", "must not be negative")
	k.that(l.Burst >= 1, "limits.burst", "must be 1 or more")
	k.that(l.Concurrency >= 1 && l.Concurrency <= 1_000_000, "limits.concurrency", "must be between 1 and 1000000")
	k.that(l.Queue >= 0 && l.Queue <= 1_000_000, "limits.queue", "must be between 0 and 1000000")
	k.that(l.Budgets.Tokens >= 0, "limits.budgets.tokens", "must not be negative")
	k.that(l.Budgets.Cost >= 0 && l.Budgets.Cost <= maxCost, "limits.budgets.cost", "must be between 0 and %d", int64(maxCost))
	for _, name := range sortedKeys(l.Budgets.CostAccounts) {
		v := l.Budgets.CostAccounts[name]
		k.that(v >= 0 && v <= maxCost, "limits.budgets.cost_accounts."+name, "must be between 0 and %d", int64(maxCost))
	}
	k.that(l.Budgets.Window >= time.Second, "limits.budgets.window", "must be 1s or more")
	for _, name := range sortedKeys(l.Budgets.Accounts) {
		k.that(l.Budgets.Accounts[name] >= 0, "limits.budgets.accounts."+name, "must not be negative")
	}
}

func (c *Chat) check(k *checks) {
	k.that(c.FirstToken >= time.Millisecond, "chat.first_token", "must be 1ms or more")
	names := []string{}
	for i, u := range c.Upstreams {
		key := fmt.Sprintf("chat.upstreams[%d]", i)
		k.that(u.Name != "", key, "has no name")
		k.that(u.Name == "" || !slices.Contains(names, u.Name), key+".name", "%q is the name of another upstream", u.Name)
		names = append(names, u.Name)
		if u.URL == "" {
			k.that(false, key, "has no url")
		} else {
			k.url(key+".url", u.URL, "http", "https")
			if parsed, err := url.Parse(u.URL); err == nil {
				k.that(parsed.User == nil, key+".url", "holds a password: use key_env or key_file")
			}
		}
		k.that(u.KeyEnv == "" || u.KeyFile == "", key, "has both key_env and key_file")
		k.that(u.Weight >= 0 && u.Weight <= 1000, key+".weight", "must be between 0 and 1000")
		k.that(u.Timeout >= time.Millisecond, key+".timeout", "must be 1ms or more")
	}
	for _, alias := range sortedKeys(c.Aliases) {
		k.that(len(c.Aliases[alias]) > 0, "chat.aliases."+alias, "has no target")
		for i, t := range c.Aliases[alias] {
			key := fmt.Sprintf("chat.aliases.%s[%d]", alias, i)
			if !slices.Contains(names, t.Upstream) {
				msg := fmt.Sprintf("there is no upstream %q", t.Upstream)
				if near := closest(t.Upstream, names); near != "" {
					msg += fmt.Sprintf(": did you mean %q?", near)
				}
				k.that(false, key+".upstream", "%s", msg)
			}
			k.that(t.Model != "", key, "has no model")
			k.that(t.Weight >= 0 && t.Weight <= 1000, key+".weight", "must be between 0 and 1000")
			k.that(t.Tier >= 0 && t.Tier <= 100, key+".tier", "must be between 0 and 100")
		}
	}
	for _, model := range sortedKeys(c.Prices) {
		p := c.Prices[model]
		k.that(p.Input >= 0 && p.Output >= 0, "chat.prices."+model, "must not be negative")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
