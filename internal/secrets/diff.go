package secrets

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// State is how the two sides of a diff stand to each other.
type State string

// The states. Equal is no drift; Unknown leaves the question open; all others
// are drift.
const (
	Equal        State = "equal"
	Different    State = "different"
	MissingLeft  State = "missing-left"
	MissingRight State = "missing-right"
	// Unknown: a side can't be read, and aictl never wrote it; or the caller may
	// not even look whether it is there.
	Unknown State = "unknown"
	// Changed: somebody else wrote a side since aictl last did.
	Changed State = "changed"
)

// Drift reports whether the sides are known not to agree. A write of somebody
// else into a store that can't be read is drift: what stands there is no
// longer what was put there.
func (s State) Drift() bool { return s != Equal && s != Unknown }

// Difference is one name on both sides.
type Difference struct {
	Name        string
	Left, Right Ref
	State       State
	// Reason says in one line how it is known.
	Reason string
	// LeftPrint and RightPrint are the fingerprints as far as they are known.
	LeftPrint, RightPrint Fingerprint
	// LeftVersion and RightVersion are the stores' current versions.
	LeftVersion, RightVersion string
	LeftUpdated, RightUpdated time.Time
	leftSide, rightSide       side
}

// side is what is known of one secret.
type side struct {
	ref     Ref
	info    *Info // nil: it is not there
	print   Fingerprint
	read    bool // the print is of the value that is there now
	changed bool // somebody else wrote it since our last write
	written bool // aictl wrote it once
	why     string
}

// readers bounds how many secrets are read at once.
const readers = 8

// Diff compares two secrets or two folders, by fingerprint. What the caller may
// not look at is unknown, and the reason says which permission is missing.
func (s *Stores) Diff(ctx context.Context, left, right Ref, names Names, prefix string) ([]Difference, error) {
	return s.diff(ctx, left, right, names, prefix, func(ctx context.Context, p pair) (Difference, error) {
		d, err := s.compare(ctx, p)
		if fail.CodeOf(err) == fail.Forbidden {
			d.State, d.Reason, err = Unknown, fail.From(err).Error(), nil
		}
		return d, err
	})
}

func (s *Stores) diff(ctx context.Context, left, right Ref, names Names, prefix string, compare func(context.Context, pair) (Difference, error)) ([]Difference, error) {
	m, leftStore, rightStore, err := s.mapped(ctx, left, right, names, prefix)
	if err != nil {
		return nil, err
	}
	pairs, err := s.pairs(ctx, m, leftStore, rightStore)
	if err != nil {
		return nil, err
	}
	out, errs := make([]Difference, len(pairs)), make([]error, len(pairs))
	slots := make(chan struct{}, readers)
	var wg sync.WaitGroup
	for i, p := range pairs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i], errs[i] = compare(ctx, p)
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	return out, nil
}

func (s *Stores) mapped(ctx context.Context, left, right Ref, names Names, prefix string) (*mapping, Store, Store, error) {
	leftStore, err := s.Store(ctx, left.Store)
	if err != nil {
		return nil, nil, nil, err
	}
	rightStore, err := s.Store(ctx, right.Store)
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := newMapping(left, right, rightStore.Kind(), names, prefix)
	if err != nil {
		return nil, nil, nil, err
	}
	for ref, st := range map[Ref]Store{left: leftStore, right: rightStore} {
		if !isFolder(ref) {
			if err := st.Check(ref.Path); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return m, leftStore, rightStore, nil
}

func (s *Stores) pairs(ctx context.Context, m *mapping, left, right Store) ([]pair, error) {
	if !isFolder(m.from) {
		return m.pairs(nil, nil)
	}
	if m.from.Path == "" && m.to.Path == "" && m.from.Store == m.to.Store {
		return nil, fail.New(fail.Usage, "a store is not compared with itself")
	}
	l, err := paths(ctx, left, m.from.Path)
	if err != nil {
		return nil, err
	}
	r, err := paths(ctx, right, m.to.Path)
	if err != nil {
		return nil, err
	}
	return m.pairs(l, r)
}

func paths(ctx context.Context, st Store, prefix string) ([]string, error) {
	infos, err := st.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(infos))
	for _, i := range infos {
		if strings.HasPrefix(i.Path, prefix) && i.Deletion.IsZero() {
			out = append(out, i.Path)
		}
	}
	return out, nil
}

// compare fails with Forbidden where a side may not be looked at: who is about
// to write there must not take that for anything else.
func (s *Stores) compare(ctx context.Context, p pair) (Difference, error) {
	d := Difference{Name: p.name, Left: p.left, Right: p.right}
	var err error
	if d.leftSide, err = s.look(ctx, p.left); err != nil {
		return d, err
	}
	if d.rightSide, err = s.look(ctx, p.right); err != nil {
		return d, err
	}
	l, r := d.leftSide, d.rightSide
	d.LeftPrint, d.RightPrint = l.print, r.print
	if l.info != nil {
		d.LeftVersion, d.LeftUpdated = l.info.Version, l.info.Updated
	}
	if r.info != nil {
		d.RightVersion, d.RightUpdated = r.info.Version, r.info.Updated
	}
	d.State, d.Reason = judge(l, r)
	return d, nil
}

// judge is the whole table of states.
func judge(l, r side) (State, string) {
	switch {
	case l.info == nil && r.info == nil:
		return MissingLeft, "it is on neither side"
	case l.info == nil:
		return MissingLeft, "only the right side has it"
	case r.info == nil:
		return MissingRight, "only the left side has it"
	case l.read && r.read && l.print == r.print:
		return Equal, "both values were read"
	}
	for _, x := range []side{l, r} { // a write of somebody else explains the rest
		if x.changed {
			return Changed, x.why
		}
	}
	for _, x := range []side{l, r} {
		if !x.read && !x.written {
			return Unknown, x.why
		}
	}
	reason := "both values were read"
	for _, x := range []side{l, r} {
		if !x.read {
			reason = x.why
		}
	}
	if l.print == r.print {
		return Equal, reason
	}
	return Different, reason
}

// look finds out what can be known of one secret: from the store where it can
// be read, else from the ledger.
func (s *Stores) look(ctx context.Context, r Ref) (side, error) {
	out := side{ref: r}
	if r.Path == "" { // not on this side
		return out, nil
	}
	st, err := s.at(ctx, r)
	if err != nil {
		return out, err
	}
	entry, err := s.last(ctx, r)
	if err != nil {
		return out, err
	}
	if entry != nil && entry.Action == "delete" {
		entry = nil
	}
	why := "its store can't be read"
	if st.Capabilities().Readable {
		v, info, err := s.Get(ctx, r, "")
		switch fail.CodeOf(err) { //nolint:exhaustive // every other code is a failure
		case fail.OK:
			out.info, out.print, out.read, out.written = info, s.print.Of(v), true, entry != nil
			v.Close()
			if entry != nil && entry.Fingerprint != out.print {
				out.changed, out.why = true, r.String()+" was changed outside since "+stamp(entry.At)
			}
			return out, nil
		case fail.NotFound:
			return out, nil
		case fail.Forbidden, fail.Refused:
			why = "its value may not be read"
		default:
			return out, err
		}
	}
	info, err := st.Stat(ctx, r.Path)
	if fail.CodeOf(err) == fail.NotFound {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.info = info
	switch {
	case entry == nil:
		out.why = r.String() + ": " + why + ", and aictl never wrote it"
	case !sameWrite(entry, info):
		out.written, out.changed = true, true
		out.why = r.String() + " was changed outside since " + stamp(entry.At)
	default:
		out.written, out.print = true, entry.Fingerprint
		out.why = r.String() + ": " + why + "; aictl wrote it on " + stamp(entry.At)
	}
	return out, nil
}

// sameWrite reports whether what stands in the store is what we wrote: by the
// store's version where it has one, else by its own time of the last write.
func sameWrite(e *Entry, info *Info) bool {
	if e.Version != "" && info.Version != "" {
		return e.Version == info.Version
	}
	return !info.Updated.After(e.Updated)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
