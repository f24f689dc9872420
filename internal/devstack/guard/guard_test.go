package guard_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/devstack/guard"
	"github.com/aictl/aictl/internal/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAPanicEndsOneGoroutineOnly(t *testing.T) {
	var log bytes.Buffer
	g := guard.Group{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	done := false
	g.Go("first", func() { panic("no luck") })
	g.Wait()
	g.Go("second", func() { done = true })
	g.Go("third", func() { panic("later") })
	g.Wait()
	require.True(t, done)
	require.ErrorContains(t, g.Err(), "first stopped: it panicked: no luck")
	require.Equal(t, fail.Internal, fail.CodeOf(g.Err()))
	require.Contains(t, log.String(), "guard_test.go", "the stack is in the log")
}

func TestNoPanicIsNoError(t *testing.T) {
	var g guard.Group
	g.Go("x", func() {})
	g.Wait()
	require.NoError(t, g.Err())
}

func TestHandler(t *testing.T) {
	var g guard.Group
	h := g.Handler("x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("secret detail")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		return w
	}
	require.Equal(t, http.StatusTeapot, ask("/").Code)
	w := ask("/panic")
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "secret detail")
	require.NoError(t, g.Err(), "a request that panicked is not the end of the engine")
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { ask("/abort") })
}
