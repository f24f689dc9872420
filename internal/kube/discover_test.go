package kube

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/fail"
)

func service(port int, o object) object {
	o["spec"] = object{"ports": []any{object{"name": "http", "port": port}}}
	if _, ok := o["metadata"]; !ok {
		o["metadata"] = object{}
	}
	return o
}

func TestSystemsAreFoundByTheirServices(t *testing.T) {
	note := func(kind, path string) object {
		return object{"metadata": object{"annotations": object{BackendNote: kind, PathNote: path}}}
	}
	label := func(app string) object {
		return object{"metadata": object{"labels": object{"app.kubernetes.io/name": app}}}
	}
	for name, c := range map[string]struct {
		services map[string]object // by NAMESPACE/NAME
		kind     string
		want     string // BASE, below the server's URL
	}{
		"the operator's":                    {map[string]object{"monitoring/prometheus-operated": service(9090, object{}), "monitoring/grafana": service(80, object{})}, Prometheus, "monitoring/services/prometheus-operated:9090/proxy"},
		"a chart's with its release":        {map[string]object{"x/obs-prometheus-server": service(80, object{})}, Prometheus, "x/services/obs-prometheus-server:80/proxy"},
		"a view over several comes first":   {map[string]object{"x/prometheus-operated": service(9090, object{}), "x/thanos-query": service(10902, object{})}, Prometheus, "x/services/thanos-query:10902/proxy"},
		"the own namespace's comes first":   {map[string]object{"a/prometheus-operated": service(9090, object{}), "shop/prometheus-server": service(80, object{})}, Prometheus, "shop/services/prometheus-server:80/proxy"},
		"a note comes before all":           {map[string]object{"shop/prometheus-operated": service(9090, object{}), "z/odd": service(8080, note("prometheus", "/prom/"))}, Prometheus, "z/services/odd:8080/proxy/prom"},
		"a note says that it is another":    {map[string]object{"shop/prometheus": service(9090, note("elasticsearch", ""))}, Prometheus, ""},
		"a note's path stays below":         {map[string]object{"z/odd": service(8080, note("prometheus", "../../x"))}, Prometheus, "z/services/odd:8080/proxy"},
		"by the label":                      {map[string]object{"z/metrics": service(9090, label("prometheus"))}, Prometheus, "z/services/metrics:9090/proxy"},
		"VictoriaMetrics in a cluster":      {map[string]object{"z/vmselect-main": service(8481, object{})}, Prometheus, "z/services/vmselect-main:8481/proxy/select/0/prometheus"},
		"Mimir":                             {map[string]object{"z/mimir-gateway": service(80, object{})}, Prometheus, "z/services/mimir-gateway:80/proxy/prometheus"},
		"what only sounds like it":          {map[string]object{"z/prometheus-node-exporter": service(9100, object{}), "z/prometheus-adapter": service(443, object{})}, Prometheus, ""},
		"an alertmanager":                   {map[string]object{"m/alertmanager-operated": service(9093, object{})}, Alertmanager, "m/services/alertmanager-operated:9093/proxy"},
		"ECK's, by TLS":                     {map[string]object{"l/logs-es-http": {"metadata": object{}, "spec": object{"ports": []any{object{"name": "https", "port": 9200}}}}}, Elasticsearch, "l/services/https:logs-es-http:9200/proxy"},
		"OpenSearch":                        {map[string]object{"l/opensearch-cluster-master": service(9200, object{})}, Elasticsearch, "l/services/opensearch-cluster-master:9200/proxy"},
		"a name outside of the cluster":     {map[string]object{"l/elasticsearch": {"metadata": object{}, "spec": object{"type": "ExternalName", "ports": []any{object{"port": 9200}}}}}, Elasticsearch, ""},
		"the port by its name among others": {map[string]object{"m/prometheus": {"metadata": object{}, "spec": object{"ports": []any{object{"name": "grpc", "port": 1}, object{"name": "web", "port": 2}}}}}, Prometheus, "m/services/prometheus:2/proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			for at, o := range c.services {
				ns, name, _ := strings.Cut(at, "/")
				f.has("/api/v1/namespaces/"+ns+"/services/"+name, o)
			}
			k := f.client(Options{})
			found, err := k.Discover(t.Context(), c.kind)
			if c.want == "" {
				require.Equal(t, fail.NotFound, fail.CodeOf(err), "%v", found)
				return
			}
			require.NoError(t, err)
			base, _ := k.Proxy(found)
			require.Equal(t, f.URL+"/api/v1/namespaces/"+c.want, base)
		})
	}
}

func TestWhereNotAllServicesMayBeListed(t *testing.T) {
	f := newFake(t)
	f.has("/api/v1/namespaces/monitoring/services/prometheus", service(9090, object{}))
	f.has("/api/v1/namespaces/hidden/services/alertmanager", service(9093, object{}))
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/v1/namespaces/monitoring/services" {
			return false
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot list resource "services" in API group ""`)
		return true
	}
	k := f.client(Options{})
	found, err := k.Discover(t.Context(), Prometheus)
	require.NoError(t, err)
	require.Equal(t, "prometheus monitoring/prometheus", found.Name())
	_, err = k.Discover(t.Context(), Alertmanager)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	f.mu.Lock()
	f.handle = func(w http.ResponseWriter, _ *http.Request) bool {
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot list resource "services" in API group ""`)
		return true
	}
	f.mu.Unlock()
	_, err = k.Discover(t.Context(), Prometheus)
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
}

func TestTheProxySendsNobodysPassword(t *testing.T) {
	f := newFake(t)
	var got *http.Request
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		got = r
		if strings.Contains(r.URL.Path, "refused") {
			w.Header().Set("X-Kubernetes-Pf-Flowschema-Uid", "1")
			status(w, 403, meta.StatusReasonForbidden, `services "refused" is forbidden`)
			return true
		}
		_, _ = io.WriteString(w, "ok")
		return true
	}
	k := f.client(Options{})
	base, transport := k.Proxy(Found{Kind: Prometheus, Namespace: "m", Service: "p", Port: "9090"})
	form := url.Values{"query": {"up"}}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/query?a=b", strings.NewReader(form))
	require.NoError(t, err)
	req.SetBasicAuth("elastic", "password")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "Bearer s3cr3t", got.Header.Get("Authorization"), "the person's own, to the API server alone")
	require.Equal(t, "GET /api/v1/namespaces/m/services/p:9090/proxy/api/v1/query?a=b&query=up", got.Method+" "+got.URL.String())
	base, transport = k.Proxy(Found{Kind: Elasticsearch, Namespace: "m", Service: "refused", Port: "9200", Scheme: "https"})
	req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/_search", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = transport.RoundTrip(req)
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
	require.ErrorContains(t, err, "resources: [services/proxy], verbs: [create]")
}
