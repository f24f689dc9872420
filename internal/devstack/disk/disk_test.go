package disk_test

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/devstack/disk"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	require.True(t, disk.Room(dir, 1))
	require.False(t, disk.Room(dir, 1e24))
	require.True(t, disk.Room(filepath.Join(dir, "absent"), 1e24), "what cannot be asked is not refused")
}

func TestCollector(t *testing.T) {
	dir := t.TempDir()
	reg := prometheus.NewRegistry()
	reg.MustRegister(disk.NewCollector(dir))
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 2)
	free, size := families[0].GetMetric()[0].GetGauge().GetValue(), families[1].GetMetric()[0].GetGauge().GetValue()
	require.Positive(t, free)
	require.GreaterOrEqual(t, size, free)

	reg = prometheus.NewRegistry()
	reg.MustRegister(disk.NewCollector(filepath.Join(dir, "absent")))
	families, err = reg.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
}
