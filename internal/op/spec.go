// Package op is the operation model: everything that aictl can do is declared
// once, as a typed value, and every face (command, HTTP route, OpenAPI entry,
// client call, form, tool) is derived from the declaration.
//
// There are three shapes: Query (in → out), Stream (in → sequence) and Change
// (in → Plan without side effects; applying executes that plan and nothing
// else). Dispatch (dispatch.go) is the one place where a request is
// authorised, validated, guarded, audited and run; the same handler serves the
// network and the in-process transport.
//
// The package imports nothing of ours but fail, knows no noun, keeps no
// package-level state, and registers nothing in init.
package op

import (
	"reflect"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Shape is one of the three forms of an operation.
type Shape string

// The shapes.
const (
	ShapeQuery  Shape = "query"
	ShapeStream Shape = "stream"
	ShapeChange Shape = "change"
)

// Effect says what an operation may do to the world. Read-only refusal,
// permissions and confirmation follow from it.
type Effect string

// The effects, in order of danger. Invoke runs an AI service: it costs
// something but changes no state of the platform, so read-only permits it.
const (
	Read    Effect = "read"
	Invoke  Effect = "invoke"
	Write   Effect = "write"
	Destroy Effect = "destroy"
)

// Mutates reports whether read-only forbids the effect.
func (e Effect) Mutates() bool { return e == Write || e == Destroy }

// Example is one command line that help shows and a test executes.
type Example struct {
	Command string `json:"command"`
	Note    string `json:"note"`
}

// Spec is what is declared of an operation besides its types.
type Spec struct {
	// ID is noun.verb ("services.list"). The noun is the permission's subject
	// and, unless Command says otherwise, the CLI group.
	ID string `json:"id"`
	// Route is a net/http pattern: "GET /api/v1/services/{name}".
	Route string `json:"route"`
	// Command is the command path where it is not the ID's words; "-" is none.
	Command string `json:"command,omitempty"`
	// Summary is one imperative line without a full stop.
	Summary string `json:"summary"`
	// Doc is the longer help text.
	Doc string `json:"doc,omitempty"`
	// Examples go from plain to clever; at least two.
	Examples []Example `json:"examples"`
	// Effect decides read-only, permission and confirmation.
	Effect Effect `json:"effect"`
	// Server marks operations that only a control plane can answer.
	Server bool `json:"server"`
	// Idempotent operations may be sent twice by the client's retry.
	Idempotent bool `json:"idempotent"`
	// Public operations need no identity.
	Public bool `json:"public,omitempty"`
	// Audited reads are recorded as mutations are (secret values).
	Audited bool `json:"audited,omitempty"`
	// Errors are the codes that a caller should expect besides those that any
	// operation can give.
	Errors []fail.Code `json:"errors"`
}

// Describe returns the spec; it is promoted to every declaration.
func (s *Spec) Describe() *Spec { return s }

// Noun is the part of the ID before the first dot.
func (s *Spec) Noun() string { n, _, _ := strings.Cut(s.ID, "."); return n }

// CommandPath is the words of the command; nil where there is none.
func (s *Spec) CommandPath() []string {
	switch s.Command {
	case "-":
		return nil
	case "":
		return strings.Split(s.ID, ".")
	}
	return strings.Fields(s.Command)
}

// Method and Path split the route.
func (s *Spec) Method() string { m, _, _ := strings.Cut(s.Route, " "); return m }

// Path is the route's path with its {wildcards}.
func (s *Spec) Path() string { _, p, _ := strings.Cut(s.Route, " "); return p }

// ExitCodes are the codes that the operation's command can end with, without
// repeats, in ascending order of exit code.
func (s *Spec) ExitCodes() []fail.Code {
	common := []fail.Code{
		fail.OK, fail.Failed, fail.Usage, fail.Auth, fail.Canceled, fail.Timeout, fail.Unavailable,
	}
	if s.Effect.Mutates() {
		common = append(common, fail.Refused)
	}
	want := map[fail.Code]bool{}
	for _, c := range append(common, s.Errors...) {
		want[c] = true
	}
	var out []fail.Code
	for _, e := range fail.Table() {
		if want[e.Code] {
			out = append(out, e.Code)
		}
	}
	return out
}

// Declaration is any declared operation, for the faces that walk all of them.
type Declaration interface {
	Describe() *Spec
	Shape() Shape
	InputType() reflect.Type
	// OutputType is the type of the answer, or of one item of a stream.
	OutputType() reflect.Type
}

// Query declares an operation that answers once and changes nothing.
type Query[In, Out any] struct{ Spec }

// Stream declares an operation that answers with a sequence.
type Stream[In, Item any] struct{ Spec }

// Change declares an operation that mutates, by way of a Plan.
type Change[In, Out any] struct{ Spec }

// Shape implements Declaration.
func (*Query[In, Out]) Shape() Shape { return ShapeQuery }

// InputType implements Declaration.
func (*Query[In, Out]) InputType() reflect.Type { return reflect.TypeFor[In]() }

// OutputType implements Declaration.
func (*Query[In, Out]) OutputType() reflect.Type { return reflect.TypeFor[Out]() }

// Shape implements Declaration.
func (*Stream[In, Item]) Shape() Shape { return ShapeStream }

// InputType implements Declaration.
func (*Stream[In, Item]) InputType() reflect.Type { return reflect.TypeFor[In]() }

// OutputType implements Declaration.
func (*Stream[In, Item]) OutputType() reflect.Type { return reflect.TypeFor[Item]() }

// Shape implements Declaration.
func (*Change[In, Out]) Shape() Shape { return ShapeChange }

// InputType implements Declaration.
func (*Change[In, Out]) InputType() reflect.Type { return reflect.TypeFor[In]() }

// OutputType implements Declaration.
func (*Change[In, Out]) OutputType() reflect.Type { return reflect.TypeFor[Out]() }
