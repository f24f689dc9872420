package secretstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// Memory is a store in memory that behaves as one of its kind: only the vault
// and AWS keep versions, and GitHub gives no value back and has neither
// versions nor finer times than seconds.
type Memory struct {
	kind string
	now  func() time.Time
	// Hook is called before (and, where it returned nil, after) every call; its
	// error is the call's. After is true the second time.
	Hook func(call string, after bool) error

	mu      sync.Mutex // guards the rest
	all     map[string]*kept
	denied  map[string]bool
	counter int
}

type kept struct {
	versions []held
	current  int // index; -1: deleted
	created  time.Time
	updated  time.Time
	tags     map[string]string
}

type held struct {
	id      string
	token   string
	value   []byte
	created time.Time
	revoked bool
}

// NewMemory makes an empty store of a kind; now nil is time.Now.
func NewMemory(kind string, now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{kind: kind, now: now, all: map[string]*kept{}, denied: map[string]bool{}}
}

// Open gives the store as a configuration names it: with its versions where
// its kind keeps some.
func (m *Memory) Open() secrets.Named {
	return secrets.Named{Name: m.kind, Kind: m.kind, Open: func(context.Context) (secrets.Store, error) {
		if m.versioned() {
			return &memoryVersions{m}, nil
		}
		return m, nil
	}}
}

func (m *Memory) versioned() bool { return m.kind == secrets.KindVault || m.kind == secrets.KindAWS }

// Deny makes a value unreadable, as a missing permission does: in Kubernetes
// one permission covers the value and everything about it.
func (m *Memory) Deny(path string) { m.mu.Lock(); defer m.mu.Unlock(); m.denied[path] = true }

// Outside writes behind aictl's back.
func (m *Memory) Outside(path, value string) {
	v := secrets.CopyOf([]byte(value))
	defer v.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.put(path, v, secrets.PutOptions{})
}

// Value is what stands there, and Revoked whether a version with the value was
// revoked.
func (m *Memory) Value(path string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.all[path]; k != nil && k.current >= 0 {
		return string(k.versions[k.current].value)
	}
	return ""
}

// Revoked lists the values that were revoked.
func (m *Memory) Revoked(path string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	if k := m.all[path]; k != nil {
		for _, v := range k.versions {
			if v.revoked {
				out = append(out, string(v.value))
			}
		}
	}
	return out
}

// call runs f between the two calls of the hook.
func (m *Memory) call(ctx context.Context, name string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return fail.From(err)
	}
	if m.Hook != nil {
		if err := m.Hook(m.kind+"."+name, false); err != nil {
			return err
		}
	}
	m.mu.Lock()
	err := f()
	m.mu.Unlock()
	if m.Hook != nil && err == nil {
		err = m.Hook(m.kind+"."+name, true)
	}
	return err
}

// Kind implements secrets.Store.
func (m *Memory) Kind() string { return m.kind }

// Capabilities implements secrets.Store.
func (m *Memory) Capabilities() secrets.Capabilities {
	return secrets.Capabilities{
		Readable: m.kind != secrets.KindGitHub, Versioned: m.versioned(), Conditional: m.kind != secrets.KindGitHub, Tags: m.versioned(),
	}
}

// Check implements secrets.Store.
func (m *Memory) Check(path string) error {
	bad := path == "" || len(path) > 500 || strings.Contains(path, "..") || strings.ContainsAny(path, " \x00") || path[0] == '/'
	if m.kind == secrets.KindGitHub {
		last := path[strings.LastIndex(path, "/")+1:]
		bad = bad || last != strings.ToUpper(last) || strings.ContainsAny(last, "-.")
	}
	if bad {
		return fail.New(fail.Usage, "that is no path of %s", m.kind)
	}
	return nil
}

func (m *Memory) version(k *kept) string {
	if m.kind == secrets.KindGitHub {
		return ""
	}
	return k.versions[k.current].id
}

func (m *Memory) info(path string, k *kept) *secrets.Info {
	return &secrets.Info{Path: path, Version: m.version(k), Created: k.created, Updated: k.updated, Tags: k.tags}
}

func (m *Memory) find(path string) (*kept, error) {
	if k := m.all[path]; k != nil && k.current >= 0 {
		return k, nil
	}
	return nil, fail.New(fail.NotFound, "there is no secret %s:%s", m.kind, path)
}

// List implements secrets.Store.
func (m *Memory) List(ctx context.Context, prefix string) ([]secrets.Info, error) {
	out := []secrets.Info{}
	err := m.call(ctx, "list", func() error {
		for path, k := range m.all {
			if k.current >= 0 && strings.HasPrefix(path, prefix) {
				out = append(out, *m.info(path, k))
			}
		}
		slices.SortFunc(out, func(a, b secrets.Info) int { return strings.Compare(a.Path, b.Path) })
		return nil
	})
	return out, err
}

// Stat implements secrets.Store.
func (m *Memory) Stat(ctx context.Context, path string) (out *secrets.Info, err error) {
	err = m.call(ctx, "stat", func() error {
		if m.kind == secrets.KindKubernetes && m.denied[path] {
			return m.forbidden(path)
		}
		k, err := m.find(path)
		if err == nil {
			out = m.info(path, k)
		}
		return err
	})
	return out, err
}

func (m *Memory) forbidden(path string) error {
	return fail.New(fail.Forbidden, "%s:%s may not be read", m.kind, path)
}

// Get implements secrets.Store.
func (m *Memory) Get(ctx context.Context, path, version string) (out secrets.Value, info *secrets.Info, err error) {
	err = m.call(ctx, "get", func() error {
		if m.kind == secrets.KindGitHub {
			return fail.New(fail.Refused, "GitHub gives no value back").Hint("aictl secrets diff")
		}
		if m.kind == secrets.KindKubernetes && m.denied[path] {
			return m.forbidden(path)
		}
		k, err := m.find(path)
		if err != nil {
			return err
		}
		if m.denied[path] {
			return m.forbidden(path)
		}
		v := k.versions[k.current]
		if version != "" {
			i := slices.IndexFunc(k.versions, func(h held) bool { return h.id == version })
			if i < 0 {
				return fail.New(fail.NotFound, "no version %s", version)
			}
			v = k.versions[i]
		}
		if v.revoked {
			return fail.New(fail.Refused, "revoked")
		}
		out, info = secrets.CopyOf(v.value), m.info(path, k)
		info.Version = v.id
		return nil
	})
	if err != nil {
		out.Close()
		return secrets.Value{}, nil, err
	}
	return out, info, nil
}

// Put implements secrets.Store.
func (m *Memory) Put(ctx context.Context, path string, v secrets.Value, o secrets.PutOptions) (out *secrets.Info, err error) {
	if err := m.Check(path); err != nil {
		return nil, err
	}
	if v.Len() > secrets.MaxValue {
		return nil, fail.New(fail.TooLarge, "too large")
	}
	err = m.call(ctx, "put", func() (err error) { out, err = m.put(path, v, o); return err })
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *Memory) put(path string, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	k := m.all[path]
	there := k != nil && k.current >= 0
	switch {
	case o.IfAbsent && there, o.IfVersion != "" && !there:
		return nil, fail.New(fail.Conflict, "it is not as it was")
	case o.Staged && !m.versioned():
		return nil, fail.New(fail.Refused, "no versions")
	}
	if there && o.Token != "" {
		if i := slices.IndexFunc(k.versions, func(h held) bool { return h.token == o.Token }); i >= 0 {
			if string(k.versions[i].value) != string(v.Bytes()) {
				return nil, fail.New(fail.Conflict, "another value")
			}
			out := m.info(path, k)
			out.Version = k.versions[i].id
			return out, nil
		}
	}
	if there && o.IfVersion != "" && m.version(k) != o.IfVersion {
		return nil, fail.New(fail.Conflict, "another version")
	}
	at := m.now().UTC()
	if m.kind == secrets.KindGitHub {
		at = at.Truncate(time.Second)
	}
	if k == nil {
		k = &kept{created: at, current: -1}
		m.all[path] = k
	}
	m.counter++
	k.versions = append(k.versions, held{id: fmt.Sprintf("v%d", m.counter), token: o.Token, value: slices.Clone(v.Bytes()), created: at})
	out := m.info
	if !o.Staged {
		k.current, k.updated = len(k.versions)-1, at
	}
	if len(o.Tags) > 0 {
		tags := map[string]string{}
		for key, t := range k.tags {
			tags[key] = t
		}
		for key, t := range o.Tags {
			tags[key] = t
		}
		k.tags = tags
	}
	i := out(path, k)
	if m.kind != secrets.KindGitHub {
		i.Version = k.versions[len(k.versions)-1].id
	}
	return i, nil
}

// Delete implements secrets.Store.
func (m *Memory) Delete(ctx context.Context, path string, o secrets.DeleteOptions) error {
	return m.call(ctx, "delete", func() error {
		k, err := m.find(path)
		if err != nil {
			return err
		}
		if o.IfVersion != "" && o.IfVersion != m.version(k) {
			return fail.New(fail.Conflict, "another version")
		}
		k.current, k.versions = -1, nil
		return nil
	})
}

// memoryVersions adds the versions.
type memoryVersions struct{ *Memory }

// History implements secrets.Versioner.
func (m *memoryVersions) History(ctx context.Context, path string) (out []secrets.Version, err error) {
	err = m.call(ctx, "history", func() error {
		k, err := m.find(path)
		if err != nil {
			return err
		}
		for i := len(k.versions) - 1; i >= 0; i-- {
			v := k.versions[i]
			out = append(out, secrets.Version{Version: v.id, Created: v.created, Current: i == k.current, Revoked: v.revoked})
		}
		return nil
	})
	return out, err
}

// Promote implements secrets.Versioner.
func (m *memoryVersions) Promote(ctx context.Context, path, version string) (out *secrets.Info, err error) {
	err = m.call(ctx, "promote", func() error {
		k, i, err := m.at(path, version)
		if err != nil {
			return err
		}
		if k.versions[i].revoked {
			return fail.New(fail.Refused, "revoked")
		}
		if k.current != i {
			k.current, k.updated = i, m.now().UTC()
		}
		out = m.info(path, k)
		return nil
	})
	return out, err
}

// Revoke implements secrets.Versioner.
func (m *memoryVersions) Revoke(ctx context.Context, path, version string) error {
	return m.call(ctx, "revoke", func() error {
		k, i, err := m.at(path, version)
		if err != nil {
			return err
		}
		if k.current == i {
			return fail.New(fail.Refused, "current")
		}
		k.versions[i].revoked = true
		return nil
	})
}

func (m *memoryVersions) at(path, version string) (*kept, int, error) {
	k, err := m.find(path)
	if err != nil {
		return nil, 0, err
	}
	i := slices.IndexFunc(k.versions, func(h held) bool { return h.id == version })
	if i < 0 {
		return nil, 0, fail.New(fail.NotFound, "no version %s", version)
	}
	return k, i, nil
}
