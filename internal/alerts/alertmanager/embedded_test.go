package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/devstack"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

// embedded is a real Alertmanager in this process.
func embedded(t *testing.T, dir string) (*devstack.Stack, *Manager) {
	t.Helper()
	stack, err := devstack.Open(t.Context(), devstack.Options{DataDir: dir, ExternalURL: "http://127.0.0.1:1"})
	require.NoError(t, err)
	return stack, manager(t, Endpoint{URL: "http://embedded/alertmanager", Transport: op.InProcess{Handler: stack.Alertmanager()}})
}

// post sends alerts as Prometheus does.
func post(t *testing.T, stack *devstack.Stack, list []map[string]any) {
	t.Helper()
	body, err := json.Marshal(list)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/alertmanager/api/v2/alerts", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	stack.Alertmanager().ServeHTTP(w, req)
	require.Equal(t, 200, w.Code, w.Body)
}

// TestAnAcknowledgementFromItsBeginningToItsEnd: taken over, seen, renewed,
// kept over a restart, found by the keeper, and ended.
func TestAnAcknowledgementFromItsBeginningToItsEnd(t *testing.T) {
	dir := t.TempDir()
	stack, m := embedded(t, dir)
	labels := map[string]string{"alertname": "A", "größe": `a "b"\n\c`, "odd name": "x"}
	fires := []map[string]any{{"labels": labels, "endsAt": time.Now().Add(time.Hour)}}
	post(t, stack, fires)
	now := time.Now()
	s := alerts.Silence{Matchers: alerts.Exactly(labels), By: "ann", Comment: alerts.AckComment("looking", now.Add(time.Hour)), Starts: now, Ends: now.Add(alerts.AckFor)}
	id, err := m.Set(t.Context(), s)
	require.NoError(t, err)

	list := func() api.Alert {
		list, _, err := m.Alerts(t.Context())
		require.NoError(t, err)
		silences, _, err := m.Silences(t.Context())
		require.NoError(t, err)
		alerts.Acknowledge(list, silences, time.Now())
		require.Len(t, list, 1)
		return list[0]
	}
	require.Equal(t, "silenced", list().State)
	require.Equal(t, labels, list().Labels)
	require.Equal(t, []string{"ann", "looking", id}, []string{list().Ack.By, list().Ack.Comment, list().Ack.Silence})

	require.NoError(t, stack.Close())
	stack, m = embedded(t, dir)
	t.Cleanup(func() { require.NoError(t, stack.Close()) })
	held, _, err := m.Silences(t.Context())
	require.NoError(t, err)
	require.Len(t, held, 1, "it survives")
	require.Equal(t, s.Matchers.String(), held[0].Matchers.String())
	require.WithinDuration(t, s.Ends, held[0].Ends, time.Second)

	// The keeper of the new process: it waits for the alert, renews, and ends.
	clock := now
	k := &alerts.Keeper{
		Manager: func(context.Context) (alerts.Manager, error) { return m, nil }, Log: slog.New(slog.DiscardHandler), Every: time.Second,
		Now: func() time.Time { return clock },
	}
	require.NoError(t, k.Look(t.Context()))
	post(t, stack, fires)
	require.NoError(t, k.Look(t.Context()))
	require.Equal(t, "silenced", list().State)
	clock = now.Add(alerts.AckFor / 2)
	require.NoError(t, k.Look(t.Context()))
	held, _, err = m.Silences(t.Context())
	require.NoError(t, err)
	require.Len(t, held, 1, "renewed, not made again")
	require.Equal(t, id, held[0].ID)
	require.WithinDuration(t, clock.Add(alerts.AckFor), held[0].Ends, time.Second)
	fires[0]["endsAt"] = time.Now().Add(-time.Second)
	post(t, stack, fires)
	for range 10 {
		require.NoError(t, k.Look(t.Context()))
	}
	held, _, err = m.Silences(t.Context())
	require.NoError(t, err)
	require.Equal(t, alerts.Expired, held[0].State(time.Now()))
	require.Contains(t, []fail.Code{fail.OK, fail.NotFound}, fail.CodeOf(m.Expire(t.Context(), id)), "ending it again does no harm")
}

// TestPreviewEqualsWhatAlertmanagerSuppresses makes silences from generated
// matchers in a real Alertmanager: what our matchers hit before is what it
// keeps quiet afterwards.
func TestPreviewEqualsWhatAlertmanagerSuppresses(t *testing.T) {
	stack, m := embedded(t, t.TempDir())
	t.Cleanup(func() { require.NoError(t, stack.Close()) })

	dice := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test's dice
	pick := func(list ...string) string { return list[dice.IntN(len(list))] }
	var posted []map[string]any
	for i := range 60 {
		labels := map[string]string{"alertname": fmt.Sprintf("A%d", i%7), "n": fmt.Sprint(i)}
		for _, name := range []string{"service", "severity", "größe", "odd name"} {
			if dice.IntN(3) > 0 {
				labels[name] = pick("chat", "predict", "a b", "ü.x", "info")
			}
		}
		posted = append(posted, map[string]any{"labels": labels, "endsAt": time.Now().Add(time.Hour)})
	}
	post(t, stack, posted)

	states := func() map[string]api.Alert {
		list, failed, err := m.Alerts(t.Context())
		require.NoError(t, err)
		require.Empty(t, failed)
		require.Len(t, list, len(posted))
		out := map[string]api.Alert{}
		for _, a := range list {
			out[a.Fingerprint] = a
		}
		return out
	}
	tried, hits := 0, 0
	for tried < 40 {
		var matchers alerts.Matchers
		for range 1 + dice.IntN(2) {
			isRegexp := dice.IntN(2) == 0
			value := pick("chat", "A3", "a b", "", "info")
			if isRegexp {
				value = pick("chat|predict", ".*", ".+", "A[0-3]", "ü.*", "")
			}
			one, err := alerts.New(pick("alertname", "service", "severity", "größe", "odd name", "missing"), value, isRegexp, dice.IntN(2) == 0)
			require.NoError(t, err)
			matchers = append(matchers, one)
		}
		now := time.Now()
		s := alerts.Silence{Matchers: matchers, By: "test", Comment: "c", Starts: now, Ends: now.Add(time.Hour)}
		if alerts.CheckSilence(matchers, time.Hour) != nil {
			_, err := m.Set(t.Context(), s)
			require.Equal(t, fail.Usage, fail.CodeOf(err), "Alertmanager refuses %s, too", matchers)
			continue
		}
		tried++
		want := map[string]bool{}
		for id, a := range states() {
			if matchers.Hit(a.Labels) {
				want[id] = true
			}
		}
		id, err := m.Set(t.Context(), s)
		require.NoError(t, err, matchers.String())
		got := map[string]bool{}
		for fp, a := range states() {
			if a.State == "silenced" {
				require.Equal(t, []string{id}, a.SilencedBy)
				got[fp] = true
			}
		}
		require.Equal(t, want, got, matchers.String())
		hits += len(want)
		require.NoError(t, m.Expire(t.Context(), id))
	}
	require.Greater(t, hits, 100)

	// A silence that is changed keeps its id, as the keeper relies on.
	matchers, err := alerts.Parse("alertname=A1")
	require.NoError(t, err)
	now := time.Now()
	s := alerts.Silence{Matchers: matchers, By: "ann", Comment: alerts.AckComment("x", now.Add(time.Hour)), Starts: now, Ends: now.Add(time.Minute)}
	s.ID, err = m.Set(t.Context(), s)
	require.NoError(t, err)
	first := s.ID
	s.Ends = now.Add(10 * time.Minute)
	s.ID, err = m.Set(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, first, s.ID)
	require.Equal(t, fail.NotFound, fail.CodeOf(m.Expire(t.Context(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736")))
}
