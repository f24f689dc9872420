// Package serverconfig reads the control plane's configuration: a YAML file,
// the environment (AICTL_SERVER_…) and flags, in rising precedence over the
// defaults documented here.
//
// It promises: every wrong key or value is reported, all at once, each with
// where it stands and the nearest name that exists; what is in force can be
// printed with the origin of every value and secrets masked; a reload is all
// or nothing. It opens no backend and knows nothing of HTTP.
package serverconfig

import (
	"time"
)

// Bytes is a size; it is written as a number of bytes or as 8MiB, 64KB.
type Bytes int64

// Config is the whole configuration. The tags say how a key is written
// (yaml), whether a SIGHUP may change it (reload) and whether it is masked
// and refused as a flag (secret). A key limits.rps is the environment's
// AICTL_SERVER_LIMITS_RPS and the flag --limits-rps; lists and maps of
// structures are set in the file only.
type Config struct {
	// Listen is host:port. Port 0 picks a free one. Beyond loopback the server
	// refuses to start without tls or insecure_listen. Default 127.0.0.1:7979.
	Listen string `yaml:"listen" help:"host:port to listen on; port 0 picks one"`
	// DataDir holds the embedded store, the vault and the log; one process at a
	// time. Default: empty, for the platform's own directory.
	DataDir string `yaml:"data_dir" help:"directory of the embedded store"`
	// AllowedHosts are names besides loopback that a Host header may carry.
	// Default: none, which means any beyond loopback.
	AllowedHosts []string `yaml:"allowed_hosts" help:"names that a Host header may carry, separated by commas"`
	// InsecureListen allows to listen beyond loopback without TLS, behind a
	// proxy that terminates it. Default false.
	InsecureListen bool      `yaml:"insecure_listen" help:"listen beyond loopback without TLS"`
	TLS            TLS       `yaml:"tls"`
	Database       Database  `yaml:"database"`
	Redis          Redis     `yaml:"redis"`
	Limits         Limits    `yaml:"limits"`
	Timeouts       Timeouts  `yaml:"timeouts"`
	Log            Log       `yaml:"log"`
	Telemetry      Telemetry `yaml:"telemetry"`
	Metrics        Metrics   `yaml:"metrics"`
	Chat           Chat      `yaml:"chat"`
	Stack          Stack     `yaml:"stack"`
	Backends       Backends  `yaml:"backends"`
	// Secrets are the vault and the stores of secrets beside it.
	Secrets Secrets `yaml:"secrets"`
	// Protection "prod" asks of every change the typed name of its object and a
	// reason, whoever asks and with whatever client. Default: empty.
	Protection string `yaml:"protection" reload:"true" help:"prod: every change needs the object's typed name and a reason"`
	// ReadOnly refuses every change of state. Default false.
	ReadOnly bool `yaml:"read_only" reload:"true" help:"refuse every change"`
	// SLOs are the objectives whose error budgets are watched. Default: one of
	// availability and one of latency for every service.
	SLOs []SLO `yaml:"slos" reload:"true"`
	// Drain is how long requests and streams may go on after SIGTERM before
	// they are ended with a typed error. Default 20s.
	Drain time.Duration `yaml:"drain" help:"how long streams may go on after SIGTERM"`
}

// TLS turns on HTTPS (1.2 and newer). The files are read again on SIGHUP; a
// bad pair is refused and the old one stays. Default: none.
type TLS struct {
	// Cert is the PEM file of the certificate chain.
	Cert string `yaml:"cert" help:"PEM file of the certificate chain"`
	// Key is the PEM file of its private key.
	Key string `yaml:"key" help:"PEM file of the private key"`
}

// Database is where the state is kept.
type Database struct {
	// URL is postgres://… or the path of a SQLite file. Default: empty, for
	// aictl.db in data_dir. The server does not start if it cannot be opened.
	URL string `yaml:"url" secret:"true"`
	// URLFile names a file that holds the URL, for orchestrators' secrets. It
	// is an error to set both.
	URLFile string `yaml:"url_file" help:"file that holds the database's URL"`
}

// Redis shares rate limits, sessions and budgets between replicas.
type Redis struct {
	// URL is redis://… or rediss://…. Default: empty, in this process.
	URL string `yaml:"url" secret:"true"`
	// URLFile names a file that holds the URL.
	URLFile string `yaml:"url_file" help:"file that holds Redis's URL"`
}

// Limits bound what one request and one identity may take. A request over a
// limit is refused with 413 or 429 and says when to try again.
type Limits struct {
	// BodyBytes bounds a request's body, as sent and as unpacked. Default 8MiB.
	BodyBytes Bytes `yaml:"body_bytes" help:"largest request body"`
	// RPS is the requests a second that one identity may make in the long run;
	// 0 is no limit. Default 50.
	RPS float64 `yaml:"rps" reload:"true" help:"requests a second of one identity; 0 is no limit"`
	// Burst is how many it may make at once. Default 100.
	Burst int `yaml:"burst" reload:"true" help:"requests at once of one identity"`
	// Concurrency is how many service calls run at once. Default 256.
	Concurrency int `yaml:"concurrency" reload:"true" help:"service calls that run at once"`
	// Queue is how many more may wait for their turn. Default 1024.
	Queue int `yaml:"queue" reload:"true" help:"service calls that may wait"`
	// Budgets bound tokens and cost by account. Default: none.
	Budgets Budgets `yaml:"budgets"`
}

// Budgets bound what accounts may spend. A call that would overshoot is
// refused with 429 before it starts.
type Budgets struct {
	// Tokens of input and output that one account may use per Window; 0 is no
	// limit. Default 0.
	Tokens int64 `yaml:"tokens" reload:"true" help:"tokens of one account per window; 0 is no limit"`
	// Cost that one account may cause per Window, in the currency of
	// chat.prices; 0 is no limit. Default 0.
	Cost float64 `yaml:"cost" reload:"true" help:"cost of one account per window, in the prices' currency; 0 is no limit"`
	// Window is the period. Default 24h.
	Window time.Duration `yaml:"window" reload:"true" help:"period of the budgets"`
	// Accounts override Tokens by the account's name.
	Accounts map[string]int64 `yaml:"accounts" reload:"true"`
	// CostAccounts override Cost by the account's name.
	CostAccounts map[string]float64 `yaml:"cost_accounts" reload:"true"`
}

// Timeouts bound a request; see the server's documentation for which part.
type Timeouts struct {
	// ReadHeader is the time for a request's headers. Default 10s.
	ReadHeader time.Duration `yaml:"read_header" help:"time for a request's headers"`
	// Read is the time for headers and body. Default 1m.
	Read time.Duration `yaml:"read" help:"time for headers and body"`
	// Write is the time for a plain answer. Default 10m.
	Write time.Duration `yaml:"write" help:"time for a plain answer"`
	// Stall is how long one write of a stream may block. Default 30s.
	Stall time.Duration `yaml:"stall" help:"how long one write of a stream may block"`
	// Idle is how long a connection may wait for its next request. Default 2m.
	Idle time.Duration `yaml:"idle" help:"how long a connection may wait for its next request"`
}

// Log is the server's own log.
type Log struct {
	// Level is debug, info, warn or error. Default info.
	Level string `yaml:"level" reload:"true" help:"debug, info, warn or error"`
	// Format is ecs (JSON lines) or text. Default ecs.
	Format string `yaml:"format" help:"ecs or text"`
	// File is written instead of stderr and rotated by size. Default: stderr.
	File string `yaml:"file" help:"log file instead of stderr"`
	// FileBytes is the size at which File is rotated. Default 64MiB.
	FileBytes Bytes `yaml:"file_bytes" help:"size at which the log file is rotated"`
	// FileKeep is how many old files remain. Default 5.
	FileKeep int `yaml:"file_keep" help:"old log files that remain"`
}

// Telemetry exports traces.
type Telemetry struct {
	// OTLPEndpoint is the collector's URL (OTLP over HTTP). Default: none.
	OTLPEndpoint string `yaml:"otlp_endpoint" help:"URL of an OTLP/HTTP collector"`
	// Sample is the share of new traces kept, 0 to 1. Default 1.
	Sample float64 `yaml:"sample" help:"share of new traces kept, 0 to 1"`
}

// Metrics are served under /metrics.
type Metrics struct {
	// Public serves them without a token beyond loopback too. Default false.
	Public bool `yaml:"public" help:"serve /metrics without a token beyond loopback"`
}

// Chat is where chat completions come from. Without upstreams the built-in
// assistant answers.
type Chat struct {
	// Upstreams speak OpenAI's wire format.
	Upstreams []Upstream `yaml:"upstreams" reload:"true"`
	// Aliases are model names of our own, each with its targets in order of
	// tier; within a tier weights decide.
	Aliases map[string][]Target `yaml:"aliases" reload:"true"`
	// Prices of models, per million tokens, in any one currency.
	Prices map[string]Price `yaml:"prices" reload:"true"`
	// FirstToken is how long an upstream may be silent before the next one is
	// tried. Default 30s.
	FirstToken time.Duration `yaml:"first_token" reload:"true" help:"how long an upstream may be silent at first"`
	// Breaker takes an upstream that keeps failing out for a while. Default true.
	Breaker bool `yaml:"breaker" reload:"true" help:"take failing upstreams out for a while"`
}

// Upstream is a server that speaks OpenAI's wire format. Name and URL are
// required.
type Upstream struct {
	// Name is how aliases and logs call it.
	Name string `yaml:"name"`
	// URL is its base, as http://127.0.0.1:11434/v1.
	URL string `yaml:"url"`
	// KeyEnv and KeyFile say where its API key is: an environment variable, or
	// a file. Keys themselves do not belong here.
	KeyEnv  string `yaml:"key_env"`
	KeyFile string `yaml:"key_file"`
	// Models it serves. Default: what it lists itself.
	Models []string `yaml:"models"`
	// Weight shares the calls of a model with its neighbours that have a weight
	// too. Default 0, for strict order: the next one only when this one fails.
	Weight int `yaml:"weight"`
	// Timeout of a whole call. Default 10m.
	Timeout time.Duration `yaml:"timeout"`
}

// Target is one way to answer for an alias.
type Target struct {
	Upstream string `yaml:"upstream"`
	Model    string `yaml:"model"`
	// Weight within the tier. Default 1.
	Weight int `yaml:"weight"`
	// Tier 0 is tried first, then 1, and so on.
	Tier int `yaml:"tier"`
}

// Price is what a million tokens cost.
type Price struct {
	Input  float64 `yaml:"input"`
	Output float64 `yaml:"output"`
}

// Default is the configuration in force when nothing is set.
func Default() Config {
	return Config{
		Listen:    "127.0.0.1:7979",
		Drain:     20 * time.Second,
		Limits:    Limits{BodyBytes: 8 << 20, RPS: 50, Burst: 100, Concurrency: 256, Queue: 1024, Budgets: Budgets{Window: 24 * time.Hour}},
		Timeouts:  Timeouts{ReadHeader: 10 * time.Second, Read: time.Minute, Write: 10 * time.Minute, Stall: 30 * time.Second, Idle: 2 * time.Minute},
		Log:       Log{Level: "info", Format: "ecs", FileBytes: 64 << 20, FileKeep: 5},
		Telemetry: Telemetry{Sample: 1},
		Chat:      Chat{FirstToken: 30 * time.Second, Breaker: true},
		Stack: Stack{
			Enabled: true, ScrapeInterval: 5 * time.Second, MetricsRetention: 15 * 24 * time.Hour, MetricsBytes: 2 << 30,
			LogsRetention: 7 * 24 * time.Hour, LogsBytes: 2 << 30,
		},
	}
}

// elementDefaults fill a list's or map's element before it is read.
func elementDefaults(v any) {
	switch e := v.(type) {
	case *Upstream:
		e.Timeout = 10 * time.Minute
	case *Target:
		e.Weight = 1
	case *SLO:
		e.Window = 30 * 24 * time.Hour
	}
}
