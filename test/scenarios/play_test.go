//go:build e2e

package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

const (
	// baseline is how long the worlds run before anything is done to them, and
	// afterwards how long the trouble is watched after the last step.
	baseline   = 45 * time.Second
	aftermath  = 30 * time.Second
	batch      = 22 // worlds in one server
	applyAtOne = 4
)

// rules are those of every world: errors and latency over ten seconds.
const rules = `groups:
  - name: world
    interval: 1s
    rules:
      - alert: WorldErrors
        expr: sum by (service) (rate(aictl_gateway_requests_total{code=~"internal|unavailable|timeout"}[10s])) / sum by (service) (rate(aictl_gateway_requests_total[10s])) > 0.05
        for: 3s
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.service }} fails"}
      - alert: WorldSlow
        expr: histogram_quantile(0.95, sum by (service, le) (rate(aictl_gateway_request_duration_seconds_bucket[10s]))) > 0.1
        for: 3s
        labels: {severity: warning}
        annotations: {summary: "{{ $labels.service }} is slow"}
`

// TestWhy plays the catalogue and holds the answers against what was staged.
// AICTL_SCENARIOS names another folder with cases, AICTL_SCENARIOS_RUN is a
// regular expression over their names.
func TestWhy(t *testing.T) {
	dir := os.Getenv("AICTL_SCENARIOS")
	if dir == "" {
		dir = "catalogue"
	}
	list, err := Load(dir)
	require.NoError(t, err)
	if pick := os.Getenv("AICTL_SCENARIOS_RUN"); pick != "" {
		list = slices.DeleteFunc(list, func(c Case) bool { return !regexp.MustCompile(pick).MatchString(c.Name) })
	}
	require.NotEmpty(t, list)
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "world"), "./world").CombinedOutput()
	require.NoError(t, err, string(out))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	var outcomes []Outcome
	for len(list) > 0 {
		n := min(batch, len(list))
		if list[0].Alone {
			n = 1
		} else if i := slices.IndexFunc(list[:n], func(c Case) bool { return c.Alone }); i > 0 {
			n = i
		}
		outcomes = append(outcomes, play(t, list[:n])...)
		list = list[n:]
	}
	var b strings.Builder
	Report(&b, outcomes)
	t.Log("\n" + b.String())
	fmt.Print(b.String())
	s := Measure(outcomes)
	if len(outcomes) >= 10 {
		require.True(t, s.Passes(), "%+v", s)
	}
}

// world is one case under way.
type world struct {
	Case
	t         testing.TB
	p         *testbed.Platform
	prefix    string
	dir       string
	env       map[string]map[string]string // by service, as it is now
	upstreams map[string]net.Listener
	rates     map[string]*rate
	once      sync.Once
	accepts   *httptest.Server
	end       time.Time
}

func play(t *testing.T, list []Case) []Outcome {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	p := testbed.UpWith(t, []string{
		"AICTL_SERVER_STACK_SCRAPE_INTERVAL=1s", "AICTL_SERVER_LIMITS_RPS=0", "AICTL_SERVER_LIMITS_CONCURRENCY=4096", "AICTL_SERVER_STACK_RULES=" + file,
	})
	worlds := make([]*world, len(list))
	var starting sync.WaitGroup
	turn := make(chan struct{}, applyAtOne)
	for i, c := range list {
		w := &world{
			Case: c, t: t, p: p, prefix: fmt.Sprintf("%s-", short(c.Name, i)), dir: t.TempDir(), env: map[string]map[string]string{},
			upstreams: map[string]net.Listener{}, rates: map[string]*rate{},
		}
		worlds[i] = w
		starting.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			w.start()
		})
	}
	starting.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	for _, w := range worlds {
		for _, tr := range w.Traffic {
			r := &rate{}
			r.set(tr.Rate)
			w.rates[tr.To] = r
			running.Go(func() { w.drive(ctx, tr.To, r) })
		}
	}
	time.Sleep(baseline)
	var acting sync.WaitGroup
	for _, w := range worlds {
		acting.Go(w.act)
	}
	acting.Wait()
	stop()
	running.Wait()
	outcomes := make([]Outcome, len(worlds))
	for i, w := range worlds {
		outcomes[i] = w.ask()
		for _, l := range w.upstreams {
			_ = l.Close()
		}
		if w.accepts != nil {
			w.accepts.Close()
		}
	}
	return outcomes
}

// short is a name for a world's services: a DNS label, told apart by a number.
func short(name string, i int) string {
	return fmt.Sprintf("w%02d-%s", i, strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")[:min(len(name), 8)])
}

func (w *world) start() {
	// What is called is there first.
	for _, s := range slices.Backward(w.Services) {
		env := maps.Clone(s.Env)
		if env == nil {
			env = map[string]string{}
		}
		for name, path := range s.Secrets {
			w.cli(strings.NewReader("first-value"), "secrets", "set", "vault:"+w.prefix+path, "--yes")
			_ = name
		}
		w.env[s.Name] = env
		w.apply(s, "first rollout", 0)
	}
}

// fill resolves what a behaviour may name: ${config} is the service's file,
// ${upstream} an address that listens until it is closed.
func (w *world) fill(service, value string) string {
	if strings.Contains(value, "${config}") {
		value = strings.ReplaceAll(value, "${config}", filepath.Join(w.dir, service+".json"))
	}
	if strings.Contains(value, "${verify}") {
		value = strings.ReplaceAll(value, "${verify}", w.verifier())
	}
	if i := strings.Index(value, "${upstream"); i >= 0 {
		name := value[i : i+strings.IndexByte(value[i:], '}')+1]
		l := w.upstreams[name]
		if l == nil {
			var err error
			l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
			require.NoError(w.t, err)
			w.upstreams[name] = l
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
		}
		value = strings.ReplaceAll(value, name, l.Addr().String())
	}
	return value
}

// verifier is a server that takes the first value of a secret and no other.
func (w *world) verifier() string {
	w.once.Do(func() {
		w.accepts = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") != "Bearer first-value" {
				rw.WriteHeader(http.StatusUnauthorized)
			}
		}))
	})
	return w.accepts.URL
}

func (w *world) apply(s Service, reason string, canary int) {
	env := []map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(w.env[s.Name])) {
		env = append(env, map[string]string{"name": k, "value": w.fill(s.Name, w.env[s.Name][k])})
	}
	for _, k := range slices.Sorted(maps.Keys(s.Secrets)) {
		env = append(env, map[string]string{"name": k, "secret": "vault:" + w.prefix + s.Secrets[k]})
	}
	calls := []string{}
	for _, c := range s.Calls {
		calls = append(calls, w.prefix+c)
	}
	if len(calls) > 0 {
		env = append(env, map[string]string{"name": "WORLD_CALLS", "value": strings.Join(calls, ",")})
	}
	version := "1.0.0"
	if v := w.env[s.Name]["VERSION"]; v != "" {
		version = v
	}
	m := map[string]any{
		"name": w.prefix + s.Name, "version": version, "runtime": "process", "command": []string{"world"}, "env": env, "drain": "500ms",
		"operations": []map[string]any{{"name": "do", "idempotent": false, "limits": map[string]any{"timeout": "5s"}}},
		"scale":      map[string]any{"min": max(s.Replicas, 1), "max": max(s.Replicas, 1), "concurrency": 256},
	}
	if s.Memory != "" {
		m["limits"] = map[string]any{"memory": s.Memory}
	}
	if len(calls) > 0 {
		m["calls"] = calls
	}
	dir := filepath.Join(w.dir, s.Name)
	require.NoError(w.t, os.MkdirAll(dir, 0o700))
	body, err := yaml.Marshal(m)
	require.NoError(w.t, err)
	file := filepath.Join(dir, "plugin.yaml")
	require.NoError(w.t, os.WriteFile(file, body, 0o600))
	args := []string{"deploy", "apply", "-f", file, "--yes", "--reason", reason}
	if canary > 0 {
		args = append(args, "--canary", fmt.Sprint(canary))
	}
	w.cli(nil, args...)
}

// cli runs aictl as a person does.
func (w *world) cli(stdin io.Reader, args ...string) {
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(w.p.Workspace, "bin", "aictl"), args...)
	cmd.Env, cmd.Stdin = w.p.Env, stdin
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Errorf("%s: aictl %s: %v\n%s", w.Name, strings.Join(args, " "), err, out)
	}
}

func (w *world) service(name string) Service {
	i := slices.IndexFunc(w.Services, func(s Service) bool { return s.Name == name })
	return w.Services[i]
}

// act does the case's steps at their times, and then watches.
func (w *world) act() {
	begun := time.Now()
	last := time.Duration(0)
	for _, s := range w.Steps {
		time.Sleep(time.Until(begun.Add(time.Duration(s.At))))
		last = max(last, time.Duration(s.At))
		w.do(s)
	}
	w.end = begun.Add(last + aftermath)
	time.Sleep(time.Until(w.end))
}

func (w *world) do(s Step) {
	reason := s.Reason
	if reason == "" {
		reason = s.Do
	}
	switch s.Do {
	case "rollout":
		env := maps.Clone(w.env[s.Service])
		maps.Copy(env, s.Env)
		w.env[s.Service] = env
		w.apply(w.service(s.Service), reason, s.Canary)
	case "restart":
		w.cli(nil, "deploy", "restart", w.prefix+s.Service, "--yes", "--reason", reason)
	case "scale":
		w.cli(nil, "deploy", "scale", w.prefix+s.Service, "--replicas", fmt.Sprint(s.Replicas), "--yes", "--reason", reason)
	case "traffic":
		w.rates[s.Service].set(s.Rate)
	case "secret":
		w.cli(strings.NewReader("next-value"), "secrets", "set", "vault:"+w.prefix+s.Path, "--yes", "--reason", reason)
		w.cli(nil, "deploy", "restart", w.prefix+s.Service, "--yes", "--reason", "read the secret again")
	case "config":
		body, err := json.Marshal(numbers(s.Env))
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, s.Service+".json"), body, 0o600))
	case "close":
		for _, l := range w.upstreams {
			_ = l.Close()
		}
	}
}

// numbers turns the texts of a behaviour into what its file holds.
func numbers(env map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range env {
		var n float64
		if _, err := fmt.Sscanf(v, "%g", &n); err == nil && fmt.Sprint(n) == v {
			out[k] = n
			continue
		}
		out[k] = v
	}
	return out
}

// rate is calls a second, which may change.
type rate struct {
	mu sync.Mutex
	v  float64
}

func (r *rate) set(v float64) { r.mu.Lock(); r.v = v; r.mu.Unlock() }
func (r *rate) get() float64  { r.mu.Lock(); defer r.mu.Unlock(); return r.v }

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 2048}}

// drive calls a service at a rate, whatever the answers.
func (w *world) drive(ctx context.Context, to string, r *rate) {
	var calls sync.WaitGroup
	defer calls.Wait()
	next := time.Now()
	for ctx.Err() == nil {
		next = next.Add(time.Duration(float64(time.Second) / max(r.get(), 0.1)))
		if d := time.Until(next); d > 0 {
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return
			}
		} else if d < -time.Second {
			next = time.Now() // the machine stood still
		}
		calls.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.p.URL+"/api/v1/services/"+w.prefix+to+"/do", bytes.NewReader([]byte("{}")))
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+w.p.Token)
			req.Header.Set("Content-Type", "application/json")
			if res, err := client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
}

// ask runs `aictl why` as a person does at the end of the case.
func (w *world) ask() Outcome {
	o := Outcome{Case: w.Case, Prefix: w.prefix}
	args := []string{"why"}
	if w.Ask.Alert != "" {
		args = append(args, w.Ask.Alert, "--service", w.prefix+w.Ask.Service)
	} else {
		args = append(args, w.prefix+w.Ask.Service)
	}
	args = append(args, "--to", w.end.UTC().Format(time.RFC3339), "-o", "json")
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(w.p.Workspace, "bin", "aictl"), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.p.Env, &stdout, &stderr
	begun := time.Now()
	err := cmd.Run()
	o.Took = time.Since(begun)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.Err = err
	}
	if err := json.Unmarshal(stdout.Bytes(), &o.Answer); err != nil {
		o.Err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	if dir := os.Getenv("AICTL_SCENARIOS_KEEP"); dir != "" {
		_ = os.MkdirAll(dir, 0o700)
		_ = os.WriteFile(filepath.Join(dir, w.Name+".json"), stdout.Bytes(), 0o600)
	}
	return o
}
