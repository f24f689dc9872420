package argv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/op"
)

type input struct {
	Text  string      `json:"text,omitempty" arg:"?TEXT..."`
	Where []string    `json:"where,omitempty"`
	Since op.Duration `json:"since,omitempty" default:"1h"`
	Space string      `json:"namespace,omitempty" flag:"-"`
	From  time.Time   `json:"from,omitzero" flag:"-"`
	Own   string      `json:"own,omitempty" flag:"-"`
	Key   string      `json:"key,omitempty" secret:"true"`
}

func TestOperationAsksTheSame(t *testing.T) {
	s := &op.Spec{ID: "notes.find", Command: "notes"}
	for _, c := range []struct {
		name string
		spec *op.Spec
		in   input
		want string
	}{
		{"nothing is given", s, input{Since: op.Duration(time.Hour)}, "aictl notes"},
		{"flags stand before what is searched for", s, input{Text: "two words", Since: op.Duration(2 * time.Hour), Where: []string{"a", "b;c"}}, `aictl notes --where=a '--where=b;c' --since=2h0m0s -- 'two words'`},
		{"the window and the namespace", s, input{Space: "lab", From: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "aictl notes --namespace=lab --from=2026-01-02T03:04:05Z"},
		{"what has no flag, and secrets, are left out", s, input{Own: "x", Key: "hunter2"}, "aictl notes"},
		{"an argument is never a flag", &op.Spec{ID: "notes.show"}, input{Text: "--server=http://elsewhere"}, "aictl notes show -- --server=http://elsewhere"},
		{"an argument of a command without others below it", &op.Spec{ID: "notes.show"}, input{Text: "x"}, "aictl notes show x"},
		{"no command", &op.Spec{ID: "notes.hid", Command: "-"}, input{Text: "x"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Operation(c.spec, &c.in)) })
	}
}
