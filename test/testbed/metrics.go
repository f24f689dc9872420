package testbed

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/forecast"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops"
	"github.com/aictl/aictl/internal/ops/observe"
	"github.com/aictl/aictl/internal/term"
)

// Command runs aictl with arguments and returns what it wrote and its exit
// code.
type Command func(args ...string) (stdout, stderr string, exit int)

// MetricsCommand is the command line in this process, over the operations of
// metrics and predict on a backend, as in a direct context. now is its clock;
// nil is the real one. annotations may be nil.
func MetricsCommand(t testing.TB, q metrics.Querier, now func() time.Time, annotations func(ctx context.Context, from, to time.Time) ([]api.Annotation, error)) Command {
	t.Helper()
	service, err := forecast.New("v0.0.0-test")
	require.NoError(t, err)
	if now == nil {
		now = time.Now
	}
	r := op.NewRegistry(op.Policy{Authorize: func(context.Context, op.Identity, *op.Spec, string) error { return nil }})
	ops.Bind(r, ops.Deps{
		Gateway: onlyPredict{service}, Now: now,
		Observe: observe.Deps{
			Now: now, Annotations: annotations,
			Metrics: func(context.Context) (metrics.Querier, error) { return q, nil },
		},
	})
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "tester"})))
	})
	home := t.TempDir()
	env := func(k string) string {
		return map[string]string{"HOME": home, "LC_ALL": "C.UTF-8", "AICTL_SERVER": "http://127.0.0.1:1"}[k]
	}
	return func(args ...string) (string, string, int) {
		io, _, out, errOut := term.Test()
		io.SetEnv(env)
		f := factory.New(io, env)
		f.Transport, f.Now = op.InProcess{Handler: handler}, now
		root := cli.NewRoot(f)
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		if err != nil {
			e := fail.From(err)
			_, _ = fmt.Fprintf(errOut, "error: %s\nnext: %s\n", e.Error(), e.Next)
		}
		return out.String(), errOut.String(), fail.CodeOf(err).Exit()
	}
}

// onlyPredict is a gateway with one service and no limits.
type onlyPredict struct{ ai.Service }

func (o onlyPredict) Do(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	return o.Invoke(ctx, call)
}

func (o onlyPredict) Services() []ai.Description            { return []ai.Description{o.Describe()} }
func (onlyPredict) Health(string) (api.ServiceHealth, bool) { return api.ServiceHealth{}, false }
func (onlyPredict) Kind(string) string                      { return "builtin" }

// NodeExporter starts a node exporter and returns its address.
func NodeExporter(t testing.TB) string {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	process := Start(t, "node-exporter", exec.Command(Find(t, "prometheus-node-exporter", "node_exporter"), //nolint:noctx // the test's cleanup stops it
		"--web.listen-address="+address, "--log.level=error", "--no-collector.systemd"))
	answers(t, process, "http://"+address+"/metrics")
	return address
}

// Prometheus starts a Prometheus server that scrapes itself and the targets
// every second and evaluates the rules (a rule file's text, or nothing), and
// returns its URL, with a path prefix.
func Prometheus(t testing.TB, rules string, targets ...string) string {
	t.Helper()
	dir := t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	config := "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
	if rules != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules), 0o600))
		config += "rule_files: [rules.yml]\n"
	}
	config += "scrape_configs:\n" +
		"- {job_name: prometheus, metrics_path: /prom/metrics, static_configs: [{targets: ['" + address + "']}]}\n"
	if len(targets) > 0 {
		config += "- {job_name: node, static_configs: [{targets: ['" + strings.Join(targets, "', '") + "']}]}\n"
	}
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	process := Start(t, "prometheus", exec.Command(Find(t, "prometheus"), //nolint:noctx // the test's cleanup stops it
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address,
		"--web.external-url=http://"+address+"/prom", "--log.level=warn"))
	url := "http://" + address + "/prom"
	answers(t, process, url+"/-/ready")
	return url
}

// answers waits for a 200.
func answers(t testing.TB, process *Process, url string) {
	t.Helper()
	Eventually(t, 30*time.Second, url+" answers", func(ctx context.Context) error {
		if err := process.Exited(); err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("it says %s", res.Status)
		}
		return nil
	})
}
