// Package disk says how much room the file system of a directory has: as
// metrics for the rules, and for engines that must not write on a full disk.
//
// It promises no side effects. Where the system does not tell (neither Linux
// nor macOS), metrics are left out and room is assumed.
package disk

import "github.com/prometheus/client_golang/prometheus"

// Room reports whether at least so many bytes may still be written below dir.
func Room(dir string, bytes float64) bool {
	_, free, ok := space(dir)
	return !ok || free >= bytes
}

// Collector exposes the size and the free bytes of a directory's file system.
type Collector struct {
	dir        string
	size, free *prometheus.Desc
}

// NewCollector makes the collector of dir; register it once.
func NewCollector(dir string) *Collector {
	return &Collector{
		dir:  dir,
		size: prometheus.NewDesc("aictl_devstack_disk_size_bytes", "Size of the file system of the data directory.", nil, nil),
		free: prometheus.NewDesc("aictl_devstack_disk_free_bytes", "Bytes that the server may still write to the data directory.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.size
	out <- c.free
}

// Collect implements prometheus.Collector. What cannot be read is left out.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	size, free, ok := space(c.dir)
	if !ok {
		return
	}
	out <- prometheus.MustNewConstMetric(c.size, prometheus.GaugeValue, size)
	out <- prometheus.MustNewConstMetric(c.free, prometheus.GaugeValue, free)
}
