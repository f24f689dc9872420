package docs

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestHelpExamplesRun executes every example of every command's help, as it
// stands there, against a real platform. What an example takes for granted
// (the session night, the account ci, the files of docs/examples) is made
// before it.
func TestHelpExamplesRun(t *testing.T) {
	config := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(config, []byte("limits:\n  rps: 0\n"), 0o600)) // hundreds of calls by one account
	p := testbed.Up(t, "--server-config", config)
	for _, name := range []string{"series.csv", "app.log"} {
		body, err := os.ReadFile(filepath.Join(testbed.Root(t), "docs", "examples", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(p.Workspace, name), body, 0o600))
	}

	withService(t, p)
	withCluster(t, p)

	shell := func(t *testing.T, line string) (string, int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-c", line)
		cmd.Dir, cmd.Env = p.Workspace, p.Env
		out, err := cmd.CombinedOutput()
		if err == nil {
			return string(out), 0
		}
		require.NotNil(t, cmd.ProcessState, err)
		return string(out), cmd.ProcessState.ExitCode()
	}
	must := func(t *testing.T, line string) string {
		t.Helper()
		out, code := shell(t, line)
		require.Zero(t, code, "$ %s\n%s", line, out)
		return out
	}
	admin := strings.TrimSpace(p.Token)
	prepare := func(t *testing.T, example string) string {
		t.Helper()
		_, _ = shell(t, "aictl context rename stage staging")
		must(t, "aictl context set staging server="+p.URL)
		must(t, "aictl context use local")
		must(t, "aictl login --context local <<<'"+admin+"'")
		_, _ = shell(t, "aictl chat --session night hello")
		_, _ = shell(t, "aictl accounts delete ci --yes")
		if !strings.Contains(example, "accounts create ci") {
			must(t, "aictl accounts create ci --yes")
		}
		if strings.Contains(example, "token.txt") { // its server is in a network that does not exist
			must(t, "echo '"+admin+"' > "+p.Workspace+"/token.txt")
			example = strings.ReplaceAll(example, "https://aictl.example.com", p.URL)
		}
		if strings.HasPrefix(example, "aictl context rename stage ") {
			must(t, "aictl context rename staging stage")
		}
		if strings.HasPrefix(example, "aictl login") && !strings.Contains(example, "<") {
			example += " <<<'" + admin + "'" // a person would answer the prompt
		}
		if strings.HasPrefix(example, "aictl logout") || example == "aictl context delete staging" || strings.Contains(example, "logout --yes") {
			// The token that is revoked is one of its own.
			own := strings.TrimSpace(must(t, "aictl tokens create --yes -o json --jq .secret"))
			must(t, "aictl login --context local <<<'"+own+"'")
		}
		if strings.Contains(example, "ServiceErrorsHigh") {
			fire(t, p)
			must(t, "until aictl alerts list ServiceErrorsHigh --state all -o name | grep -q .; do sleep 0.1; done")
		}
		if strings.Contains(example, "aictl deploy ") && strings.Contains(example, "mask") { // a service with two revisions
			if _, code := shell(t, "aictl deploy status mask"); code != 0 {
				must(t, "aictl deploy apply -f mask/plugin.yaml --yes --watch")
				must(t, "aictl deploy restart mask --yes --watch")
			}
			must(t, "aictl deploy resume mask --yes")
		}
		if strings.Contains(example, "--context local --context staging") {
			must(t, "aictl login --context staging <<<'"+admin+"'")
		}
		if strings.Contains(example, "aictl secrets ") { // two folders that hold the same
			must(t, "printf 'correct horse' > password.txt; echo tls > tls.pem")
			if _, code := shell(t, "aictl secrets get app/config"); code != 0 {
				must(t, `echo '{"password":"x"}' | aictl secrets set app/config --yes`)
			}
			must(t, "aictl secrets set app/db-password --yes < password.txt && aictl secrets set app/db-old --yes < password.txt")
			names := ""
			if strings.Contains(example, "--map") {
				names = " --map db-password=DB_PASS"
			}
			must(t, "aictl secrets sync --from vault:app/ --to vault:staging/ --prune --yes"+names)
		}
		if strings.HasPrefix(example, "aictl alerts watch") || example == "aictl deploy replicas --watch" || strings.HasPrefix(example, "aictl mcp --listen") { // it goes on until Ctrl-C
			example = "timeout -s INT 2 " + example + "; test $? = 124"
		}
		if strings.HasPrefix(example, "aictl dashboard") { // without a screen; test/e2e has it on one
			example = "printf 'quit\\n' | ACCESSIBLE=1 " + example
		}
		if strings.HasPrefix(example, "aictl incident ") { // one that is open, with a note
			if _, code := shell(t, "aictl deploy status mask"); code != 0 {
				must(t, "aictl deploy apply -f mask/plugin.yaml --yes --watch")
			}
			must(t, "aictl incident open chat --title 'an example' --yes && aictl incident note latest 'looked' --yes")
		}
		// The answer depends on what the other examples have left behind.
		for begin, codes := range map[string]string{
			"aictl handoff": "0 10", "aictl why mask --to now-30m": "0 11", "aictl gate --query 'count(up) > 0' --logs": "0 10", "aictl up --demo": "1", // it runs already
		} {
			if strings.HasPrefix(example, begin) {
				example += "; case ' " + codes + " ' in *\" $? \"*) true ;; *) false ;; esac"
			}
		}
		if !strings.Contains(example, "tok_1a2b3c") {
			return example
		}
		id := strings.TrimSpace(must(t, "aictl tokens create ci --yes -o json --jq .id"))
		return strings.ReplaceAll(example, "tok_1a2b3c", id)
	}
	// Without a terminal a question cannot be asked: the contract says exit 2.
	asks := map[string]bool{"aictl logout": true, "aictl context delete staging": true}

	var commands []struct {
		Command  string   `json:"command"`
		Examples []string `json:"examples"`
	}
	require.NoError(t, json.Unmarshal([]byte(p.Run(t, "commands", "-o", "json")), &commands))
	ran := 0
	for _, c := range commands {
		if c.Command == "aictl down" { // last, below
			continue
		}
		for _, example := range c.Examples {
			ran++
			t.Run(example, func(t *testing.T) {
				line := prepare(t, example)
				out, code := shell(t, line)
				want := 0
				if asks[example] {
					want = 2
				}
				require.Equal(t, want, code, "$ %s\n%s", line, out)
				require.NotContains(t, out, "\x1b")
			})
		}
	}
	require.Greater(t, ran, 80)
	t.Run("aictl down", func(t *testing.T) {
		must(t, "aictl down")
		must(t, "aictl down --data-dir "+t.TempDir()+"/none")
		must(t, "aictl up --listen 127.0.0.1:0")
	})
}

// fire lets an alert fire in the platform's Alertmanager.
func fire(t *testing.T, p *testbed.Platform) {
	t.Helper()
	body := `[{"labels":{"alertname":"ServiceErrorsHigh","severity":"warning","service":"chat"}}]`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/alertmanager/api/v2/alerts", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.Token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}
