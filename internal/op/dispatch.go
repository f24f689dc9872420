package op

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/aictl/aictl/internal/fail"
)

// Policy is what dispatch asks before and after it runs an operation. Every
// func may be nil but Authorize, without which everything is forbidden.
type Policy struct {
	// Authorize says whether the identity may run the operation in the
	// namespace. It returns an Auth or Forbidden error.
	Authorize func(ctx context.Context, id Identity, s *Spec, namespace string) error
	// ReadOnly refuses every mutation while it returns true.
	ReadOnly func() bool
	// Protected reports whether a plan's target demands the typed name and a
	// reason.
	Protected func(ctx context.Context, p Plan) bool
	// Begin records the intent of a mutation before it runs; the returned
	// function records its outcome. If Begin fails the mutation does not run.
	Begin func(ctx context.Context, r Record) (finish func(ctx context.Context, outcome error) error, err error)
	// MaxBody bounds a request's body, in bytes; 0 is 8 MiB.
	MaxBody int64
}

// AllowAll authorizes everybody, for a handler that only its own process
// reaches.
func AllowAll(context.Context, Identity, *Spec, string) error { return nil }

// Record is what the audit keeps of a mutation.
type Record struct {
	Operation string
	Target    string
	Reason    string
	Effect    Effect
	Identity  Identity
	RequestID string
	// Input is the request's input with secret members removed.
	Input json.RawMessage
}

func (p Policy) withDefaults() Policy {
	if p.Authorize == nil {
		p.Authorize = func(context.Context, Identity, *Spec, string) error {
			return fail.New(fail.Forbidden, "no policy is configured")
		}
	}
	if p.MaxBody == 0 {
		p.MaxBody = 8 << 20
	}
	return p
}

// call is one request that passed admission.
type call[In any] struct {
	ctx context.Context
	req *http.Request
	in  In
	id  Identity
}

// serve is dispatch: authorise → validate → guard → audit → run, in one place
// for every face.
func serve[In any](r *Registry, s *Spec, run func(http.ResponseWriter, *call[In]) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := admit(r, s, w, req, run); err != nil {
			fail.SetRetryAfter(w.Header(), err)
			fail.WriteProblem(w, fail.From(err).WithRequest(RequestID(req.Context())))
		}
	})
}

func admit[In any](r *Registry, s *Spec, w http.ResponseWriter, req *http.Request, run func(http.ResponseWriter, *call[In]) error) error {
	ctx := req.Context()
	id, known := IdentityFrom(ctx)
	if !known && !s.Public {
		return fail.New(fail.Auth, "not signed in").Hint("aictl login")
	}
	c := &call[In]{ctx: ctx, req: req, id: id}
	// The body is read to its end before anything is answered: net/http closes
	// it under a stream that starts early (golang/go#40747).
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, r.policy.MaxBody))
	if err != nil {
		return bodyError(err, r.policy.MaxBody)
	}
	// Authorise before decoding is examined, so that nobody learns the form of
	// what they may not call; the namespace is the only member looked at.
	decodeErr := decode(s, req, body, &c.in)
	if !s.Public {
		if err := r.policy.Authorize(ctx, id, s, namespaceOf(&c.in)); err != nil {
			return err
		}
	}
	if decodeErr != nil {
		return decodeErr
	}
	if err := Validate(&c.in); err != nil {
		return err
	}
	if s.Effect.Mutates() && r.policy.ReadOnly != nil && r.policy.ReadOnly() && req.Header.Get(headerDryRun) == "" {
		return fail.New(fail.Refused, "the server is read-only: %s is refused", s.ID)
	}
	if s.Audited && !s.Effect.Mutates() {
		return audited(r, c, s, Plan{Target: targetOf(&c.in)}, func(ctx context.Context) error {
			c.ctx = ctx
			return run(w, c)
		})
	}
	return run(w, c)
}

// applyPlanned guards and audits, then executes the plan and nothing else.
func applyPlanned[In, Out any](r *Registry, c *call[In], p Planned[Out]) (out Out, err error) {
	if want := header(c.req, headerPlan); want != "" && want != p.Plan.Digest {
		return out, fail.New(fail.Refused, "plan is stale: %s changed since the plan was shown", p.Plan.Target).
			Hint("run the command again and read the new plan")
	}
	if r.policy.Protected != nil && r.policy.Protected(c.ctx, p.Plan) {
		if header(c.req, headerConfirm) != p.Plan.Target || header(c.req, headerReason) == "" {
			return out, fail.New(fail.Refused, "%s is protected: type its name and give a reason", p.Plan.Target).
				Hint("repeat with --reason")
		}
	}
	s := &Spec{ID: p.Plan.Operation, Effect: p.Plan.Effect}
	err = audited(r, c, s, p.Plan, func(ctx context.Context) error {
		out, err = p.Apply(WithReason(ctx, header(c.req, headerReason)))
		return err
	})
	return out, err
}

// audited runs f between the record of its intent and that of its outcome. It
// fails closed: without the first record nothing runs.
func audited[In any](r *Registry, c *call[In], s *Spec, p Plan, f func(context.Context) error) error {
	if r.policy.Begin == nil {
		return f(c.ctx)
	}
	finish, err := r.policy.Begin(c.ctx, Record{
		Operation: s.ID, Target: p.Target, Reason: header(c.req, headerReason), Effect: s.Effect,
		Identity: c.id, RequestID: RequestID(c.ctx), Input: withoutSecrets(&c.in),
	})
	if err != nil {
		return fail.Wrap(fail.Unavailable, err, "the audit record cannot be written, so nothing was done").
			Hint("aictl doctor")
	}
	outcome := f(c.ctx)
	// The outcome is recorded even when the caller has gone.
	if err := finish(context.WithoutCancel(c.ctx), outcome); err != nil {
		return errors.Join(outcome, fail.Wrap(fail.Internal, err, "recording the outcome"))
	}
	return outcome
}

func header(req *http.Request, name string) string {
	v, err := url.PathUnescape(req.Header.Get(name))
	if err != nil {
		return req.Header.Get(name)
	}
	return v
}

func bodyError(err error, limit int64) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return fail.New(fail.TooLarge, "the request's body is over %d bytes", limit)
	}
	return fail.Wrap(fail.Usage, err, "reading the request's body")
}
