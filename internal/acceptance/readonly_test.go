package acceptance

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/direct"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// recorder is a server that does nothing, and remembers what it was asked.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.seen = append(r.seen, req.Method+" "+req.URL.Path)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"recorded","code":500}`))
}

// changes gives what would change something: questions about rights are POSTs
// that do not, and so are calls of services (which read-only permits) and
// questions of ours.
func (r *recorder) changes(harmless map[string]bool) (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.seen {
		method, path, _ := strings.Cut(line, " ")
		asks := strings.HasPrefix(path, "/apis/authorization.k8s.io/") || strings.HasPrefix(path, "/apis/authentication.k8s.io/")
		if method != http.MethodGet && method != http.MethodHead && !asks && !harmless[line] && !strings.HasPrefix(path, "/api/v1/services/") {
			out = append(out, line)
		}
	}
	return out
}

// words are the arguments of an operation's command: something for each that
// is required, and what some cannot do without.
func words(d op.Declaration, file string) []string {
	out := d.Describe().CommandPath()
	in := d.InputType()
	for i := range in.NumField() {
		f := in.Field(i)
		fields := []reflect.StructField{f}
		if f.Anonymous {
			fields = nil
			for j := range f.Type.NumField() {
				fields = append(fields, f.Type.Field(j))
			}
		}
		for _, f := range fields {
			if arg := f.Tag.Get("arg"); arg == "" || strings.HasPrefix(arg, "?") {
				continue
			}
			word := "x"
			if enum := f.Tag.Get("enum"); enum != "" {
				word, _, _ = strings.Cut(enum, ",")
			}
			out = append(out, word)
		}
	}
	return append(out, map[string][]string{
		"deploy.scale": {"--replicas", "1"}, "deploy.apply": {"-f", file}, "deploy.set-image": {"x=y:1"}, "deploy.canary": {"--promote"},
		"deploy.wait": {"--until", "condition=Available"}, "secrets.sync": {"--from", "kubernetes:a/", "--to", "vault:b/"},
		"secrets.set": {"--from-file", file}, "alerts.silence": {"a=b", "--duration", "1h"},
		"secrets.rotate": {"--generate", "32"},
	}[d.Describe().ID]...)
}

// TestReadOnlySendsNoChange walks the whole tree of commands, through a control
// plane and on a cluster that is reached directly, with a transport that
// records: no command changes anything, and every one that would says why not.
func TestReadOnlySendsNoChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.yaml")
	require.NoError(t, os.WriteFile(file, []byte("name: x\n"), 0o600))
	for _, mode := range []string{"server", "cluster"} {
		t.Run(mode, func(t *testing.T) {
			rec := &recorder{}
			s := httptest.NewServer(rec)
			defer s.Close()
			home := t.TempDir()
			kubeconfig := filepath.Join(home, "kubeconfig")
			require.NoError(t, os.WriteFile(kubeconfig, []byte("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \""+s.URL+
				"\"}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"), 0o600))
			env := map[string]string{
				"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "XDG_DATA_HOME": home, "XDG_STATE_HOME": home, "KUBECONFIG": kubeconfig,
				"AICTL_TIMEOUT": "5s", "GITHUB_TOKEN": "t", "AWS_EC2_METADATA_DISABLED": "true",
			}
			t.Setenv("KUBECONFIG", kubeconfig) // client-go reads the process's own
			name := "kubectl-aictl"
			if mode == "server" {
				name, env["AICTL_SERVER"], env["AICTL_TOKEN"] = "aictl", s.URL, "aictl_test"
			}
			harmless := map[string]bool{}
			refused := 0
			for _, d := range api.All() {
				spec := d.Describe()
				if spec.CommandPath() == nil {
					continue
				}
				if !spec.Effect.Mutates() {
					harmless[strings.ReplaceAll(spec.Route, "{name}", "x")] = true
				}
				io, in, _, errs := term.Test()
				in.WriteString("{}\n")
				args := append([]string{name}, words(d, file)...)
				code := cli.Main(append(args, "--read-only", "--yes", "--reason", "try"), io, func(k string) string { return env[k] }, factory.Version{Version: version}, direct.Open)
				require.Empty(t, rec.changes(harmless), "%v", args)
				if spec.Effect.Mutates() {
					require.Equal(t, fail.Refused.Exit(), code, "%v: %s", args, errs)
					refused++
				}
			}
			require.Greater(t, refused, 20)
			require.NotEmpty(t, rec.seen, "the recorder is asked at all")
			if mode == "server" { // the recorder knows a change when it sees one
				io, _, _, _ := term.Test()
				cli.Main([]string{name, "accounts", "create", "x", "--yes"}, io, func(k string) string { return env[k] }, factory.Version{Version: version}, direct.Open)
				require.NotEmpty(t, rec.changes(harmless))
			}
		})
	}
}
