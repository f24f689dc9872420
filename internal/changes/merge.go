package changes

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// ID is made of what a change is, so that the same one read again has the same:
// of its source, kind, object and revision, and its time where it has no
// revision.
func ID(c api.Change) string {
	parts := []string{c.Source, c.Kind, c.Namespace, c.Object, c.Revision}
	if c.Revision == "" {
		parts = append(parts, c.Time.Add(time.Duration(c.Skew)).UTC().Format(time.RFC3339Nano), c.Summary)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "chg-" + hex.EncodeToString(sum[:6])
}

// apart is how far two sources may tell the same change apart in time, besides
// how exactly each knows it: an engine takes a moment to do what was asked.
const apart = 5 * time.Second

// Audit is the name of the source that knows who and why, and leaves the what
// to the engines.
const Audit = "audit"

// Merge makes one change of those that two sources tell: the audit record's
// request and the engine's result. The engine's stays, with the actor, the
// reason and the exact time of the record. The list is sorted.
func Merge(list []api.Change) []api.Change {
	list = unique(list)
	taken := make([]bool, len(list))
	for i := range list {
		if list[i].Source != Audit {
			continue
		}
		best, distance := -1, time.Duration(1<<62)
		for j := range list {
			if taken[j] || list[j].Source == Audit || !same(list[i], list[j]) {
				continue
			}
			if d := list[j].Time.Sub(list[i].Time).Abs(); d < distance {
				best, distance = j, d
			}
		}
		if best < 0 {
			continue
		}
		e, a := &list[best], list[i]
		if e.Actor == "" {
			e.Actor = a.Actor
		}
		if e.Reason == "" {
			e.Reason = a.Reason
		}
		if a.Within < e.Within {
			e.Time, e.Within, e.Skew = a.Time, a.Within, a.Skew
		}
		taken[best], taken[i] = true, true
		list[i].ID = "" // told
	}
	list = slices.DeleteFunc(list, func(c api.Change) bool { return c.ID == "" })
	Sort(list)
	return list
}

// same reports whether a record of the audit and an engine's change are one.
func same(a, e api.Change) bool {
	reach := apart + time.Duration(a.Within) + time.Duration(e.Within)
	if e.Time.Sub(a.Time).Abs() > reach || a.Kind != e.Kind {
		return false
	}
	if a.Actor != "" && e.Actor != "" && a.Actor != e.Actor && !strings.HasSuffix(e.Actor, ":"+a.Actor) {
		return false
	}
	if a.Namespace != "" && e.Namespace != "" && a.Namespace != e.Namespace {
		return false
	}
	return a.Object == e.Object || a.Service != "" && a.Service == e.Service
}

// unique drops what was told twice by one source.
func unique(list []api.Change) []api.Change {
	list = slices.Clone(list)
	Sort(list)
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(c api.Change) bool {
		again := seen[c.ID]
		seen[c.ID] = true
		return again
	})
}

// Exact is how exactly a time with whole seconds is known.
const Exact = op.Duration(time.Second)
