package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Account is a person or a machine that may sign in.
type Account struct {
	Name    string     `json:"name"`
	Grants  []op.Grant `json:"grants"`
	Created time.Time  `json:"created"`
	Tokens  int        `json:"tokens" jsonschema:"tokens that are valid now"`
}

// AccountInput is an account to make or change.
type AccountInput struct {
	Name      string `json:"name" arg:"ACCOUNT" jsonschema:"the account's name"`
	Role      string `json:"role,omitempty" enum:"viewer,invoker,operator,admin" default:"viewer" jsonschema:"the role that it holds"`
	Namespace string `json:"namespace,omitempty" flag:"-" default:"*" jsonschema:"where it holds the role; * is everywhere"`
}

// AccountName names one account.
type AccountName struct {
	Name string `json:"name" arg:"ACCOUNT" complete:"accounts" jsonschema:"the account's name"`
}

// Token is an API token without its secret.
type Token struct {
	ID       string     `json:"id"`
	Account  string     `json:"account"`
	Note     string     `json:"note,omitempty"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
	Revoked  *time.Time `json:"revoked,omitempty"`
}

// NewToken is a fresh token with its secret, shown once.
type NewToken struct {
	Token
	Secret string `json:"secret" jsonschema:"shown once; the server keeps only a hash"`
}

// TokenInput is a token to make.
type TokenInput struct {
	Account string      `json:"account,omitempty" arg:"?ACCOUNT" complete:"accounts" jsonschema:"whose token; your own where absent"`
	TTL     op.Duration `json:"ttl,omitempty" default:"90d" jsonschema:"how long it is valid"`
	Note    string      `json:"note,omitempty" jsonschema:"what it is for"`
}

// TokenFilter picks tokens.
type TokenFilter struct {
	Account string `json:"account,omitempty" complete:"accounts" jsonschema:"only tokens of this account"`
}

// TokenID names one token.
type TokenID struct {
	ID string `json:"id" arg:"TOKEN" complete:"tokens" jsonschema:"the token's id, not the token"`
}

// Whoami is the caller as the server sees it.
type Whoami struct {
	Subject string     `json:"subject"`
	TokenID string     `json:"token_id"`
	Grants  []op.Grant `json:"grants"`
	Server  string     `json:"server" jsonschema:"the server's version"`
}

// Status is the control plane in one answer.
type Status struct {
	Version  string      `json:"version"`
	Started  time.Time   `json:"started"`
	Uptime   op.Duration `json:"uptime"`
	Ready    bool        `json:"ready"`
	Reasons  []string    `json:"reasons" jsonschema:"why it is not ready"`
	Store    string      `json:"store" jsonschema:"sqlite or postgres"`
	Limits   string      `json:"limits" jsonschema:"memory or redis"`
	Services int         `json:"services"`
}

// The operations of accounts, tokens and identity.
var (
	AccountsList = &op.Query[None, []Account]{Spec: op.Spec{
		ID: "accounts.list", Route: "GET /api/v1/accounts", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "List the accounts and the roles that they hold",
		Examples: []op.Example{
			{Command: "aictl accounts list", Note: "who may do what"},
			{Command: "aictl accounts list -o json --jq '.[] | select(.grants[].role == \"admin\") | .name'", Note: "the administrators"},
		},
	}}
	AccountsCreate = &op.Change[AccountInput, Account]{Spec: op.Spec{
		ID: "accounts.create", Route: "POST /api/v1/accounts", Effect: op.Write, Server: true,
		Summary: "Create an account with a role",
		Errors:  []fail.Code{fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl accounts create ci --role invoker --yes", Note: "for a CI job"},
			{Command: "aictl accounts create eve --role operator --dry-run=server", Note: "the plan only"},
		},
	}}
	AccountsGrant = &op.Change[AccountInput, Account]{Spec: op.Spec{
		ID: "accounts.grant", Route: "POST /api/v1/accounts/{name}/grants", Effect: op.Write, Server: true, Idempotent: true,
		Summary: "Give an account a role in a namespace, in place of the one it holds there",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl accounts grant ci --role operator --yes", Note: "everywhere"},
			{Command: "aictl accounts grant ci --role viewer --reason 'less is enough' --yes", Note: "with a reason in the audit"},
		},
	}}
	AccountsDelete = &op.Change[AccountName, Deleted]{Spec: op.Spec{
		ID: "accounts.delete", Route: "DELETE /api/v1/accounts/{name}", Effect: op.Destroy, Server: true, Idempotent: true,
		Summary: "Delete an account and revoke its tokens",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl accounts delete ci --dry-run=server", Note: "what it would take away"},
			{Command: "aictl accounts delete ci --yes --reason 'pipeline retired'", Note: "without a question"},
		},
	}}
	TokensList = &op.Query[TokenFilter, []Token]{Spec: op.Spec{
		ID: "tokens.list", Route: "GET /api/v1/tokens", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "List API tokens: age, expiry, last use",
		Examples: []op.Example{
			{Command: "aictl tokens list", Note: "all that you may see"},
			{Command: "aictl tokens list --account admin -o json --jq 'length'", Note: "how many of one account"},
		},
	}}
	TokensCreate = &op.Change[TokenInput, NewToken]{Spec: op.Spec{
		ID: "tokens.create", Route: "POST /api/v1/tokens", Effect: op.Write, Server: true,
		Summary: "Create an API token; its secret is shown once",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl tokens create --ttl 1d --note 'night shift' --yes", Note: "for yourself"},
			{Command: "aictl tokens create admin --ttl 12h --yes -o json --jq .secret", Note: "the secret only, for a pipe"},
		},
	}}
	TokensRevoke = &op.Change[TokenID, Token]{Spec: op.Spec{
		ID: "tokens.revoke", Route: "POST /api/v1/tokens/{id}/revoke", Effect: op.Destroy, Server: true, Idempotent: true,
		Summary: "Revoke an API token at once",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl tokens revoke tok_1a2b3c --dry-run=server", Note: "what it would revoke"},
			{Command: "aictl tokens revoke tok_1a2b3c --yes --reason leaked", Note: "with a reason in the audit"},
		},
	}}
	AuthWhoami = &op.Query[None, Whoami]{Spec: op.Spec{
		ID: "auth.whoami", Route: "GET /api/v1/whoami", Command: "whoami", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Show who you are to the server, and what you may do",
		Examples: []op.Example{
			{Command: "aictl whoami", Note: "account, roles, token"},
			{Command: "aictl whoami -o json --jq .subject", Note: "the account's name"},
		},
	}}
	AuthLogout = &op.Change[None, Token]{Spec: op.Spec{
		ID: "auth.logout", Route: "POST /api/v1/logout", Command: "-", Effect: op.Write, Server: true, Idempotent: true,
		Summary: "Revoke the token that the request is signed with",
		Examples: []op.Example{
			{Command: "aictl logout --dry-run=server", Note: "which token it would revoke"},
			{Command: "aictl logout --yes", Note: "revoke it and forget it"},
		},
	}}
	PlatformStatus = &op.Query[None, Status]{Spec: op.Spec{
		ID: "platform.status", Route: "GET /api/v1/status", Command: "-", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Show the control plane: version, readiness, store, services",
		Examples: []op.Example{
			{Command: "aictl status", Note: "of the local stack or the context's server"},
			{Command: "aictl status -o json --jq .server.url", Note: "its address"},
		},
	}}
)
