package embedded

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/logs"
)

func TestTap(t *testing.T) {
	s := open(t, t.TempDir())
	tap := NewTap(s)
	for i := range 100 {
		n, err := fmt.Fprintf(tap, "{\"log.level\":\"info\",\"message\":\"m%d\",\"service.name\":\"aictl-server\"}\nnot json %d\n", i, i)
		require.NoError(t, err)
		require.Positive(t, n)
	}
	require.NoError(t, tap.Close())
	require.Len(t, all(t, s, logs.Query{Services: []string{"aictl-server"}}), 100)
	require.Len(t, all(t, s, logs.Query{Text: "not json"}), 100)
	_, err := tap.Write([]byte("late\n"))
	require.NoError(t, err)
}

func TestATapNeverWaitsAndSaysWhatItLost(t *testing.T) {
	s := open(t, t.TempDir())
	s.mu.Lock() // the store is slow
	tap := NewTap(s)
	for range tapLines + 5000 {
		_, err := tap.Write([]byte(`{"message":"x"}` + "\n"))
		require.NoError(t, err)
	}
	s.mu.Unlock()
	require.NoError(t, tap.Close())
	lost := all(t, s, logs.Query{Text: "missing here"})
	require.NotEmpty(t, lost)
	require.Contains(t, string(lost[0].Fields), "aictl_dropped")
}
