package api

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// AuditEntry is one record of the hash-chained audit.
type AuditEntry struct {
	Index     int64           `json:"index"`
	Time      time.Time       `json:"time"`
	Actor     string          `json:"actor"`
	Remote    string          `json:"remote,omitempty"`
	Operation string          `json:"operation"`
	Target    string          `json:"target"`
	Phase     string          `json:"phase" jsonschema:"intent or outcome"`
	Outcome   string          `json:"outcome,omitempty" jsonschema:"ok, or the code of the failure"`
	Reason    string          `json:"reason,omitempty"`
	Request   string          `json:"request,omitempty"`
	Details   json.RawMessage `json:"details,omitempty"`
	Prev      string          `json:"prev"`
	Hash      string          `json:"hash"`
}

// AuditFilter picks records.
type AuditFilter struct {
	Actor     string `json:"actor,omitempty" jsonschema:"only records of this account"`
	Operation string `json:"operation,omitempty" jsonschema:"only records of this operation"`
	Target    string `json:"target,omitempty" jsonschema:"only records about this object"`
	From      string `json:"from,omitempty" flag:"-" jsonschema:"RFC 3339; not before"`
	To        string `json:"to,omitempty" flag:"-" jsonschema:"RFC 3339; before"`
	Limit     int    `json:"limit,omitempty" default:"100" jsonschema:"the latest so many records"`
}

// AuditReport is the verdict over the chain.
type AuditReport struct {
	OK       bool   `json:"ok"`
	Records  int64  `json:"records"`
	BrokenAt *int64 `json:"broken_at,omitempty" jsonschema:"index of the first record that does not fit"`
	Why      string `json:"why,omitempty"`
	Head     string `json:"head" jsonschema:"hash of the last record"`
}

// The operations of audit.
var (
	AuditLog = &op.Query[AuditFilter, []AuditEntry]{Spec: op.Spec{
		ID: "audit.log", Route: "GET /api/v1/audit", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Show the record of every mutation: who, what, from where, why, outcome",
		Examples: []op.Example{
			{Command: "aictl audit log", Note: "the latest records, oldest first"},
			{Command: "aictl audit log --actor admin --since 24h -o jsonl", Note: "one account's day, for a script"},
		},
	}}
	AuditExport = &op.Stream[None, AuditEntry]{Spec: op.Spec{
		ID: "audit.export", Route: "GET /api/v1/audit/export", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Write the whole record as JSON lines, for safe keeping elsewhere",
		Doc: "The export holds the chain, so that `aictl audit verify --file` checks it without a server.\n" +
			"A part of it (head, tail) can be checked as well.",
		Examples: []op.Example{
			{Command: "aictl audit export > audit.jsonl", Note: "every record, the oldest first"},
			{Command: "aictl audit export | aictl audit verify --file -", Note: "check the chain on this side"},
		},
	}}
	AuditVerify = &op.Query[None, AuditReport]{Spec: op.Spec{
		ID: "audit.verify", Route: "GET /api/v1/audit/verify", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Verify the audit's hash chain and its signed checkpoints",
		Doc:     "A changed, dropped, reordered or cut-off record is named by its index; exit 10.",
		Errors:  []fail.Code{fail.False},
		Examples: []op.Example{
			{Command: "aictl audit verify", Note: "the verdict"},
			{Command: "aictl audit verify -o json --jq .head", Note: "the chain's head, to keep elsewhere"},
		},
	}}
)
