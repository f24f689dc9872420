// Package devstack is the embedded observability stack of aictl-server: a
// real Prometheus and a real Alertmanager in the server's own process, with
// rules for every service and burn-rate alerts for declared objectives.
//
// It promises: Open returns with both APIs answering, no port is opened (the
// server mounts Prometheus and Alertmanager under its own address), data
// lives in two directories below DataDir, a bad configuration leaves the one
// in force, Close joins everything that Open started, and a fault of an
// engine is an error of the stack, never of the control plane.
//
// It does not authenticate: whoever mounts the handlers decides who may read
// and who may write (see Writes). It does not keep logs: that engine is
// internal/logs/embedded.
//
// The engines may be imported below this directory only; internal/archtest
// keeps it so.
package devstack
