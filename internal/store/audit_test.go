package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/audit"
	"github.com/aictl/aictl/internal/op"
)

func auditLog(t testing.TB) (*Store, *audit.Log) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "aictl.db"))
	require.NoError(t, err)
	log, err := audit.New(Audit{s}, dir, time.Now, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, log.Close())
		require.NoError(t, s.Close())
	})
	return s, log
}

// What somebody with the database's password could do.
func TestTamperingBySQL(t *testing.T) {
	for _, c := range []struct {
		sql string
		at  int64
	}{
		{"UPDATE audit SET body = replace(body, 'al', 'bo') WHERE idx = 4", 4},
		{"UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE idx = 7", 7},
		{"DELETE FROM audit WHERE idx = 0", 0},
		{"DELETE FROM audit WHERE idx = 5", 5},
		{"DELETE FROM audit WHERE idx = 9", 9},
		{"DELETE FROM audit WHERE idx >= 6", 6},
		{"DELETE FROM audit", 0},
		{"UPDATE audit SET idx = 100 WHERE idx = 3; UPDATE audit SET idx = 3 WHERE idx = 2; UPDATE audit SET idx = 2 WHERE idx = 100", 2},
		{"INSERT INTO audit SELECT 10, body, hash FROM audit WHERE idx = 9", 10},
		{"INSERT INTO audit SELECT -1, body, hash FROM audit WHERE idx = 9", 0},
	} {
		t.Run(c.sql, func(t *testing.T) {
			s, log := auditLog(t)
			for range 5 {
				finish, err := log.Begin(t.Context(), op.Record{Operation: "x", Identity: op.Identity{Subject: "al"}})
				require.NoError(t, err)
				require.NoError(t, finish(t.Context(), nil))
			}
			report, err := log.Verify(t.Context())
			require.NoError(t, err)
			require.True(t, report.OK, report.Why)
			_, err = s.write.Exec(c.sql)
			require.NoError(t, err)
			report, err = log.Verify(t.Context())
			require.NoError(t, err)
			require.False(t, report.OK)
			require.Equal(t, c.at, *report.BrokenAt, report.Why)
		})
	}
}

// BenchmarkAuditAppend shows what group commit gives: one sync of the disk for
// all that wait.
func BenchmarkAuditAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			_, log := auditLog(b)
			b.SetParallelism(writers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := log.Begin(b.Context(), op.Record{Operation: "x"}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
