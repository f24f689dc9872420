package runtime

import (
	"github.com/prometheus/client_golang/prometheus"
)

// resources tells what the replicas that run as processes use, asked of the
// system when it is scraped.
type resources struct {
	r                  *Runtime
	memory, limit, cpu *prometheus.Desc
}

func newResources(r *Runtime) *resources {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("aictl_runtime_replica_"+name, help, append([]string{"service", "revision", "replica"}, labels...), nil)
	}
	return &resources{
		r: r, memory: desc("memory_bytes", "Resident memory of a replica and its children."),
		limit: desc("memory_limit_bytes", "Memory at which a replica is killed."),
		cpu:   desc("cpu_seconds_total", "Processor time of a replica and its children."),
	}
}

// Describe implements prometheus.Collector.
func (c *resources) Describe(out chan<- *prometheus.Desc) {
	out <- c.memory
	out <- c.limit
	out <- c.cpu
}

// Collect implements prometheus.Collector.
func (c *resources) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.r.all() {
		type one struct {
			name, revision string
			pid            int
			limit          int64
		}
		var list []one
		s.mu.Lock()
		for _, v := range s.replicas {
			if st := v.snapshot(); st.pid > 0 {
				list = append(list, one{v.name, v.rev.name, st.pid, int64(v.rev.manifest.Limits.Memory)})
			}
		}
		s.mu.Unlock()
		for _, v := range list {
			memory, cpu, ok := usage(v.pid)
			if !ok {
				continue
			}
			out <- prometheus.MustNewConstMetric(c.memory, prometheus.GaugeValue, float64(memory), s.name, v.revision, v.name)
			out <- prometheus.MustNewConstMetric(c.cpu, prometheus.CounterValue, cpu, s.name, v.revision, v.name)
			if v.limit > 0 {
				out <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(v.limit), s.name, v.revision, v.name)
			}
		}
	}
}
