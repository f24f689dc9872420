//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/test/testbed"
)

const kills = 50

// TestKillUnderLoad kills the server with SIGKILL at a random moment, fifty
// times, while writers change state of every kind that the server keeps
// itself. The test keeps a journal of what the server acknowledged; after each
// start every one of them is there, the audit's hash chain holds, and the
// server has found nothing of its state to be damaged.
func TestKillUnderLoad(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T) config{
		"sqlite":   func(*testing.T) config { return config{} },
		"postgres": func(t *testing.T) config { return config{postgres: testbed.Postgres(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := prepare(t)
			cfg.dataDir = t.TempDir()
			cfg.providers = []provider{{name: "main", url: newUpstream(t).URL}}
			server := startServer(t, cfg)
			cfg.token = server.token
			random := rand.New(rand.NewPCG(50, 9))
			j := newJournal(t, server)
			var starts []time.Duration
			for round := range kills {
				if round%5 == 0 { // an incident has room for some hundred notes
					j.open(t, server)
				}
				fresh := j.writeUntilKilled(t, server, round, time.Duration(20+random.IntN(130))*time.Millisecond)
				soundState(t, server)
				start := time.Now()
				server = startServer(t, cfg)
				starts = append(starts, time.Since(start))
				j.check(t, server, fmt.Sprintf("kill %d", round), fresh)
				report, err := api.AuditVerify.Call(t.Context(), server.client, api.None{})
				require.NoError(t, err, "kill %d: the audit", round)
				require.True(t, report.OK, "kill %d: %+v", round, report)
			}
			soundState(t, server)
			j.check(t, server, "at the end", j.acknowledged)
			slices.Sort(starts)
			t.Logf("%d kills, acknowledged and kept: %s; starts: %s on the median, %s the slowest", kills, j,
				starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)-1].Round(time.Millisecond))
			for kind := range writes {
				require.Greater(t, len(j.acknowledged[kind]), 10, "too few writes of %s to mean something", kind)
			}
			require.Greater(t, j.scaled, 10, "too few changes of the scale to mean something")
			t.Run("in time", func(t *testing.T) { // apart: .ci/gotest forgives these
				require.Less(t, starts[len(starts)/2], 5*time.Second, "a start after a kill")
			})
		})
	}
}

// writes make something by the name that is given, and return when it is
// acknowledged, with the name under which the server lists it.
var writes = map[string]func(ctx context.Context, c *client.Client, j *journal, name string) (string, error){
	"tokens": func(ctx context.Context, c *client.Client, _ *journal, name string) (string, error) {
		token, err := api.TokensCreate.Apply(ctx, c, api.TokenInput{TTL: op.Duration(time.Hour), Note: name}, op.ApplyOptions{})
		return token.ID, err
	},
	"secrets": func(ctx context.Context, c *client.Client, _ *journal, name string) (string, error) {
		in := api.SecretSetInput{Ref: "vault:kill/" + name, Value: []byte("value of " + name)}
		secret, err := api.SecretsSet.Apply(ctx, c, in, op.ApplyOptions{})
		return secret.Ref, err
	},
	"sessions": func(ctx context.Context, c *client.Client, _ *journal, name string) (string, error) {
		in := api.ChatInput{Prompt: name + " 3", Session: name, Model: "echo-model", Ops: "off"}
		done := false
		for e, err := range api.ChatAsk.Each(ctx, c, in) {
			if err != nil {
				return "", err
			}
			done = done || e.Type == "done"
		}
		if !done {
			return "", fmt.Errorf("the answer in session %s ended without its end", name)
		}
		return name, nil
	},
	"silences": func(ctx context.Context, c *client.Client, _ *journal, name string) (string, error) {
		in := api.SilenceInput{Matchers: "alertname=" + name, Duration: op.Duration(time.Hour), Comment: name}
		silence, err := api.AlertsSilence.Apply(ctx, c, in, op.ApplyOptions{})
		return silence.ID, err
	},
	"notes": func(ctx context.Context, c *client.Client, j *journal, name string) (string, error) {
		id := j.incidents[len(j.incidents)-1]
		_, err := api.IncidentsNote.Apply(ctx, c, api.IncidentNoteInput{ID: id, Text: name}, op.ApplyOptions{})
		return id + " " + name, err
	},
}

// journal is what a server has acknowledged.
type journal struct {
	acknowledged map[string]map[string]bool // by kind
	incidents    []string
	// The service's scale: the last that was acknowledged, those that were asked
	// for since, and how many were acknowledged at all.
	scale, scaled int
	asked         []int
}

func newJournal(t *testing.T, s *server) *journal {
	t.Helper()
	j := &journal{acknowledged: map[string]map[string]bool{}}
	for kind := range writes {
		j.acknowledged[kind] = map[string]bool{}
	}
	// A service that is started and never ready: its scale counts, not its calls.
	manifest := "name: idle\nversion: 1.0.0\nruntime: process\ncommand: [" + testbed.Find(t, "sleep") + ", '3600']\n" +
		"operations: [{name: nothing}]\nprobes: {startup: {timeout: 10m}}\nscale: {min: 1, max: 4}\n"
	_, err := api.DeployApply.Apply(t.Context(), s.client, api.DeployApplyInput{Manifest: manifest, Origin: t.TempDir()}, op.ApplyOptions{})
	require.NoError(t, err)
	require.NoError(t, scale(t.Context(), s.client, 1))
	j.scale = 1
	return j
}

func scale(ctx context.Context, c *client.Client, n int) error {
	in := api.DeployScaleInput{WorkloadName: api.WorkloadName{Name: "service/idle"}, Replicas: &n}
	_, err := api.DeployScale.Apply(ctx, c, in, op.ApplyOptions{})
	return err
}

// open opens the incident that takes the next notes.
func (j *journal) open(t *testing.T, s *server) {
	t.Helper()
	in := api.IncidentOpenInput{Subjects: []string{"chat"}, Title: fmt.Sprintf("number %d", len(j.incidents))}
	incident, err := api.IncidentsOpen.Apply(t.Context(), s.client, in, op.ApplyOptions{})
	require.NoError(t, err)
	j.incidents = append(j.incidents, incident.ID)
}

func (j *journal) String() string {
	var out []string
	for kind, names := range j.acknowledged {
		out = append(out, fmt.Sprintf("%d %s", len(names), kind))
	}
	slices.Sort(out)
	return strings.Join(append(out, fmt.Sprintf("%d scales", j.scaled)), ", ")
}

// writeUntilKilled writes from eight writers that rotate over the kinds, and
// from one that scales; kills the server after the delay; and returns what was
// acknowledged. Before the kill no write may fail.
func (j *journal) writeUntilKilled(t *testing.T, s *server, round int, delay time.Duration) map[string]map[string]bool {
	t.Helper()
	kinds := slices.Sorted(maps.Keys(writes))
	var mu sync.Mutex // guards fresh
	fresh := map[string]map[string]bool{}
	for _, kind := range kinds {
		fresh[kind] = map[string]bool{}
	}
	var killed atomic.Bool
	var bad faults
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for n := 0; ; n++ {
				kind := kinds[(w+n)%len(kinds)]
				id, err := writes[kind](t.Context(), s.client, j, fmt.Sprintf("r%d-w%d-n%d", round, w, n))
				if fail.CodeOf(err) == fail.Conflict { // two notes at once: not acknowledged, and said
					continue
				}
				if err != nil {
					if !killed.Load() {
						bad.add("kill %d: %s before it: %v", round, kind, err)
					}
					return // the server has gone
				}
				mu.Lock()
				fresh[kind][id] = true
				mu.Unlock()
			}
		})
	}
	writers.Go(func() {
		for n := 0; ; n++ {
			next := (j.scale + 1 + n%2) % 4 // always another one
			j.asked = append(j.asked, next)
			if err := scale(t.Context(), s.client, next); err != nil {
				if !killed.Load() {
					bad.add("kill %d: scale before it: %v", round, err)
				}
				return
			}
			j.scale, j.asked = next, nil
			j.scaled++
		}
	})
	time.Sleep(delay) // the random moment, not a wait for something
	killed.Store(true)
	s.process.Kill()
	writers.Wait()
	bad.require(t)
	for kind, names := range fresh {
		for name := range names {
			j.acknowledged[kind][name] = true
		}
	}
	return fresh
}

// check requires that everything is there that was acknowledged, and that the
// values of the secrets and the answers of the sessions in fresh are whole.
func (j *journal) check(t *testing.T, s *server, when string, fresh map[string]map[string]bool) {
	t.Helper()
	ctx := t.Context()
	kept := map[string]map[string]bool{}
	for kind := range writes {
		kept[kind] = map[string]bool{}
	}
	tokens, err := api.TokensList.Call(ctx, s.client, api.TokenFilter{})
	require.NoError(t, err, when)
	for _, token := range tokens {
		kept["tokens"][token.ID] = true
	}
	secrets, err := api.SecretsList.Call(ctx, s.client, api.SecretFilter{Prefix: "vault:kill/"})
	require.NoError(t, err, when)
	require.Empty(t, secrets.Failed, when)
	for _, secret := range secrets.Secrets {
		kept["secrets"][secret.Ref] = true
	}
	sessions, err := api.SessionsList.Call(ctx, s.client, api.None{})
	require.NoError(t, err, when)
	for _, session := range sessions {
		kept["sessions"][session.Name] = session.Messages >= 2
	}
	silences, err := api.AlertsSilences.Call(ctx, s.client, api.SilenceFilter{})
	require.NoError(t, err, when)
	require.Empty(t, silences.Failed, when)
	for _, silence := range silences.Silences {
		kept["silences"][silence.ID] = silence.State == "active"
	}
	for _, id := range j.incidents {
		incident, err := api.IncidentsShow.Call(ctx, s.client, api.IncidentName{ID: id})
		require.NoError(t, err, "%s: incident %s", when, id)
		for _, note := range incident.Notes {
			kept["notes"][id+" "+note.Text] = true
		}
	}
	for kind, names := range j.acknowledged {
		for name := range names {
			require.True(t, kept[kind][name], "%s: of the %s that were acknowledged %s is lost", when, kind, name)
		}
	}
	workloads, err := api.DeployList.Call(ctx, s.client, api.WorkloadFilter{Name: "service/idle"})
	require.NoError(t, err, when)
	require.Len(t, workloads.Workloads, 1, when)
	got := workloads.Workloads[0].Desired
	// What was asked for when the server went may have been done or not.
	require.Contains(t, append(slices.Clone(j.asked), j.scale), got, "%s: the scale", when)
	j.scale, j.asked = got, nil

	for ref := range fresh["secrets"] {
		secret, err := api.SecretsGet.Call(ctx, s.client, api.SecretGetInput{Ref: ref, Reveal: true})
		require.NoError(t, err, "%s: %s", when, ref)
		require.Equal(t, "value of "+strings.TrimPrefix(ref, "vault:kill/"), secret.Value, when)
	}
	for name := range fresh["sessions"] {
		session, err := api.SessionsShow.Call(ctx, s.client, api.SessionName{Name: name})
		require.NoError(t, err, "%s: %s", when, name)
		require.Equal(t, strings.Join(words(name, 3), ""), session.History[len(session.History)-1].Content, when)
	}
}

// damaged is how a program says that it cannot read its own state.
var damaged = regexp.MustCompile(`(?i)corrupt|damaged|malformed|checksum|unreadable|broken|unexpected EOF|truncated|repair`)

// soundState requires that the server's log has no error about its state.
func soundState(t *testing.T, s *server) {
	t.Helper()
	for line := range strings.Lines(s.process.Output()) {
		if strings.Contains(line, `"log.level":"error"`) {
			require.NotRegexp(t, damaged, line)
		}
	}
	require.NotContains(t, s.process.Output(), "panic: ")
}

// newClient is the Go client of a server, as the command line uses it.
func newClient(t testing.TB, url, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Server: url, Token: token, Operations: api.All()})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}
