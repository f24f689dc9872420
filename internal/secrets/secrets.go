// Package secrets is the domain of secrets: one grammar over several stores
// (ref.go), values that do not print themselves (value.go), fingerprints that
// compare without showing (fingerprint.go), a ledger of what was written
// (ledger.go), and what is built on them: diff, sync and a staged rotation.
// The stores (the vault, Kubernetes, AWS Secrets Manager, GitHub) are adapters
// of the port Store and hold none of these rules.
//
// It promises that a value is in no plan, error, log line or record, and that
// an old version is not revoked while a consumer may still use it. It does not
// promise that the Go runtime left no copy of a value in memory: what it holds
// itself it overwrites, what a library or the collector copied it cannot.
package secrets

import (
	"context"
	"time"
)

// The kinds of store. A configuration may name several stores of one kind.
const (
	KindVault      = "vault"
	KindKubernetes = "kubernetes"
	KindAWS        = "aws"
	KindGitHub     = "github"
)

// MaxValue is the largest value that any store takes, in bytes. A store may
// have a smaller limit of its own; the error then says so.
const MaxValue = 64 << 10

// Capabilities say what a store can do. They are fixed for its lifetime.
type Capabilities struct {
	// Readable stores give values back. Of the others Get answers Refused.
	Readable bool `json:"readable"`
	// Versioned stores implement Versioner.
	Versioned bool `json:"versioned"`
	// Conditional stores honour PutOptions.IfVersion and IfAbsent atomically.
	// The others check before they write.
	Conditional bool `json:"conditional"`
	// Rotation says that the store itself knows when a secret was last rotated
	// and is next due.
	Rotation bool `json:"rotation"`
	// Tags are kept with the secret.
	Tags bool `json:"tags"`
}

// Store keeps secrets by path. Implementations are safe for concurrent use.
//
// Errors are *fail.Error and never contain a value: NotFound, Forbidden (with
// the missing permission), Conflict (it is at another version than
// PutOptions.IfVersion, or exists with IfAbsent), Refused (the store cannot or
// may not do that; the hint says what can be done instead), TooLarge, Usage (a
// path of the wrong form), Limited, Unavailable.
//
// Paths are those of Ref.Path: without the store's name and without #member.
type Store interface {
	// Kind is one of the constants.
	Kind() string
	// Capabilities say what the store can do.
	Capabilities() Capabilities
	// Check judges the form of a path without asking anybody. The error is
	// Usage and names the form: "kubernetes:NAMESPACE/NAME/KEY".
	Check(path string) error
	// List gives what is kept under the prefix, in the order of paths, without
	// values. A prefix is a path's beginning and may end anywhere
	// ("app/", "shop/db"). It reads all pages, up to 10,000 secrets; more are
	// TooLarge with the hint to give a longer prefix.
	List(ctx context.Context, prefix string) ([]Info, error)
	// Stat describes one secret.
	Stat(ctx context.Context, path string) (*Info, error)
	// Get gives the value of a version, of the current one where version is
	// empty. The caller closes the value.
	Get(ctx context.Context, path, version string) (Value, *Info, error)
	// Put writes a new version, which becomes the current one, and creates the
	// secret where it is missing. The value stays the caller's.
	Put(ctx context.Context, path string, v Value, o PutOptions) (*Info, error)
	// Delete removes the secret with all its versions.
	Delete(ctx context.Context, path string, o DeleteOptions) error
}

// Versioner is a Store that keeps earlier versions readable until they are
// revoked. Rotation needs one as its source.
type Versioner interface {
	// History gives the versions, the newest first.
	History(ctx context.Context, path string) ([]Version, error)
	// Promote makes a version the current one. To promote the current version
	// succeeds and changes nothing. A revoked one is Refused.
	Promote(ctx context.Context, path, version string) (*Info, error)
	// Revoke makes a version unreadable for good. The current version is
	// Refused; a revoked one succeeds and changes nothing.
	Revoke(ctx context.Context, path, version string) error
}

// Info describes a secret without its value. Times are UTC; a zero time is
// not known.
type Info struct {
	Path string `json:"path"`
	// Version is the current version: the store's own token, of no meaning but
	// equality. It changes with every write of the value.
	Version string    `json:"version,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Updated is the last write of the value.
	Updated time.Time `json:"updated,omitzero"`
	// By is who wrote it last, where the store knows.
	By string `json:"by,omitempty"`
	// Rotates says that the store rotates the secret by itself; Rotated and
	// NextRotation when it did last and will next.
	Rotates      bool              `json:"rotates,omitempty"`
	Rotated      time.Time         `json:"rotated,omitzero"`
	NextRotation time.Time         `json:"next_rotation,omitzero"`
	Tags         map[string]string `json:"tags,omitempty"`
	// Deletion is when a scheduled deletion takes effect.
	Deletion time.Time `json:"deletion,omitzero"`
	// Managed names what else writes the secret and would undo our write (a
	// controller, an owner reference, a rotation function).
	Managed string `json:"managed,omitempty"`
	// Note is one line worth telling: the visibility of an organisation's
	// secret, the type of a Kubernetes Secret.
	Note string `json:"note,omitempty"`
}

// Version is one version of a secret.
type Version struct {
	Version string    `json:"version"`
	Created time.Time `json:"created,omitzero"`
	By      string    `json:"by,omitempty"`
	// Current says that readers get this one.
	Current bool `json:"current"`
	// Stages are the store's own labels: AWSCURRENT, AWSPENDING, pending.
	Stages []string `json:"stages,omitempty"`
	// Revoked versions have no value any more.
	Revoked bool `json:"revoked,omitempty"`
}

// PutOptions qualify a write.
type PutOptions struct {
	// IfVersion writes only while the secret is at this version; else Conflict.
	IfVersion string
	// IfAbsent writes only where there is no such secret; else Conflict.
	IfAbsent bool
	// Token makes the write idempotent on a Versioned store: a second Put with
	// the same token and value is the same version. 32 to 64 characters of
	// [0-9a-f-]; empty makes one up.
	Token string
	// Staged keeps the current version current: the new one waits for Promote.
	// Refused where the store is not Versioned.
	Staged bool
	// Tags are merged into those that are there; a value of "" removes one.
	// Where the store has no tags they are Refused.
	Tags map[string]string
	// Actor and Reason are recorded where the store has a place for them.
	Actor, Reason string
}

// DeleteOptions qualify a deletion.
type DeleteOptions struct {
	// IfVersion deletes only while the secret is at this version.
	IfVersion string
	// Recovery is how long the secret can be brought back, where the store can
	// do that; 0 is the store's default.
	Recovery time.Duration
	// Force deletes at once and for good.
	Force bool
}
