package serverconfig

import "time"

// Stack is the embedded observability stack: Prometheus, Alertmanager and a
// log store in this process. Each of them runs where Backends names no other.
type Stack struct {
	// Enabled runs it. Default true.
	Enabled bool `yaml:"enabled" help:"run the embedded metrics, alerts and logs"`
	// ScrapeInterval is the time between two looks at each target. Default 5s.
	ScrapeInterval time.Duration `yaml:"scrape_interval" help:"time between two scrapes of a target"`
	// MetricsRetention and MetricsBytes bound what is kept. Defaults 360h, 2GiB.
	MetricsRetention time.Duration `yaml:"metrics_retention" help:"how long metrics are kept"`
	MetricsBytes     Bytes         `yaml:"metrics_bytes" help:"disk that metrics may take"`
	// LogsRetention and LogsBytes bound what is kept. Defaults 168h, 2GiB.
	LogsRetention time.Duration `yaml:"logs_retention" help:"how long logs are kept; at least a day"`
	LogsBytes     Bytes         `yaml:"logs_bytes" help:"disk that logs may take"`
	// Rules are further rule files of Prometheus, with * patterns.
	Rules []string `yaml:"rules" reload:"true" help:"further rule files of Prometheus, separated by commas"`
	// AlertmanagerFile is Alertmanager's own configuration in place of the
	// built-in one, for receivers and routes.
	AlertmanagerFile string `yaml:"alertmanager_file" reload:"true" help:"Alertmanager's configuration file, in place of the built-in one"`
}

// Backends are the systems that the platform reads in place of its embedded
// ones.
type Backends struct {
	Prometheus    Endpoint       `yaml:"prometheus"`
	Alertmanagers []Alertmanager `yaml:"alertmanagers"`
	Elasticsearch Elasticsearch  `yaml:"elasticsearch"`
	Kubernetes    Kubernetes     `yaml:"kubernetes"`
}

// Kubernetes is the cluster whose deployments and secrets the platform
// operates, and where it puts services of the runtime kubernetes. The caller is
// impersonated, as the user aictl:ACCOUNT with the groups aictl:ROLE (of a role
// in one namespace: aictl:ROLE:NAMESPACE), so that nobody may do there
// through the platform what they may not do themselves: the platform's own
// account needs the permission to impersonate and no more.
type Kubernetes struct {
	// Kubeconfig is the file; Context is one of it, by default the current.
	Kubeconfig string `yaml:"kubeconfig" help:"kubeconfig of the cluster to operate"`
	Context    string `yaml:"context" help:"context of the kubeconfig"`
	// InCluster uses the account of the pod that the server runs in.
	InCluster bool `yaml:"in_cluster" help:"operate the cluster that the server runs in"`
	// Namespace is where services are put and looked for by default.
	Namespace string `yaml:"namespace" help:"default namespace in the cluster"`
}

// Configured says whether there is a cluster.
func (k Kubernetes) Configured() bool { return k.Kubeconfig != "" || k.InCluster }

// Endpoint is a system behind a URL. Credentials are in files.
type Endpoint struct {
	URL          string `yaml:"url" help:"base URL"`
	Username     string `yaml:"username" help:"name for basic authentication"`
	PasswordFile string `yaml:"password_file" help:"file with its password"`
	TokenFile    string `yaml:"token_file" help:"file with a bearer token"`
	CAFile       string `yaml:"ca_file" help:"PEM file of the certificates to trust"`
	CertFile     string `yaml:"cert_file" help:"PEM file of the client's certificate"`
	KeyFile      string `yaml:"key_file" help:"PEM file of its key"`
}

// Alertmanager is one member; all of them are asked.
type Alertmanager struct {
	URL          string `yaml:"url"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	TokenFile    string `yaml:"token_file"`
	CAFile       string `yaml:"ca_file"`
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	// Cluster groups members that tell each other; by default all do.
	Cluster string `yaml:"cluster"`
}

// Endpoint is the part that every system has.
func (a Alertmanager) Endpoint() Endpoint {
	return Endpoint{a.URL, a.Username, a.PasswordFile, a.TokenFile, a.CAFile, a.CertFile, a.KeyFile}
}

// Elasticsearch is where logs are, instead of the embedded store.
type Elasticsearch struct {
	URL          string `yaml:"url" help:"base URL"`
	Username     string `yaml:"username" help:"name for basic authentication"`
	PasswordFile string `yaml:"password_file" help:"file with its password"`
	TokenFile    string `yaml:"token_file" help:"file with a bearer token"`
	CAFile       string `yaml:"ca_file" help:"PEM file of the certificates to trust"`
	CertFile     string `yaml:"cert_file" help:"PEM file of the client's certificate"`
	KeyFile      string `yaml:"key_file" help:"PEM file of its key"`
	// APIKeyFile holds an API key as Elasticsearch shows it (encoded).
	APIKeyFile string `yaml:"api_key_file" help:"file with an API key"`
	// Index is a pattern, a data stream or an alias; several by commas.
	Index string `yaml:"index" help:"index pattern, data stream or alias"`
}

// Endpoint is the part that every system has.
func (e Elasticsearch) Endpoint() Endpoint {
	return Endpoint{e.URL, e.Username, e.PasswordFile, e.TokenFile, e.CAFile, e.CertFile, e.KeyFile}
}

// SLO is a service level objective: at least Objective of the calls of a
// service in Window succeed (and, with Latency, within it).
type SLO struct {
	Name    string `yaml:"name"`
	Service string `yaml:"service"`
	// Objective is the share of good calls, as 0.999.
	Objective float64 `yaml:"objective"`
	// Latency makes it an objective of latency; 0 one of availability.
	Latency time.Duration `yaml:"latency"`
	// Window is the time over which it is meant. Default 720h.
	Window time.Duration `yaml:"window"`
}
