package embedded

import (
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logstorage"
	"github.com/prometheus/client_golang/prometheus"
)

// Collector gives the store's own metrics: what was taken, what was refused by
// reason, and what it occupies.
func (s *Store) Collector() prometheus.Collector { return collector{s} }

type collector struct{ s *Store }

var (
	rowsDesc = prometheus.NewDesc("aictl_logs_entries_total", "Log entries that the store has taken.", nil, nil)
	dropDesc = prometheus.NewDesc("aictl_logs_refused_total", "Log entries that the store has refused, by reason.", []string{"reason"}, nil)
	diskDesc = prometheus.NewDesc("aictl_logs_disk_bytes", "Bytes of log entries on disk, compressed.", nil, nil)
)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- rowsDesc
	ch <- dropDesc
	ch <- diskDesc
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	st := &c.s.stats
	ch <- prometheus.MustNewConstMetric(rowsDesc, prometheus.CounterValue, float64(st.rows.Load()))
	for reason, n := range map[string]uint64{
		"too_old": st.tooOld.Load(), "too_new": st.tooNew.Load(), "too_long": st.tooLong.Load(), "disk_full": st.noDisk.Load(),
	} {
		ch <- prometheus.MustNewConstMetric(dropDesc, prometheus.CounterValue, float64(n), reason)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.closed {
		return
	}
	var disk logstorage.StorageStats
	if guarded(func() { c.s.engine.UpdateStats(&disk) }) == nil {
		ch <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, float64(disk.CompressedSmallPartSize+disk.CompressedBigPartSize+disk.IndexdbSizeBytes))
	}
}
