//go:build linux || darwin

package devstack

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFullDiskChild is the other half of TestFullDisk; alone it has nothing
// to do.
func TestFullDiskChild(t *testing.T) {
	dir := os.Getenv("DEVSTACK_FULL_DISK")
	if dir == "" {
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // writes over the limit fail with EFBIG
	o := options(t)
	o.DataDir = dir
	reg, g := gauges("warning")
	o.ControlPlane = reg
	o.ScrapeInterval = 100 * time.Millisecond
	o.Config.RuleFiles = []string{ruleFile(t, "warning")}
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle(PrometheusPath+"/", s.Prometheus())
	mux.Handle(AlertmanagerPath+"/", s.Alertmanager())
	srv := httptest.NewServer(mux)
	defer srv.Close()
	url := srv.URL
	eventually(t, "data", func() bool { return s.prom.Samples() > 500 })

	limit(t, 1024)
	eventually(t, "appending fails", func() bool {
		before := s.prom.Samples()
		time.Sleep(300 * time.Millisecond) // three scrapes
		return s.prom.Samples() == before
	})
	s.prom.MapHead()
	require.NoError(t, s.Ready(t.Context()))
	code, text := get(t, url+"/prometheus/api/v1/query?query=count(up)")
	require.Equal(t, http.StatusOK, code, text)
	code, text = send(t, http.MethodPost, url+"/alertmanager/api/v2/silences", silence("Is_warning"))
	if code != http.StatusOK { // a silence is small: it may still fit
		require.Equal(t, http.StatusInsufficientStorage, code, text)
	}
	g["warning"].Set(1)

	limit(t, 1<<40)
	eventually(t, "it recovers by itself", func() bool { return len(vector(t, url, "warning == 1", "job")) == 1 })
	s.prom.MapHead()
	t.Log("still answering")
	require.NoError(t, s.Close())
}

// limit sets the size that files may grow to.
func limit(t testing.TB, bytes uint64) {
	t.Helper()
	var l syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l))
	l.Cur = min(bytes, l.Max)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l))
}
