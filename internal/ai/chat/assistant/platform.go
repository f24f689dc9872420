// Package assistant is aictl-ops, the built-in assistant: it answers questions
// about this platform from its live state and its manual.
//
// It promises that the same question about the same state has the same answer,
// that each claim carries Evidence with the command that shows it again, that
// text from the platform's state (error messages, alerts and log lines above
// all) is quoted as data and never acted on, that what was refused or did not
// answer is named and never taken for nothing, and that it says plainly that it
// is not a language model where it cannot answer. It only reads. It does not
// call models, keep conversations or know the wire format.
package assistant

import (
	"context"
	"io/fs"
	"time"
)

// Platform is the live state that answers come from. Implementations are safe
// for concurrent use, show only what the caller in ctx may see, and return
// *fail.Error.
type Platform interface {
	Services(ctx context.Context) ([]Service, error)
	Health(ctx context.Context) ([]Health, error)
	// Errors lists failures of the last window, the newest first.
	Errors(ctx context.Context, window time.Duration) ([]Failure, error)
	Usage(ctx context.Context) (Usage, error)
	Version(ctx context.Context) (Version, error)
	// Caller is who asks.
	Caller(ctx context.Context) (Caller, error)
	Commands(ctx context.Context) ([]Command, error)
	// Docs is the manual: Markdown files. It may be nil.
	Docs() fs.FS
	Ops
}

// Service is one service that the platform runs.
type Service struct {
	Name, Version, Summary string
	// State is ready, degraded or down.
	State      string
	Operations []Operation
}

// Operation is one thing that a service can do.
type Operation struct {
	Name, Summary string
	Streams       bool
}

// Health is the state of one service over the last window.
type Health struct {
	Name     string
	State    string // ready, degraded or down
	Reason   string // why it is not ready
	Window   time.Duration
	Requests int64
	Errors   int64
	P50, P95 time.Duration
	P99      time.Duration
	InFlight int64
	Queued   int64
	// Open names the targets whose circuit breaker is open.
	Open []string
}

// Failure is one failed call.
type Failure struct {
	Time                                       time.Time
	Service, Operation, Code, Message, Request string
}

// Usage is what was consumed.
type Usage struct {
	Window   time.Duration
	Services []ServiceUsage
}

// ServiceUsage is the share of one service.
type ServiceUsage struct {
	Name                      string
	Requests, Errors          int64
	InputTokens, OutputTokens int64
	Cost                      float64
}

// Version is what runs.
type Version struct {
	Version, Commit, Go string
	Started             time.Time
}

// Caller is who asks.
type Caller struct {
	Subject string
	Roles   []string
}

// Command is one command of the command line.
type Command struct {
	Name     string // "aictl services list"
	Summary  string
	Examples []string
}

// Turn is one message of the conversation.
type Turn struct {
	Role string // system, user, assistant or tool
	Text string
}

// Evidence is where a claim comes from, and how to see it again.
type Evidence struct {
	// Source is services, health, errors, usage, version, identity, commands,
	// manual, or the operation: alerts, why, logs, deployments, changes,
	// handoff, metrics, secrets.
	Source  string `json:"source"`
	ID      string `json:"id"`
	Command string `json:"command,omitempty"`
}

// Answer is what the assistant says.
type Answer struct {
	// Text is Markdown; its last lines are the evidence.
	Text     string
	Evidence []Evidence
	// Plan is how the question was understood.
	Plan Plan
}
