package op

import "context"

// Identity is who a request comes from. The zero value is nobody, who is
// allowed nothing but public operations.
type Identity struct {
	// Subject is the account's name.
	Subject string `json:"subject"`
	// TokenID names the token that was shown; it is not the token.
	TokenID string `json:"token_id,omitempty"`
	// Grants are the roles held, a namespace each.
	Grants []Grant `json:"grants"`
	// Remote is the peer's address as seen by the server.
	Remote string `json:"remote,omitempty"`
}

// Grant is one role in one namespace; namespace "*" is all of them.
type Grant struct {
	Role      string `json:"role"`
	Namespace string `json:"namespace"`
}

// The only values that travel in a context: identity, reason and request id
// (and the logger, see internal/logging).
type (
	identityKey  struct{}
	reasonKey    struct{}
	requestIDKey struct{}
)

// WithIdentity returns a context that carries id.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom gives the identity of the request; false where there is none.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// WithReason returns a context that carries why a change is made.
func WithReason(ctx context.Context, reason string) context.Context {
	return context.WithValue(ctx, reasonKey{}, reason)
}

// Reason gives the reason of the change that is applied, or the empty string.
// It is there for Planned.Apply alone: a plan is asked for before the reason is.
func Reason(ctx context.Context) string {
	reason, _ := ctx.Value(reasonKey{}).(string)
	return reason
}

// WithRequestID returns a context that carries the request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID gives the request's id, or the empty string.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
