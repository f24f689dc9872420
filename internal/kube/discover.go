package kube

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/fail"
)

// The systems that are found by their Services.
const (
	Prometheus    = "prometheus"
	Alertmanager  = "alertmanager"
	Elasticsearch = "elasticsearch"
)

// BackendNote on a Service says what stands behind it, and comes before every
// guess: aictl.dev/backend: prometheus.
const BackendNote = "aictl.dev/backend"

// PathNote is the path below which it answers, where that is not /.
const PathNote = "aictl.dev/backend-path"

// Found is a system behind a Service.
type Found struct{ Kind, Namespace, Service, Scheme, Port, Path string }

// Name is the system as people find it again.
func (f Found) Name() string { return f.Kind + " " + f.Namespace + "/" + f.Service }

// signs are what a system's Services are called by those who install it, the
// surest first: charts, operators, manuals.
var signs = map[string]struct {
	names, apps []string
	ports       []int32
}{
	Prometheus: {
		names: []string{
			"thanos-query-frontend", "thanos-query", "mimir-gateway", "mimir-nginx", "mimir-query-frontend", "vmselect", "prometheus-operated",
			"prometheus-k8s", "prometheus-server", "kube-prometheus-stack-prometheus", "prometheus", "vmsingle", "victoria-metrics", "victoria-metrics-single-server",
		},
		apps:  []string{"prometheus", "thanos-query", "vmsingle", "vmselect", "victoria-metrics-single"},
		ports: []int32{9090, 10902, 9009, 8428, 8481, 8429, 80, 8080},
	},
	Alertmanager: {
		names: []string{"alertmanager-operated", "alertmanager-main", "kube-prometheus-stack-alertmanager", "prometheus-alertmanager", "alertmanager"},
		apps:  []string{"alertmanager"}, ports: []int32{9093, 80},
	},
	Elasticsearch: {
		names: []string{"elasticsearch-master", "elasticsearch", "opensearch-cluster-master", "opensearch", "elasticsearch-es-http"},
		apps:  []string{"elasticsearch", "opensearch", "elasticsearch-master"}, ports: []int32{9200},
	},
}

// usual are the namespaces that are looked into where not all may be.
var usual = []string{"monitoring", "observability", "prometheus", "logging", "elastic-system", "elastic", "opensearch", "default", "kube-system"}

// Discover finds the system of a kind: in the client's namespace first, then
// anywhere that the person may list Services. None is a fail.NotFound.
func (c *Client) Discover(ctx context.Context, kind string) (Found, error) {
	sign, ok := signs[kind]
	if !ok {
		return Found{}, fail.New(fail.Usage, "%q is no system that is found by its Service", kind)
	}
	list, err := c.services(ctx)
	if err != nil {
		return Found{}, err
	}
	type candidate struct {
		Found
		score int
	}
	var all []candidate
	for i := range list {
		s := &list[i]
		score := scoreOf(s, kind, sign.names, sign.apps)
		if score == 0 || s.Spec.Type == core.ServiceTypeExternalName {
			continue
		}
		if s.Namespace == c.namespace && score < noted {
			score += ours
		}
		port, scheme := portOf(s, sign.ports)
		if port == "" {
			continue
		}
		all = append(all, candidate{Found{kind, s.Namespace, s.Name, scheme, port, pathOf(s)}, score})
	}
	if len(all) == 0 {
		return Found{}, fail.New(fail.NotFound, "no Service of the cluster %s looks like %s", c.name, kind).
			Hint("kubectl annotate service NAME %s=%s, or name it in a context: aictl context set NAME backends.%s.url=URL", BackendNote, kind, kind)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service))
	})
	return all[0].Found, nil
}

// The scores of what decides before a Service's name does: somebody's note,
// and to be in the client's own namespace.
const noted, ours = 10_000, 1_000

func scoreOf(s *core.Service, kind string, names, apps []string) int {
	if note := s.Annotations[BackendNote]; note != "" {
		if note == kind {
			return noted
		}
		return 0
	}
	app := cmp.Or(s.Labels["app.kubernetes.io/name"], s.Labels["app"])
	for i, name := range names {
		// vmselect and vmsingle are named by their operator: vmselect-NAME.
		if s.Name == name || strings.HasSuffix(s.Name, "-"+name) || strings.HasPrefix(name, "vm") && strings.HasPrefix(s.Name, name+"-") {
			return 500 - 10*i
		}
	}
	if slices.Contains(apps, app) || kind == Elasticsearch && strings.HasSuffix(s.Name, "-es-http") {
		return 100
	}
	return 0
}

// portOf picks the port by number, else by name; a name of https, or ECK's
// Services, mean TLS.
func portOf(s *core.Service, ports []int32) (port, scheme string) {
	tls := func(p core.ServicePort) string {
		if p.Name == "https" || p.Port == 443 || p.AppProtocol != nil && *p.AppProtocol == "https" {
			return "https"
		}
		return ""
	}
	for _, want := range ports {
		for _, p := range s.Spec.Ports {
			if p.Port == want {
				return strconv.Itoa(int(p.Port)), tls(p)
			}
		}
	}
	for _, p := range s.Spec.Ports {
		if slices.Contains([]string{"http", "web", "http-web", "https", "api"}, p.Name) {
			return strconv.Itoa(int(p.Port)), tls(p)
		}
	}
	if len(s.Spec.Ports) == 1 {
		return strconv.Itoa(int(s.Spec.Ports[0].Port)), tls(s.Spec.Ports[0])
	}
	return "", ""
}

// pathOf is the path below which a system answers.
func pathOf(s *core.Service) string {
	path := strings.Trim(s.Annotations[PathNote], "/")
	if path == "" && s.Annotations[BackendNote] == "" { // what answers as Prometheus below a path of its own
		switch {
		case strings.Contains(s.Name, "mimir-"):
			return "/prometheus"
		case strings.Contains(s.Name, "vmselect"):
			return "/select/0/prometheus"
		}
	}
	if path == "" || strings.Contains(path, "..") || strings.ContainsAny(path, "?#%\\ ") {
		return ""
	}
	return "/" + path
}

func (c *Client) services(ctx context.Context) ([]core.Service, error) {
	read := func(namespace string) ([]core.Service, error) {
		return all(ctx, c, c.core(), "services", namespace, meta.ListOptions{}, func(l *core.ServiceList) ([]core.Service, meta.ListMeta) { return l.Items, l.ListMeta })
	}
	list, err := read("")
	if fail.CodeOf(err) != fail.Forbidden {
		return list, err
	}
	refused := err
	var out []core.Service
	seen := map[string]bool{}
	for _, ns := range append([]string{c.namespace}, usual...) {
		if seen[ns] {
			continue
		}
		seen[ns] = true
		some, err := read(ns)
		switch fail.CodeOf(err) {
		case fail.OK:
			out = append(out, some...)
			refused = nil
		case fail.Forbidden, fail.NotFound:
		default:
			return nil, err
		}
	}
	return out, refused
}

// Proxy gives a base URL and a transport to a system through the API server's
// proxy, as the person. Nothing of the person's credentials goes further than
// the API server.
func (c *Client) Proxy(f Found) (base string, transport http.RoundTripper) {
	service := f.Service + ":" + f.Port
	if f.Scheme != "" {
		service = f.Scheme + ":" + service
	}
	base = fmt.Sprintf("%s/api/v1/namespaces/%s/services/%s/proxy%s", strings.TrimRight(c.host, "/"), f.Namespace, service, f.Path)
	return base, roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		// Whoever asks may have a password for the system: the API server would
		// take it for its own.
		req.Header.Del("Authorization")
		if f.Kind == Prometheus {
			asGet(req)
		}
		res, err := c.http.Transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusForbidden && strings.Contains(res.Header.Get("Content-Type"), "json") && res.Header.Get("X-Kubernetes-Pf-Flowschema-Uid") != "" {
			_ = res.Body.Close()
			verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodDelete: "delete"}[req.Method]
			return nil, c.forbidden(cmp.Or(verb, "get"), "services/proxy", f.Namespace, f.Service, "")
		}
		return res, nil
	})
}

// asGet turns a question that came as a form into one in the URL: the API
// server permits GETs to many who may not POST.
func asGet(req *http.Request) {
	if req.Method != http.MethodPost || req.Body == nil || req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || req.ContentLength > 4<<10 {
		return
	}
	form, err := io.ReadAll(io.LimitReader(req.Body, 8<<10))
	_ = req.Body.Close()
	if err != nil {
		return
	}
	req.Method, req.Body, req.ContentLength, req.GetBody = http.MethodGet, nil, 0, nil
	req.Header.Del("Content-Type")
	if req.URL.RawQuery != "" {
		form = append([]byte(req.URL.RawQuery+"&"), form...)
	}
	req.URL.RawQuery = string(form)
}
