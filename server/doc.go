// Package server is the control plane's HTTP shell: listener, TLS, routes,
// middleware, health, graceful shutdown, and the front doors for clients that
// other people wrote (openai.go, oip.go).
//
// It promises: every route is on the page of routes.go; every request has an
// id, a log line, metrics, a bounded body and a bounded time; nothing private
// is reached without a valid bearer token; Stop is bounded in time, and a
// stream that it has to end gets a typed error event and never just silence.
//
// It holds no logic: identities, operations, services and models are reached
// through the small interfaces in options.go, which the integrator fills. It
// does not read configuration files (internal/serverconfig does) or sign
// anybody in (internal/authn does).
package server
