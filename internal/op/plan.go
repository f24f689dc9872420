package op

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
)

// Plan says what a Change would do, before it does it.
type Plan struct {
	// Operation is the ID of the change.
	Operation string `json:"operation"`
	// Target names the object; it is what a person types to confirm.
	Target string `json:"target"`
	// Summary is one line for the confirmation.
	Summary string `json:"summary"`
	// Effect is write or destroy.
	Effect Effect `json:"effect"`
	// Steps are what will be done, in order. None means nothing to do.
	Steps []Step `json:"steps"`
	// Notes are what else is worth knowing before it is confirmed. They may
	// change while the plan is read, and take no part in the digest.
	Notes []string `json:"notes,omitempty"`
	// Digest identifies this plan; applying with it refuses a plan that would
	// be different now.
	Digest string `json:"digest"`
}

// Step is one action of a plan.
type Step struct {
	Action string `json:"action"` // create, update, delete, start, stop, …
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"`
}

// Planned is what a change's handler returns: the plan, and the function that
// executes it and nothing else.
type Planned[Out any] struct {
	Plan  Plan
	Apply func(ctx context.Context) (Out, error)
}

// seal fills in what follows from the declaration and computes the digest
// over the plan and the input that it was made from, without the input's
// secret members: a digest is shown, and a hash of a short secret gives it
// away. A handler of such an input puts a keyed fingerprint of the secret into
// its plan.
func (p *Plan) seal(s *Spec, input []byte) error {
	p.Operation, p.Digest = s.ID, ""
	if p.Effect == "" {
		p.Effect = s.Effect
	}
	if p.Steps == nil {
		p.Steps = []Step{}
	}
	sealed := *p
	sealed.Notes = nil
	body, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	h := sha256.New()
	h.Write(body)
	h.Write([]byte{0})
	h.Write(input)
	p.Digest = hex.EncodeToString(h.Sum(nil)[:16])
	return nil
}

// ApplyOptions go with the request that applies a change.
type ApplyOptions struct {
	// Digest is that of the plan that was shown. Empty applies whatever the
	// plan is now.
	Digest string
	// Reason lands in the audit record.
	Reason string
	// Confirm is the name that the person typed, where the server protects the
	// object.
	Confirm string
}

// The headers of a change's request.
const (
	headerDryRun  = "Aictl-Dry-Run"
	headerPlan    = "Aictl-Plan"
	headerReason  = "Aictl-Reason"
	headerConfirm = "Aictl-Confirm"
)

// IsDryRun reports whether the request only asks for a plan.
func IsDryRun(req *http.Request) bool { return req.Header.Get(headerDryRun) != "" }
