// Package keymap is what the keys of the dashboard do. An action is a record;
// the hint line, the help page, docs/keys.md and the remapping all come from
// the same records, so that none can disagree.
package keymap

import (
	"sort"
	"strings"

	"charm.land/bubbles/v2/key"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
)

// Action is one thing that a key does.
type Action struct {
	// ID is stable: "alerts.ack", "list.down", "window.back". A person's
	// settings name it.
	ID string
	// Keys are the default keys, as Bubble Tea spells them: "a", "ctrl+k",
	// "space", "shift+tab".
	Keys []string
	// Short is a word or two for the hint line; Help a sentence for the page.
	Short, Help string
	// Disabled says why the action cannot be done now; empty where it can.
	Disabled string
	// Quiet leaves it out of the hint line.
	Quiet bool
}

// Map knows which keys a person wants for which action. The zero value is the
// defaults.
type Map struct{ over map[string][]string }

// New checks the overrides (action id → keys) against the actions that exist.
func New(over map[string][]string, known []Action) (*Map, error) {
	ids := map[string]bool{}
	names := make([]string, 0, len(known))
	for _, a := range known {
		ids[a.ID] = true
		names = append(names, a.ID)
	}
	for id := range over {
		if !ids[id] {
			e := fail.New(fail.Usage, "keys: there is no action %q", id)
			if near, ok := nearest.Of(id, names); ok {
				return nil, e.Hint("did you mean %s? docs/keys.md lists all", near)
			}
			return nil, e.Hint("docs/keys.md lists all")
		}
	}
	return &Map{over: over}, nil
}

// Keys gives the keys of an action.
func (m *Map) Keys(a Action) []string {
	if m != nil {
		if keys, ok := m.over[a.ID]; ok {
			return keys
		}
	}
	return a.Keys
}

// Binding is the action as Bubbles has it.
func (m *Map) Binding(a Action) key.Binding {
	keys := m.Keys(a)
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(Shown(keys), a.Short))
}

// Find gives the first of the actions that the key belongs to.
func (m *Map) Find(pressed string, actions []Action) (Action, bool) {
	for _, a := range actions {
		if key.Matches(name(pressed), m.Binding(a)) {
			return a, true
		}
	}
	return Action{}, false
}

// name is a key by its name.
type name string

func (n name) String() string { return string(n) }

// Conflicts names keys that two of the actions of one scope claim.
func (m *Map) Conflicts(actions []Action) []string {
	owner := map[string]string{}
	var out []string
	for _, a := range actions {
		for _, k := range m.Keys(a) {
			if other, taken := owner[k]; taken && other != a.ID {
				out = append(out, k+": "+other+" and "+a.ID)
			}
			owner[k] = a.ID
		}
	}
	sort.Strings(out)
	return out
}

// Shown is how a key is written for people.
func Shown(keys []string) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		switch k {
		case "up":
			out[i] = "↑"
		case "down":
			out[i] = "↓"
		case "left":
			out[i] = "←"
		case "right":
			out[i] = "→"
		default:
			out[i] = k
		}
	}
	return strings.Join(out, "/")
}
