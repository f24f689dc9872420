package embedded

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

// TestFieldsAreNamedAsInWhere: a field is asked for by any of its names and
// answered by that one, and it is counted in the entries that have it.
func TestFieldsAreNamedAsInWhere(t *testing.T) {
	s := open(t, t.TempDir())
	ingest(t, s,
		entry(t, `{"message":"a","service.name":"chat","http":{"response":{"status_code":200}}}`),
		entry(t, `{"message":"b","service.name":"chat","http":{"response":{"status_code":504}}}`),
		entry(t, `{"message":"c","service.name":"predict"}`),
	)
	for _, exact := range []bool{true, false} {
		q := window(logs.Query{}, time.Now())
		if !exact {
			compiled, err := logs.Compile(api.LogFilter{Grep: "^[abc]$", From: q.From, To: q.To})
			require.NoError(t, err)
			q = compiled
		}
		got, err := s.Fields(t.Context(), q, []string{"service", "http.status", "nothing"}, 10)
		require.NoError(t, err)
		require.Equal(t, []api.LogField{
			{Name: "service", Count: 3, Values: []api.LogFieldValue{{Value: "chat", Count: 2}, {Value: "predict", Count: 1}}},
			{Name: "http.status", Count: 2, Values: []api.LogFieldValue{{Value: "200", Count: 1}, {Value: "504", Count: 1}}},
		}, got)
	}
}
