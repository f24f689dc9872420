// Package vault is the control plane's own store of secrets: every version is
// sealed by age (age-encryption.org/v1) before it reaches the database, under
// one key that lives in the operating system's keyring or in a 0600 file.
//
// It promises that the database alone tells names, times and lengths, and no
// value; that a record which was changed, cut or put in another one's place is
// refused; that a wrong or missing key is a clear error that harms nothing;
// and that what was acknowledged is durable. Whoever holds both the key and
// the database holds the values. Somebody who can write the database can put
// an older state of it back whole: the audit and the ledger show that, the
// vault itself can't.
package vault

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// Head is a secret as the rows describe it.
type Head struct {
	Name    string
	Current int64 // 0: it was deleted; the count goes on
	Last    int64 // the newest version that ever was
	Created time.Time
	Updated time.Time // when the current version became current
	By      string
	Tags    map[string]string
}

// Row is one version.
type Row struct {
	Version int64
	Created time.Time
	By      string
	Token   string
	Pending bool // never was current
	Revoked bool // Sealed is empty
	Sealed  []byte
}

// Rows keep what the vault seals (internal/store does). Implementations are
// safe for concurrent use of several processes.
type Rows interface {
	// KeyID gives the ID of the key that seals, and notes id where there is
	// none yet.
	KeyID(ctx context.Context, id string) (string, error)
	// Sealed reports whether there is anything sealed at all.
	Sealed(ctx context.Context) (bool, error)
	// Heads gives the secrets under a prefix that are not deleted, by name,
	// limit at most.
	Heads(ctx context.Context, prefix string, limit int) ([]Head, error)
	// Head gives one, also a deleted one; nil where there never was one.
	Head(ctx context.Context, name string) (*Head, error)
	// Versions gives all versions of a secret without Sealed, the newest
	// first.
	Versions(ctx context.Context, name string) ([]Row, error)
	// Version gives one, or nil.
	Version(ctx context.Context, name string, version int64) (*Row, error)
	// Change calls f with the head (nil where there is none) and the versions
	// (the newest first, without Sealed) in one transaction that no other
	// change of this name can come between, and does what it returns.
	Change(ctx context.Context, name string, f func(h *Head, versions []Row) (*Edit, error)) error
}

// Edit is what a change does: the new head, versions to add or replace, and
// versions to drop. Of a replaced version only the flags change, and Sealed is
// emptied where it is revoked.
type Edit struct {
	Head  Head
	Put   []Row
	Flags []Row
	Drop  []int64
}

// Options are the vault's limits.
type Options struct {
	// Keep is how many versions a secret keeps; 0 is 20, 3 is the least: a
	// rotation needs the old one, the new one and a spare.
	Keep int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Limits of the vault.
const (
	defaultKeep = 20
	maxSecrets  = 10_000
)

// Vault implements secrets.Store and secrets.Versioner.
type Vault struct {
	rows Rows
	key  *Key
	keep int
	now  func() time.Time
}

var (
	_ secrets.Store     = (*Vault)(nil)
	_ secrets.Versioner = (*Vault)(nil)
)

// Open checks that the key is the one that sealed what is there.
func Open(ctx context.Context, rows Rows, key *Key, o Options) (*Vault, error) {
	id, err := rows.KeyID(ctx, key.ID())
	if err != nil {
		return nil, err
	}
	if id != key.ID() {
		return nil, wrongKey()
	}
	v := &Vault{rows: rows, key: key, keep: o.Keep, now: o.Now}
	if v.keep == 0 {
		v.keep = defaultKeep
	}
	v.keep = max(v.keep, 3)
	if v.now == nil {
		v.now = time.Now
	}
	return v, nil
}

// Kind implements secrets.Store.
func (*Vault) Kind() string { return secrets.KindVault }

// Capabilities implements secrets.Store.
func (*Vault) Capabilities() secrets.Capabilities {
	return secrets.Capabilities{Readable: true, Versioned: true, Conditional: true, Tags: true}
}

var form = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@-]*(/[A-Za-z0-9_][A-Za-z0-9._@-]*)*$`)

// Check implements secrets.Store.
func (*Vault) Check(path string) error {
	if len(path) > 512 || !form.MatchString(path) {
		return fail.New(fail.Usage, "that is no path of the vault: words of letters, digits and ._@- with slashes between").
			Hint("vault:app/db-password")
	}
	return nil
}

// List implements secrets.Store.
func (v *Vault) List(ctx context.Context, prefix string) ([]secrets.Info, error) {
	heads, err := v.rows.Heads(ctx, prefix, maxSecrets+1)
	if err != nil {
		return nil, err
	}
	if len(heads) > maxSecrets {
		return nil, fail.New(fail.TooLarge, "there are over %d secrets", maxSecrets).Hint("give a longer prefix")
	}
	out := make([]secrets.Info, len(heads))
	for i := range heads {
		out[i] = info(&heads[i])
	}
	return out, nil
}

func info(h *Head) secrets.Info {
	return secrets.Info{
		Path: h.Name, Version: strconv.FormatInt(h.Current, 10), Created: h.Created, Updated: h.Updated, By: h.By, Tags: h.Tags,
	}
}

// Stat implements secrets.Store.
func (v *Vault) Stat(ctx context.Context, path string) (*secrets.Info, error) {
	h, err := v.head(ctx, path)
	if err != nil {
		return nil, err
	}
	i := info(h)
	return &i, nil
}

func (v *Vault) head(ctx context.Context, path string) (*Head, error) {
	h, err := v.rows.Head(ctx, path)
	if err == nil && (h == nil || h.Current == 0) {
		err = notFound(path)
	}
	return h, err
}

func notFound(path string) error {
	return fail.New(fail.NotFound, "there is no secret vault:%s", path).Hint("aictl secrets list vault:")
}

// Get implements secrets.Store.
func (v *Vault) Get(ctx context.Context, path, version string) (secrets.Value, *secrets.Info, error) {
	h, err := v.head(ctx, path)
	if err != nil {
		return secrets.Value{}, nil, err
	}
	n := h.Current
	if version != "" {
		if n, err = number(version); err != nil {
			return secrets.Value{}, nil, err
		}
	}
	row, err := v.rows.Version(ctx, path, n)
	if err != nil {
		return secrets.Value{}, nil, err
	}
	switch {
	case row == nil:
		return secrets.Value{}, nil, noVersion(path, n)
	case row.Revoked:
		return secrets.Value{}, nil, revoked(path, n)
	}
	value, err := v.key.open(path, n, row.Sealed)
	if err != nil {
		return secrets.Value{}, nil, err
	}
	i := info(h)
	i.Version = strconv.FormatInt(n, 10)
	if n != h.Current {
		i.Updated, i.By = row.Created, row.By
	}
	return value, &i, nil
}

func number(version string) (int64, error) {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 1 {
		return 0, fail.New(fail.Usage, "versions of the vault are numbers from 1 on").Hint("aictl secrets history")
	}
	return n, nil
}

func noVersion(path string, n int64) error {
	return fail.New(fail.NotFound, "vault:%s has no version %d", path, n).Hint("aictl secrets history vault:%s", path)
}

func revoked(path string, n int64) error {
	return fail.New(fail.Refused, "version %d of vault:%s is revoked", n, path).Hint("aictl secrets history vault:%s", path)
}

func conflict(path string, have int64) error {
	return fail.New(fail.Conflict, "vault:%s is at version %d by now", path, have).Hint("look again, and repeat the command")
}

// Put implements secrets.Store.
func (v *Vault) Put(ctx context.Context, path string, value secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	if err := v.Check(path); err != nil {
		return nil, err
	}
	if value.Len() > secrets.MaxValue {
		return nil, fail.New(fail.TooLarge, "the value is over %d KiB", secrets.MaxValue>>10)
	}
	var out secrets.Info
	err := v.rows.Change(ctx, path, func(h *Head, versions []Row) (*Edit, error) {
		now := v.now().UTC()
		e := &Edit{Head: Head{Name: path, Created: now}}
		switch {
		case h == nil || h.Current == 0:
			if o.IfVersion != "" {
				return nil, fail.New(fail.Conflict, "vault:%s is not there any more", path).Hint("repeat the command")
			}
			if h != nil {
				e.Head.Last = h.Last
			}
		case o.IfAbsent:
			return nil, fail.New(fail.Conflict, "vault:%s exists already", path).Hint("aictl secrets get vault:%s", path)
		default:
			e.Head = *h
		}
		if o.Token != "" {
			if i := slices.IndexFunc(versions, func(r Row) bool { return r.Token == o.Token }); i >= 0 {
				return nil, v.again(ctx, path, versions[i], value, e.Head, &out)
			}
		}
		if o.IfVersion != "" && o.IfVersion != strconv.FormatInt(e.Head.Current, 10) {
			return nil, conflict(path, e.Head.Current)
		}
		if o.Staged && e.Head.Current == 0 {
			return nil, fail.New(fail.NotFound, "vault:%s has no version that a new one could wait behind", path)
		}
		e.Head.Last++
		n := e.Head.Last
		sealed, err := v.key.seal(path, n, value)
		if err != nil {
			return nil, err
		}
		e.Put = []Row{{Version: n, Created: now, By: o.Actor, Token: o.Token, Pending: o.Staged, Sealed: sealed}}
		if !o.Staged {
			e.Head.Current, e.Head.Updated, e.Head.By = n, now, o.Actor
		}
		e.Head.Tags = mergeTags(e.Head.Tags, o.Tags)
		e.Drop = v.surplus(versions, e.Head.Current, n)
		out = info(&e.Head)
		out.Version = strconv.FormatInt(n, 10)
		return e, nil
	})
	if err != nil && err != errAgain { //nolint:errorlint // identity: it is our own, and nobody wraps it
		return nil, err
	}
	return &out, nil
}

// errAgain ends a change that has nothing to do.
var errAgain = fail.New(fail.OK, "nothing to do")

// again answers a write that was done before.
func (v *Vault) again(ctx context.Context, path string, r Row, value secrets.Value, h Head, out *secrets.Info) error {
	row, err := v.rows.Version(ctx, path, r.Version)
	if err != nil {
		return err
	}
	if row == nil || row.Revoked {
		return revoked(path, r.Version)
	}
	old, err := v.key.open(path, r.Version, row.Sealed)
	if err != nil {
		return err
	}
	defer old.Close()
	if !old.Equal(value) {
		return fail.New(fail.Conflict, "the token was used for another value of vault:%s", path)
	}
	*out = info(&h)
	out.Version = strconv.FormatInt(r.Version, 10)
	return errAgain
}

// surplus names the versions beyond those that are kept: the oldest first, and
// never the current one or the new one.
func (v *Vault) surplus(versions []Row, current, fresh int64) []int64 {
	var out []int64
	for i := len(versions) - 1; i >= 0 && len(versions)+1-len(out) > v.keep; i-- {
		if n := versions[i].Version; n != current && n != fresh {
			out = append(out, n)
		}
	}
	return out
}

func mergeTags(old, fresh map[string]string) map[string]string {
	out := map[string]string{}
	for k, t := range old {
		out[k] = t
	}
	for k, t := range fresh {
		if t == "" {
			delete(out, k)
			continue
		}
		out[k] = t
	}
	return out
}

// Delete implements secrets.Store. The values are gone at once; the count of
// versions goes on, so that a later secret of the name is not taken for this
// one.
func (v *Vault) Delete(ctx context.Context, path string, o secrets.DeleteOptions) error {
	if err := v.Check(path); err != nil {
		return err
	}
	return v.rows.Change(ctx, path, func(h *Head, versions []Row) (*Edit, error) {
		if h == nil || h.Current == 0 {
			return nil, notFound(path)
		}
		if o.IfVersion != "" && o.IfVersion != strconv.FormatInt(h.Current, 10) {
			return nil, conflict(path, h.Current)
		}
		e := &Edit{Head: Head{Name: path, Last: h.Last, Created: h.Created, Updated: v.now().UTC()}}
		for _, r := range versions {
			e.Drop = append(e.Drop, r.Version)
		}
		return e, nil
	})
}

// History implements secrets.Versioner.
func (v *Vault) History(ctx context.Context, path string) ([]secrets.Version, error) {
	h, err := v.head(ctx, path)
	if err != nil {
		return nil, err
	}
	rows, err := v.rows.Versions(ctx, path)
	if err != nil {
		return nil, err
	}
	out := make([]secrets.Version, len(rows))
	for i, r := range rows {
		out[i] = secrets.Version{
			Version: strconv.FormatInt(r.Version, 10), Created: r.Created, By: r.By, Current: r.Version == h.Current, Revoked: r.Revoked,
		}
		if r.Pending && !r.Revoked {
			out[i].Stages = []string{"pending"}
		}
	}
	return out, nil
}

// Promote implements secrets.Versioner.
func (v *Vault) Promote(ctx context.Context, path, version string) (*secrets.Info, error) {
	n, err := number(version)
	if err != nil {
		return nil, err
	}
	var out secrets.Info
	err = v.rows.Change(ctx, path, func(h *Head, versions []Row) (*Edit, error) {
		r, err := find(path, h, versions, n)
		if err != nil {
			return nil, err
		}
		if r.Revoked {
			return nil, revoked(path, n)
		}
		e := &Edit{Head: *h}
		if h.Current != n {
			e.Head.Current, e.Head.Updated = n, v.now().UTC()
			r.Pending = false
			e.Flags = []Row{r}
		}
		out = info(&e.Head)
		return e, nil
	})
	return &out, err
}

// Revoke implements secrets.Versioner. The sealed value is removed from the
// row; pages that the database has freed may keep it, sealed, until they are
// used again.
func (v *Vault) Revoke(ctx context.Context, path, version string) error {
	n, err := number(version)
	if err != nil {
		return err
	}
	return v.rows.Change(ctx, path, func(h *Head, versions []Row) (*Edit, error) {
		r, err := find(path, h, versions, n)
		if err != nil {
			return nil, err
		}
		if h.Current == n {
			return nil, fail.New(fail.Refused, "version %d of vault:%s is the current one", n, path).Hint("set another value first")
		}
		r.Revoked = true
		return &Edit{Head: *h, Flags: []Row{r}}, nil
	})
}

func find(path string, h *Head, versions []Row, n int64) (Row, error) {
	if h == nil || h.Current == 0 {
		return Row{}, notFound(path)
	}
	i := slices.IndexFunc(versions, func(r Row) bool { return r.Version == n })
	if i < 0 {
		return Row{}, noVersion(path, n)
	}
	return versions[i], nil
}
