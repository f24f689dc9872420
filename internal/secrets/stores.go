package secrets

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Named is a store under the name that references use. Open is called at the
// first use, and again after a failure.
type Named struct {
	Name, Kind string
	// Implicit stores are in no configuration: they are there for whoever names
	// them, and a list of all stores leaves them out.
	Implicit bool
	Open     func(ctx context.Context) (Store, error)
}

// Config is what New needs.
type Config struct {
	Stores []Named
	// Key is the installation's secret for fingerprints, 16 bytes or more.
	Key []byte
	// Ledger and Journal keep what must outlive the process.
	Ledger  Ledger
	Journal Journal
	// Consumers finds and restarts what uses a secret; nil knows of none.
	Consumers Consumers
	// Gate judges an expression after a rotation; nil refuses --verify.
	Gate Gate
	// MaxAge is how old a value may be before its rotation is overdue, where
	// no tag of the secret says otherwise; 0 is any age.
	MaxAge time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Stores are the stores of one installation and what is done with them. It is
// safe for concurrent use.
type Stores struct {
	c     Config
	print *Fingerprinter

	mu   sync.Mutex // guards open
	open map[string]Store
}

// New checks the names and the key. It opens no store.
func New(c Config) (*Stores, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ledger == nil {
		c.Ledger = &MemoryLedger{}
	}
	if c.Journal == nil {
		c.Journal = &MemoryJournal{}
	}
	f, err := NewFingerprinter(c.Key)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, n := range c.Stores {
		if !ValidStoreName(n.Name) {
			return nil, fail.New(fail.Usage, "%q is no name for a store: lower case letters, digits and dashes", n.Name)
		}
		if seen[n.Name] {
			return nil, fail.New(fail.Usage, "two stores have the name %s", n.Name)
		}
		seen[n.Name] = true
	}
	return &Stores{c: c, print: f, open: map[string]Store{}}, nil
}

// Names lists the stores, in the order of the configuration.
func (s *Stores) Names() []Named { return slices.Clone(s.c.Stores) }

// Store opens the store of the name.
func (s *Stores) Store(ctx context.Context, name string) (Store, error) {
	i := slices.IndexFunc(s.c.Stores, func(n Named) bool { return n.Name == name })
	if i < 0 {
		return nil, s.unknown(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.open[name]; st != nil {
		return st, nil
	}
	st, err := s.c.Stores[i].Open(ctx)
	if err != nil {
		return nil, err
	}
	s.open[name] = st
	return st, nil
}

func (s *Stores) unknown(name string) error {
	var names []string
	for _, n := range s.c.Stores {
		names = append(names, n.Name)
	}
	if len(names) == 0 {
		return fail.New(fail.Unavailable, "no store of secrets is configured").Hint("aictl help config")
	}
	e := fail.New(fail.NotFound, "there is no store %q here; there are: %s", name, strings.Join(names, ", "))
	if name == DefaultStore {
		return e.Hint("the vault belongs to a control plane: aictl up, or name another store")
	}
	return e.Hint("references are STORE:PATH; aictl secrets list")
}

// at opens the store of a reference and checks the path's form.
func (s *Stores) at(ctx context.Context, r Ref) (Store, error) {
	st, err := s.Store(ctx, r.Store)
	if err != nil {
		return nil, err
	}
	return st, st.Check(r.Path)
}

// FingerprintOf gives a value's fingerprint in this installation.
func (s *Stores) FingerprintOf(v Value) Fingerprint { return s.print.Of(v) }

// Stat describes the secret.
func (s *Stores) Stat(ctx context.Context, r Ref) (*Info, error) {
	st, err := s.at(ctx, r)
	if err != nil {
		return nil, err
	}
	return st.Stat(ctx, r.Path)
}

// Get gives a version's value, of the current one where version is empty; a
// member's alone where the reference names one. The caller closes it.
func (s *Stores) Get(ctx context.Context, r Ref, version string) (Value, *Info, error) {
	st, err := s.at(ctx, r)
	if err != nil {
		return Value{}, nil, err
	}
	v, info, err := st.Get(ctx, r.Path, version)
	if err != nil || r.Member == "" {
		return v, info, err
	}
	defer v.Close()
	m, err := memberOf(v, r.Member)
	return m, info, err
}

// Write is a write as the ledger records it.
type Write struct {
	Action, By, Reason string
	PutOptions
}

// Put writes a value, or one member of it, and records it in the ledger.
// Writing a member reads the object, changes it and writes it on condition
// that nobody else did; its members then come in the order of their names.
func (s *Stores) Put(ctx context.Context, r Ref, v Value, w Write) (*Info, error) {
	st, err := s.at(ctx, r)
	if err != nil {
		return nil, err
	}
	w.Actor = w.By
	whole := v
	if r.Member != "" {
		old, info, err := st.Get(ctx, r.Path, "")
		switch {
		case fail.CodeOf(err) == fail.NotFound:
			old = NewValue([]byte("{}"))
			w.IfAbsent = true
		case err != nil:
			return nil, err
		case w.IfAbsent:
			if _, err := memberOf(old, r.Member); err == nil {
				old.Close()
				return nil, fail.New(fail.Conflict, "%s exists already", r)
			}
			w.IfAbsent, w.IfVersion = false, info.Version
		case w.IfVersion == "":
			w.IfVersion = info.Version
		}
		whole, err = withMember(old, r.Member, v)
		old.Close()
		if err != nil {
			return nil, err
		}
		defer whole.Close()
	}
	info, err := st.Put(ctx, r.Path, whole, w.PutOptions)
	if err != nil {
		return nil, err
	}
	if w.Staged { // nobody reads it yet
		return info, nil
	}
	return info, s.record(ctx, r, v, whole, info, w)
}

// record notes a write that happened. The ledger's failure does not undo it:
// what is not noted is taken for somebody else's write, which errs on the
// side of saying too much.
func (s *Stores) record(ctx context.Context, r Ref, v, whole Value, info *Info, w Write) error {
	e := Entry{
		Ref: r.String(), Action: w.Action, Fingerprint: s.print.Of(v), Version: info.Version, Updated: info.Updated,
		By: w.By, Reason: w.Reason, At: s.c.Now().UTC(),
	}
	err := s.c.Ledger.Record(ctx, e)
	if err == nil && r.Member != "" {
		r.Member = ""
		e.Ref, e.Fingerprint = r.String(), s.print.Of(whole)
		err = s.c.Ledger.Record(ctx, e)
	}
	if err != nil {
		return fail.Wrap(fail.Failed, err, "%s is written, but the ledger could not note it", r).
			Hint("aictl secrets diff will call it changed; set it again once the ledger can be written")
	}
	return nil
}

// Delete removes a secret, or one member of it.
func (s *Stores) Delete(ctx context.Context, r Ref, o DeleteOptions, w Write) error {
	st, err := s.at(ctx, r)
	if err != nil {
		return err
	}
	if r.Member != "" {
		return s.deleteMember(ctx, st, r, o, w)
	}
	if err := st.Delete(ctx, r.Path, o); err != nil {
		return err
	}
	return s.c.Ledger.Record(ctx, Entry{Ref: r.String(), Action: "delete", By: w.By, Reason: w.Reason, At: s.c.Now().UTC()})
}

func (s *Stores) deleteMember(ctx context.Context, st Store, r Ref, o DeleteOptions, w Write) error {
	old, info, err := st.Get(ctx, r.Path, "")
	if err != nil {
		return err
	}
	defer old.Close()
	rest, err := withoutMember(old, r.Member)
	if err != nil {
		return err
	}
	defer rest.Close()
	version := info.Version
	if o.IfVersion != "" {
		version = o.IfVersion
	}
	info, err = st.Put(ctx, r.Path, rest, PutOptions{IfVersion: version, Actor: w.By, Reason: w.Reason})
	if err != nil {
		return err
	}
	at := s.c.Now().UTC()
	if err := s.c.Ledger.Record(ctx, Entry{Ref: r.String(), Action: "delete", By: w.By, Reason: w.Reason, At: at}); err != nil {
		return err
	}
	r.Member = ""
	return s.c.Ledger.Record(ctx, Entry{
		Ref: r.String(), Action: "set", Fingerprint: s.print.Of(rest), Version: info.Version, Updated: info.Updated, By: w.By, Reason: w.Reason, At: at,
	})
}

// last is the newest entry about the reference, or nil.
func (s *Stores) last(ctx context.Context, r Ref) (*Entry, error) {
	entries, err := s.c.Ledger.Entries(ctx, r.String(), 1)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return &entries[0], nil
}

// Uses gives which workloads refer to the secrets; false where no engine of
// workloads is known.
func (s *Stores) Uses(ctx context.Context, refs []Ref) ([]Use, bool, error) {
	if s.c.Consumers == nil {
		return nil, false, nil
	}
	uses, err := s.c.Consumers.Find(ctx, refs)
	return uses, true, err
}

// TagMaxAge is the tag that says how old a value may be ("90d").
const TagMaxAge = "max-age"

// Age judges a secret's age: when its value was last changed, how old it may
// be (0 is any age), and whether it is overdue.
func (s *Stores) Age(i *Info) (rotated time.Time, most time.Duration, overdue bool) {
	rotated, most = i.Rotated, s.c.MaxAge
	if rotated.IsZero() || i.Updated.After(rotated) {
		rotated = i.Updated
	}
	if d, ok := days(i.Tags[TagMaxAge]); ok {
		most = d
	}
	now := s.c.Now()
	overdue = most > 0 && !rotated.IsZero() && now.Sub(rotated) > most || !i.NextRotation.IsZero() && now.After(i.NextRotation)
	return rotated, most, overdue
}

// days reads a duration with days ("90d", "12h").
func days(s string) (time.Duration, bool) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		x, err := strconv.ParseUint(n, 10, 16)
		return time.Duration(x) * 24 * time.Hour, err == nil && x > 0 //nolint:gosec // 16 bits
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d > 0
}

// History gives the versions that the store keeps, the newest first (the
// current one alone where it keeps none), and what the ledger knows of writes.
func (s *Stores) History(ctx context.Context, r Ref, limit int) ([]Version, []Entry, error) {
	st, err := s.at(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	var versions []Version
	if v, ok := st.(Versioner); ok {
		if versions, err = v.History(ctx, r.Path); err != nil {
			return nil, nil, err
		}
	} else {
		info, err := st.Stat(ctx, r.Path)
		if err != nil {
			return nil, nil, err
		}
		versions = []Version{{Version: info.Version, Created: info.Updated, By: info.By, Current: true}}
	}
	entries, err := s.c.Ledger.Entries(ctx, r.String(), limit)
	return versions[:min(limit, len(versions))], entries, err
}

// UnknownKind is the error of a configuration with a kind that there is not.
func UnknownKind(name, kind string) error {
	return fail.New(fail.Usage, "the store %s is of the kind %q, which there is not", name, kind).Hint("kinds are aws and github; the vault and kubernetes come by themselves")
}
