package api

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Service is one AI service as the list shows it.
type Service struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Kind       string   `json:"kind" jsonschema:"builtin, process, remote or kubernetes"`
	State      string   `json:"state" jsonschema:"ready, degraded or down"`
	Replicas   int      `json:"replicas"`
	Ready      int      `json:"ready"`
	Operations []string `json:"operations"`
	Summary    string   `json:"summary"`
}

// ServiceDetail is the self-description of a service with its live figures.
type ServiceDetail struct {
	Service
	Describes []ServiceOperation `json:"describes"`
	Health    ServiceHealth      `json:"health"`
}

// ServiceOperation is one thing that a service can do.
type ServiceOperation struct {
	Name       string            `json:"name"`
	Summary    string            `json:"summary"`
	Streams    bool              `json:"streams"`
	Idempotent bool              `json:"idempotent"`
	Input      json.RawMessage   `json:"input" jsonschema:"JSON Schema of the input"`
	Output     json.RawMessage   `json:"output" jsonschema:"JSON Schema of the answer"`
	Examples   []json.RawMessage `json:"examples"`
}

// ServiceHealth is the state of one service in the last minutes.
type ServiceHealth struct {
	Name      string          `json:"name"`
	State     string          `json:"state" jsonschema:"ready, degraded or down"`
	Reason    string          `json:"reason,omitempty"`
	Window    op.Duration     `json:"window" jsonschema:"the time that the figures cover"`
	Requests  int64           `json:"requests"`
	Errors    int64           `json:"errors"`
	ErrorRate float64         `json:"error_rate" jsonschema:"errors per request, 0 to 1"`
	P50       float64         `json:"p50_ms"`
	P95       float64         `json:"p95_ms"`
	P99       float64         `json:"p99_ms"`
	InFlight  int64           `json:"in_flight"`
	Queued    int64           `json:"queued"`
	TokensIn  int64           `json:"tokens_in"`
	TokensOut int64           `json:"tokens_out"`
	Targets   []ServiceTarget `json:"targets"`
	Recent    []ServiceError  `json:"recent_errors"`
}

// ServiceTarget is one replica or upstream of a service.
type ServiceTarget struct {
	Name        string `json:"name"`
	Revision    string `json:"revision"`
	State       string `json:"state"`
	Breaker     string `json:"breaker" jsonschema:"closed, open or half-open"`
	Outstanding int64  `json:"outstanding"`
}

// ServiceError is one recent failure.
type ServiceError struct {
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	Request   string    `json:"request,omitempty"`
}

// ServiceName names one service.
type ServiceName struct {
	Name string `json:"name" arg:"SERVICE" complete:"services" jsonschema:"the service's name"`
}

// ServiceFilter picks services; none is all.
type ServiceFilter struct {
	Name string `json:"name,omitempty" arg:"?SERVICE" complete:"services" jsonschema:"the service's name; all when absent"`
}

// InvokeInput is one call of a service's operation.
type InvokeInput struct {
	Service   string          `json:"service" arg:"SERVICE" complete:"services" jsonschema:"the service's name"`
	Operation string          `json:"operation" arg:"OPERATION" complete:"operations" jsonschema:"the operation's name"`
	Data      json.RawMessage `json:"data,omitempty" flag:"data,d" jsonschema:"the JSON input: inline, @FILE or - for stdin"`
}

// InvokeEvent is one part of a streamed answer.
type InvokeEvent struct {
	Type string          `json:"type" jsonschema:"data"`
	Data json.RawMessage `json:"data"`
}

// The services' operations.
var (
	ServicesList = &op.Query[None, []Service]{Spec: op.Spec{
		ID: "services.list", Route: "GET /api/v1/services", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "List the AI services that the platform runs",
		Examples: []op.Example{
			{Command: "aictl services list", Note: "what runs, and whether it is ready"},
			{Command: "aictl services list -o json --jq '.[].name'", Note: "the names only"},
		},
	}}
	ServicesDescribe = &op.Query[ServiceName, ServiceDetail]{Spec: op.Spec{
		ID: "services.describe", Route: "GET /api/v1/services/{name}", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Describe a service: operations, schemas, replicas, live figures",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl services describe predict", Note: "operations and examples"},
			{Command: "aictl services describe predict -o json --jq '.describes[0].input'", Note: "the schema of the first operation's input"},
		},
	}}
	ServicesHealth = &op.Query[ServiceFilter, []ServiceHealth]{Spec: op.Spec{
		ID: "services.health", Route: "GET /api/v1/services-health", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Show requests, errors and latency of the services in the last minutes",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl services health", Note: "every service"},
			{Command: "aictl services health chat -o json", Note: "one service with its replicas and recent errors"},
		},
	}}
	ServicesInvoke = &op.Query[InvokeInput, json.RawMessage]{Spec: op.Spec{
		ID: "services.invoke", Route: "POST /api/v1/services/{service}/{operation}", Command: "invoke",
		Effect: op.Invoke, Server: true,
		Summary: "Call an operation of an AI service",
		Doc: "The input is checked against the operation's JSON Schema by the service.\n" +
			"`aictl services describe SERVICE` shows the schema and an example.",
		Errors: []fail.Code{fail.NotFound, fail.Limited, fail.TooLarge},
		Examples: []op.Example{
			{Command: "aictl invoke predict models", Note: "an operation without input"},
			{Command: `aictl invoke predict forecast -d '{"points":[{"time":"2026-01-01T00:00:00Z","value":1},{"time":"2026-01-02T00:00:00Z","value":2},{"time":"2026-01-03T00:00:00Z","value":3},{"time":"2026-01-04T00:00:00Z","value":4}],"horizon":2}'`, Note: "inline JSON"},
		},
	}}
	ServicesStream = &op.Stream[InvokeInput, InvokeEvent]{Spec: op.Spec{
		ID: "services.stream", Route: "POST /api/v1/services/{service}/{operation}/stream", Command: "-",
		Effect: op.Invoke, Server: true,
		Summary: "Call an operation of an AI service and receive the answer in parts",
		Errors:  []fail.Code{fail.NotFound, fail.Limited, fail.TooLarge},
		Examples: []op.Example{
			{Command: `aictl invoke chat complete --stream -d '{"messages":[{"role":"user","content":"what is running?"}]}'`, Note: "server-sent events as JSON lines"},
			{Command: `aictl invoke chat complete --stream -o jsonl -d '{"messages":[{"role":"user","content":"what is running?"}]}'`, Note: "for scripts"},
		},
	}}
)
