// Package plugin is the manifest of a service (plugin.yaml): what it is called,
// what it can do, how it is started, probed, limited and scaled.
//
// It promises that a Manifest that Parse or Check let through is whole: names
// are DNS labels, schemas compile, durations and sizes are within bounds, and
// no secret's value is in it. An unknown key is an error that names its line
// and the nearest key. Digest is the same for manifests that mean the same.
// Render makes the Kubernetes objects of a manifest. The package starts
// nothing and reads no file but where Locate says so.
package plugin

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/ai"
)

// FileName is the usual name of a manifest.
const FileName = "plugin.yaml"

// Where a service runs.
const (
	Process    = "process"    // a supervised child of the control plane
	Remote     = "remote"     // a URL that somebody else runs
	Kubernetes = "kubernetes" // a Deployment that the control plane applies
	Builtin    = "builtin"    // of the control plane itself: no manifest makes one
)

// Where a process listens.
const (
	Socket = "socket" // a Unix socket (AICTL_SOCKET)
	Port   = "port"   // a loopback port (AICTL_HOST, AICTL_PORT)
)

// Manifest describes a service. The zero value is not valid; see Parse.
type Manifest struct {
	Name       string      `json:"name" jsonschema:"the service's name: a DNS label"`
	Version    string      `json:"version" jsonschema:"the version of the code, as 1.4.0; on Kubernetes the image says it"`
	Summary    string      `json:"summary,omitempty" jsonschema:"one line for lists"`
	Runtime    string      `json:"runtime" jsonschema:"where it runs: process, remote or kubernetes"`
	Command    []string    `json:"command,omitempty" jsonschema:"process: the program and its arguments; a program with a slash is relative to the manifest's folder; $(NAME) is a variable of the environment and $$( a plain $("`
	Files      []string    `json:"files,omitempty" jsonschema:"process: files and folders outside of the manifest's folder that belong to a revision, relative to it"`
	Listen     string      `json:"listen,omitempty" jsonschema:"process: socket (default) or port"`
	URL        string      `json:"url,omitempty" jsonschema:"remote: where it is"`
	Image      string      `json:"image,omitempty" jsonschema:"kubernetes: the image"`
	ImagePort  int         `json:"image_port,omitempty" jsonschema:"kubernetes: the port that the image listens on (default 8080)"`
	Namespace  string      `json:"namespace,omitempty" jsonschema:"kubernetes: the namespace (default: the engine's)"`
	Operations []Operation `json:"operations" jsonschema:"what the service can do"`
	Probes     Probes      `json:"probes,omitzero" jsonschema:"how it is asked whether it works"`
	Limits     Resources   `json:"limits,omitzero" jsonschema:"what one replica may use"`
	Scale      Scale       `json:"scale,omitzero" jsonschema:"how many replicas there are"`
	Calls      []string    `json:"calls,omitempty" jsonschema:"process: the services that it may call, through the gateway at AICTL_GATEWAY_SOCKET"`
	Env        []Env       `json:"env,omitempty" jsonschema:"variables of the environment"`
	Drain      Duration    `json:"drain,omitzero" jsonschema:"how long calls in flight may take after SIGTERM (default 10s)"`
	Metrics    string      `json:"metrics,omitempty" jsonschema:"kubernetes: path of the Prometheus metrics, where the service has some; it becomes the annotations that scrapers look for"`
	Reason     string      `json:"reason,omitempty" jsonschema:"why this revision is made; part of the history, not of the digest"`
}

// Operation is one thing that the service can do.
type Operation struct {
	Name       string            `json:"name" jsonschema:"lower case letters, digits, dashes, dots and underscores"`
	Summary    string            `json:"summary,omitempty" jsonschema:"one line"`
	Input      json.RawMessage   `json:"input,omitempty" jsonschema:"JSON Schema (draft 2020-12) of the input"`
	Output     json.RawMessage   `json:"output,omitempty" jsonschema:"JSON Schema of the answer"`
	Examples   []json.RawMessage `json:"examples,omitempty" jsonschema:"inputs that work"`
	Streams    bool              `json:"streams,omitempty" jsonschema:"the answer can come in parts"`
	Idempotent bool              `json:"idempotent,omitempty" jsonschema:"a call may be sent twice"`
	Limits     CallLimits        `json:"limits,omitzero" jsonschema:"bounds of one call"`
}

// CallLimits bound the calls of one operation.
type CallLimits struct {
	Timeout     Duration `json:"timeout,omitzero" jsonschema:"of one call (default 60s)"`
	Concurrency int      `json:"concurrency,omitempty" jsonschema:"calls at a time over all replicas; 0 is unbounded"`
	Queue       int      `json:"queue,omitempty" jsonschema:"calls that wait for their turn (default 2 × concurrency)"`
	MaxBody     Size     `json:"max_body,omitempty" jsonschema:"bytes of the input"`
}

// Probes say how a replica is asked whether it works.
type Probes struct {
	Startup   Startup `json:"startup,omitzero" jsonschema:"until it is ready for the first time"`
	Readiness Probe   `json:"readiness,omitzero" jsonschema:"whether it takes calls"`
	Liveness  Probe   `json:"liveness,omitzero" jsonschema:"whether it must be restarted"`
}

// Startup bounds a start.
type Startup struct {
	Timeout Duration `json:"timeout,omitzero" jsonschema:"how long a start may take (default 30s)"`
}

// Probe is one periodic question over HTTP: 200 is yes.
type Probe struct {
	Path     string   `json:"path,omitempty" jsonschema:"default /readyz and /livez"`
	Period   Duration `json:"period,omitzero" jsonschema:"default 1s for readiness, 5s for liveness"`
	Timeout  Duration `json:"timeout,omitzero" jsonschema:"default 1s for readiness, 2s for liveness"`
	Failures int      `json:"failures,omitempty" jsonschema:"so many in a row are a no (default 3)"`
}

// Resources bound one replica.
type Resources struct {
	Memory Size   `json:"memory,omitempty" jsonschema:"resident memory, 256Mi: a process or container beyond it is killed (OOMKilled)"`
	CPU    string `json:"cpu,omitempty" jsonschema:"processors of a container: 500m or 2; a process is not held to it"`
	Files  int    `json:"files,omitempty" jsonschema:"open files of a process"`
}

// Scale says how many replicas there are.
type Scale struct {
	Min         *int     `json:"min,omitempty" jsonschema:"replicas at least (default 1); 0 stops all of them when nobody calls"`
	Max         int      `json:"max,omitempty" jsonschema:"replicas at most (default: min, and 1)"`
	Concurrency int      `json:"concurrency,omitempty" jsonschema:"calls at a time that one replica takes; more wait (default 64)"`
	Idle        Duration `json:"idle,omitzero" jsonschema:"without a call for so long, a service with min 0 stops (default 5m)"`
}

// Env is a variable of the environment: a value, or a reference to a secret.
type Env struct {
	Name   string `json:"name" jsonschema:"letters, digits and underscores"`
	Value  string `json:"value,omitempty" jsonschema:"the value; nothing secret"`
	Secret string `json:"secret,omitempty" jsonschema:"STORE:PATH of a secret, never its value"`
}

// Defaults of the manifest.
const (
	defaultDrain       = 10 * time.Second
	defaultStartup     = 30 * time.Second
	defaultIdle        = 5 * time.Minute
	defaultConcurrency = 64
	defaultPort        = 8080
)

// Description is what the manifest says of the service, as the gateway and
// the catalogue have it.
func (m *Manifest) Description() ai.Description {
	d := ai.Description{Name: m.Name, Version: m.Version, Summary: m.Summary, Operations: make([]ai.Operation, 0, len(m.Operations))}
	for _, o := range m.Operations {
		d.Operations = append(d.Operations, ai.Operation{
			Name: o.Name, Summary: o.Summary, Input: o.Input, Output: o.Output, Examples: o.Examples,
			Streams: o.Streams, Idempotent: o.Idempotent,
			Limits: ai.Limits{
				TimeoutMS: o.Limits.Timeout.D().Milliseconds(), MaxBody: int64(o.Limits.MaxBody), Concurrency: o.Limits.Concurrency,
			},
		})
	}
	return d
}

// MinReplicas is scale.min, or 1.
func (m *Manifest) MinReplicas() int {
	if m.Scale.Min == nil {
		return 1
	}
	return *m.Scale.Min
}

// MaxReplicas is scale.max, or what min asks for, and at least 1.
func (m *Manifest) MaxReplicas() int { return max(m.Scale.Max, m.MinReplicas(), 1) }

// normalise fills in every default, so that manifests that mean the same are
// the same.
func (m *Manifest) normalise() {
	fill(&m.Drain, defaultDrain)
	fill(&m.Probes.Startup.Timeout, defaultStartup)
	m.Probes.Readiness.normalise("/readyz", time.Second, time.Second)
	m.Probes.Liveness.normalise("/livez", 5*time.Second, 2*time.Second)
	if m.Runtime == Process && m.Listen == "" {
		m.Listen = Socket
	}
	if m.Runtime == Kubernetes && m.ImagePort == 0 {
		m.ImagePort = defaultPort
	}
	if m.Runtime != Remote {
		least := m.MinReplicas()
		m.Scale.Min = &least
		m.Scale.Max = m.MaxReplicas()
		if m.Scale.Concurrency == 0 {
			m.Scale.Concurrency = defaultConcurrency
		}
		if least == 0 {
			fill(&m.Scale.Idle, defaultIdle)
		}
	}
	for i := range m.Operations {
		o := &m.Operations[i]
		fill(&o.Limits.Timeout, time.Minute)
		if len(o.Input) == 0 {
			o.Input = json.RawMessage(`{}`)
		}
		if len(o.Output) == 0 {
			o.Output = json.RawMessage(`{}`)
		}
		if o.Examples == nil {
			o.Examples = []json.RawMessage{}
		}
	}
}

func (p *Probe) normalise(path string, period, timeout time.Duration) {
	if p.Path == "" {
		p.Path = path
	}
	fill(&p.Period, period)
	fill(&p.Timeout, timeout)
	if p.Failures == 0 {
		p.Failures = 3
	}
}

func fill(d *Duration, value time.Duration) {
	if *d == 0 {
		*d = Duration(value)
	}
}
