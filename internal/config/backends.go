package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Backends are the systems behind a direct context; nil is none.
type Backends struct {
	Kubernetes *Kubernetes `yaml:"kubernetes,omitempty" json:"kubernetes,omitempty"`
	Prometheus *Endpoint   `yaml:"prometheus,omitempty" json:"prometheus,omitempty"`
	// Alertmanagers are all asked. Those of the same cluster (the members of a
	// high-availability pair; by default all are) tell each other.
	Alertmanagers []Endpoint     `yaml:"alertmanagers,omitempty" json:"alertmanagers,omitempty"`
	Elasticsearch *Elasticsearch `yaml:"elasticsearch,omitempty" json:"elasticsearch,omitempty"`
	Grafana       *Endpoint      `yaml:"grafana,omitempty" json:"grafana,omitempty"`
}

// Kubernetes is a cluster by the person's own kubeconfig.
type Kubernetes struct {
	Kubeconfig string `yaml:"kubeconfig,omitempty" json:"kubeconfig,omitempty"`
	Context    string `yaml:"context,omitempty" json:"context,omitempty"`
	// Discover finds the backends that are not named here by their Services,
	// and reaches them through the API server's proxy.
	Discover bool `yaml:"discover,omitempty" json:"discover,omitempty"`
	// Namespace is where to look first; empty is the kubeconfig's.
	Namespace string `yaml:"-" json:"-"`
	// As and AsGroups are whom to impersonate.
	As string `yaml:"-" json:"-"`
	// ReadOnly sends nothing that could be taken for a change, dry runs included.
	ReadOnly bool     `yaml:"-" json:"-"`
	AsGroups []string `yaml:"-" json:"-"`
}

// Endpoint is a system behind a URL. Credentials are in files, not here: the
// keys that end in _file name them.
type Endpoint struct {
	Name         string            `yaml:"name,omitempty" json:"name,omitempty"`
	URL          string            `yaml:"url" json:"url"`
	Cluster      string            `yaml:"cluster,omitempty" json:"cluster,omitempty"`
	Username     string            `yaml:"username,omitempty" json:"username,omitempty"`
	PasswordFile string            `yaml:"password_file,omitempty" json:"password_file,omitempty"`
	TokenFile    string            `yaml:"token_file,omitempty" json:"token_file,omitempty"`
	CAFile       string            `yaml:"ca_file,omitempty" json:"ca_file,omitempty"`
	CertFile     string            `yaml:"cert_file,omitempty" json:"cert_file,omitempty"`
	KeyFile      string            `yaml:"key_file,omitempty" json:"key_file,omitempty"`
	Headers      map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
}

// Elasticsearch is an endpoint with the indices to read.
type Elasticsearch struct {
	Endpoint `yaml:",inline"`
	// APIKeyFile holds an API key as Elasticsearch shows it (encoded).
	APIKeyFile string `yaml:"api_key_file,omitempty" json:"api_key_file,omitempty"`
	// Index is a pattern, a data stream or an alias; several by commas.
	Index string `yaml:"index,omitempty" json:"index,omitempty"`
	// Fields name the fields of indices that are not ECS: time, message,
	// level, service and trace.
	Fields map[string]string `yaml:"fields,omitempty" json:"fields,omitempty"`
}

// logFields are the keys of Elasticsearch.Fields.
var logFields = []string{"time", "message", "level", "service", "trace"}

func (b *Backends) validate(in func(key string, err error) error) error {
	if b == nil {
		return nil
	}
	check := func(key string, e *Endpoint) error {
		if e == nil {
			return nil
		}
		if err := in(key+".url", checkURL(e.URL)); err != nil {
			return err
		}
		if (e.CertFile == "") != (e.KeyFile == "") {
			return in(key, fail.New(fail.Usage, "cert_file and key_file go together"))
		}
		if (e.Username == "") != (e.PasswordFile == "") {
			return in(key, fail.New(fail.Usage, "username and password_file go together"))
		}
		return nil
	}
	for _, one := range []struct {
		key string
		e   *Endpoint
	}{{"backends.prometheus", b.Prometheus}, {"backends.grafana", b.Grafana}} {
		if err := check(one.key, one.e); err != nil {
			return err
		}
	}
	for i := range b.Alertmanagers {
		if err := check("backends.alertmanagers", &b.Alertmanagers[i]); err != nil {
			return err
		}
	}
	if b.Elasticsearch == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.Elasticsearch.Fields)) {
		if !slices.Contains(logFields, name) {
			return in("backends.elasticsearch.fields", fail.New(fail.Usage, "%q is none of %s", name, strings.Join(logFields, ", ")))
		}
	}
	return check("backends.elasticsearch", &b.Elasticsearch.Endpoint)
}

// endpointKeys are the keys of an endpoint that `context set` takes.
var endpointKeys = []string{"url", "username", "password_file", "token_file", "ca_file", "cert_file", "key_file"}

func backendKeys() []string {
	out := []string{"backends.kubernetes.kubeconfig", "backends.kubernetes.context", "backends.kubernetes.discover"}
	for _, system := range []string{"prometheus", "alertmanager", "elasticsearch", "grafana"} {
		for _, key := range endpointKeys {
			out = append(out, "backends."+system+"."+key)
		}
	}
	return append(out, "backends.elasticsearch.api_key_file", "backends.elasticsearch.index")
}

// with gives a copy with one key set; an empty url removes the system. The
// keys of the Alertmanagers are of all of them, and their url may name several
// by commas.
func (b *Backends) with(path, value string) (fresh *Backends, known bool) {
	fresh = b.clone()
	system, key, _ := strings.Cut(path, ".")
	switch system {
	case "kubernetes":
		if fresh.Kubernetes == nil {
			fresh.Kubernetes = &Kubernetes{}
		}
		if known = key == "discover"; known {
			fresh.Kubernetes.Discover, _ = parseBool(value) // checked by set; empty is off
		} else {
			known = set(map[string]*string{"kubeconfig": &fresh.Kubernetes.Kubeconfig, "context": &fresh.Kubernetes.Context}, key, value)
		}
		if reflect.ValueOf(*fresh.Kubernetes).IsZero() {
			fresh.Kubernetes = nil
		}
	case "prometheus":
		fresh.Prometheus, known = withEndpoint(fresh.Prometheus, key, value)
	case "grafana":
		fresh.Grafana, known = withEndpoint(fresh.Grafana, key, value)
	case "elasticsearch":
		fresh.Elasticsearch, known = withElastic(fresh.Elasticsearch, key, value)
	case "alertmanager":
		fresh.Alertmanagers, known = withAlertmanagers(fresh.Alertmanagers, key, value)
	}
	if reflect.ValueOf(*fresh).IsZero() {
		return nil, known
	}
	return fresh, known
}

func (b *Backends) clone() *Backends {
	if b == nil {
		return &Backends{}
	}
	c := *b
	if b.Kubernetes != nil {
		k := *b.Kubernetes
		c.Kubernetes = &k
	}
	c.Alertmanagers = slices.Clone(b.Alertmanagers)
	return &c
}

func set(fields map[string]*string, key, value string) bool {
	to, known := fields[key]
	if known {
		*to = value
	}
	return known
}

func (e *Endpoint) set(key, value string) bool {
	return set(map[string]*string{
		"url": &e.URL, "username": &e.Username, "password_file": &e.PasswordFile, "token_file": &e.TokenFile,
		"ca_file": &e.CAFile, "cert_file": &e.CertFile, "key_file": &e.KeyFile,
	}, key, value)
}

func withEndpoint(old *Endpoint, key, value string) (*Endpoint, bool) {
	e := Endpoint{}
	if old != nil {
		e = *old
	}
	known := e.set(key, value)
	if key == "url" && value == "" {
		return nil, true
	}
	return &e, known
}

func withElastic(old *Elasticsearch, key, value string) (*Elasticsearch, bool) {
	e := Elasticsearch{}
	if old != nil {
		e = *old
	}
	known := e.set(key, value) || set(map[string]*string{"index": &e.Index, "api_key_file": &e.APIKeyFile}, key, value)
	if key == "url" && value == "" {
		return nil, true
	}
	return &e, known
}

func withAlertmanagers(list []Endpoint, key, value string) ([]Endpoint, bool) {
	if key != "url" {
		for i := range list {
			if !list[i].set(key, value) {
				return list, false
			}
		}
		return list, slices.Contains(endpointKeys, key)
	}
	like := Endpoint{}
	if len(list) > 0 {
		like = list[0]
	}
	list = nil
	for u := range strings.SplitSeq(value, ",") {
		if u = strings.TrimSpace(u); u != "" {
			one := like
			one.URL, one.Name = u, ""
			list = append(list, one)
		}
	}
	return list, true
}

// String names the systems, for a list of contexts.
func (b *Backends) String() string {
	if b == nil {
		return ""
	}
	var out []string
	for name, there := range map[string]bool{
		"kubernetes": b.Kubernetes != nil, "prometheus": b.Prometheus != nil, "elasticsearch": b.Elasticsearch != nil,
		"grafana": b.Grafana != nil, fmt.Sprintf("%d alertmanagers", len(b.Alertmanagers)): len(b.Alertmanagers) > 0,
	} {
		if there {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
