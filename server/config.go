package server

import "github.com/aictl/aictl/internal/serverconfig"

// FromConfig fills the options that come from the configuration. The rest,
// what the server serves and observes with, is the integrator's.
func FromConfig(c *serverconfig.Config) Options {
	return Options{
		Listen: c.Listen, CertFile: c.TLS.Cert, KeyFile: c.TLS.Key,
		InsecureListen: c.InsecureListen, AllowedHosts: c.AllowedHosts, Drain: c.Drain,
		Timeouts: Timeouts{
			ReadHeader: c.Timeouts.ReadHeader, Read: c.Timeouts.Read, Write: c.Timeouts.Write,
			Stall: c.Timeouts.Stall, Idle: c.Timeouts.Idle,
		},
		MaxBodyBytes: int64(c.Limits.BodyBytes), PublicMetrics: c.Metrics.Public,
	}
}
