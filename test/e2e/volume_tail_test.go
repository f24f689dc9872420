//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestLiveTailIsQuick: while 5,000 lines arrive in a second, `aictl logs -f`
// shows each soon after it was sent, every one once and in order.
func TestLiveTailIsQuick(t *testing.T) {
	const (
		rate  = 5_000
		each  = 50
		lines = 15 * rate
	)
	p := testbed.Up(t)
	cmd := p.Command(t, "logs", "-f", "--service", "quick", "-o", "jsonl")
	require.Equal(t, "aictl", filepath.Base(cmd.Path))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd.Stderr = &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	shown := make(chan error, 1)
	took := make([]time.Duration, 0, lines)
	go func() {
		shown <- func() error {
			scan := bufio.NewScanner(out)
			scan.Buffer(nil, 1<<20)
			for len(took) < lines && scan.Scan() {
				now := time.Now().UnixNano()
				var e struct{ Entry struct{ Message string } }
				if err := json.Unmarshal(scan.Bytes(), &e); err != nil {
					return err
				}
				var n int
				var sent int64
				if _, err := fmt.Sscanf(e.Entry.Message, "line %d sent %d", &n, &sent); err != nil {
					continue // a notice
				}
				if n != len(took) {
					return fmt.Errorf("line %d came after %d others", n, len(took))
				}
				took = append(took, time.Duration(now-sent))
			}
			return scan.Err()
		}()
	}()
	time.Sleep(time.Second) // it follows

	begun := time.Now()
	for n := 0; n < lines; n += each {
		time.Sleep(time.Until(begun.Add(time.Duration(n) * time.Second / rate)))
		var b bytes.Buffer
		for i := n; i < n+each; i++ {
			now := time.Now()
			fmt.Fprintf(&b, `{"create":{}}`+"\n"+`{"@timestamp":%q,"service.name":"quick","log.level":"info","message":"line %d sent %d"}`+"\n",
				now.UTC().Format(time.RFC3339Nano), i, now.UnixNano())
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/elasticsearch/_bulk", &b)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Authorization", "Bearer "+p.Token)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, res.Body.Close())
	}
	wrote := time.Since(begun)
	select {
	case err := <-shown:
		require.NoError(t, err, said.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("%d of %d lines were shown: %s", len(took), lines, said.String())
	}
	require.Len(t, took, lines, said.String())
	slices.Sort(took)
	table(t, fmt.Sprintf("Live tail, written to shown, %.0f lines a second", lines/wrote.Seconds()), []budget{
		{"p50", millis(took[lines/2]), 50, 200, "ms"},
		{"p99", millis(took[lines*99/100]), 50, 1000, "ms"},
	})
}
