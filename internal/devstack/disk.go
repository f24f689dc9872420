package devstack

import "github.com/prometheus/client_golang/prometheus"

// disk says how full the disk below the data directory is, for the rules.
type disk struct {
	dir        string
	size, free *prometheus.Desc
}

func newDisk(dir string) *disk {
	return &disk{
		dir:  dir,
		size: prometheus.NewDesc("aictl_devstack_disk_size_bytes", "Size of the file system of the data directory.", nil, nil),
		free: prometheus.NewDesc("aictl_devstack_disk_free_bytes", "Bytes that the server may still write to the data directory.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (d *disk) Describe(out chan<- *prometheus.Desc) {
	out <- d.size
	out <- d.free
}

// Collect implements prometheus.Collector. What cannot be read is left out.
func (d *disk) Collect(out chan<- prometheus.Metric) {
	size, free, ok := space(d.dir)
	if !ok {
		return
	}
	out <- prometheus.MustNewConstMetric(d.size, prometheus.GaugeValue, size)
	out <- prometheus.MustNewConstMetric(d.free, prometheus.GaugeValue, free)
}
