// Package secretstest holds every store of secrets to the same behaviour, and
// has what the tests of the domain need: stores in memory of every kind, and a
// world of consumers. It is for tests only.
package secretstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// Target is a store under test.
type Target struct {
	// Store is empty at the beginning.
	Store secrets.Store
	// Folder begins every path: "app/", "shop/db/", "acme/shop/".
	Folder string
	// Name makes a name of the store's form of a number.
	Name func(i int) string
	// Bad are paths that Check must refuse.
	Bad []string
	// Text says that values are text (Kubernetes and the vault take any bytes).
	Text bool
}

func (x Target) path(i int) string { return x.Folder + x.Name(i) }

const canary = "c4n4ry-\u00e9-p4ssw0rd-do-not-print"

// Conformance runs the suite; fresh gives an empty store at each call.
func Conformance(t *testing.T, fresh func(t *testing.T) Target) {
	for name, f := range map[string]func(*testing.T, Target){
		"forms": forms, "round trip": roundTrip, "missing": missing, "conditions": conditions, "list": list,
		"delete": remove, "versions": versions, "staged": staged, "bytes": anyBytes, "errors hold no value": silent, "at once": atOnce,
		"cancelled": cancelled,
	} {
		t.Run(name, func(t *testing.T) { f(t, fresh(t)) })
	}
}

func put(t *testing.T, x Target, path, value string, o secrets.PutOptions) *secrets.Info {
	t.Helper()
	v := secrets.CopyOf([]byte(value))
	defer v.Close()
	info, err := x.Store.Put(t.Context(), path, v, o)
	require.NoError(t, err)
	require.Equal(t, value, string(v.Bytes()), "the value stays the caller's")
	return info
}

func read(t *testing.T, x Target, path, version string) string {
	t.Helper()
	v, info, err := x.Store.Get(t.Context(), path, version)
	require.NoError(t, err)
	require.Equal(t, path, info.Path)
	defer v.Close()
	return string(v.Bytes())
}

func code(t *testing.T, want fail.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fail.CodeOf(err), "%v", err)
	var e *fail.Error
	require.ErrorAs(t, err, &e)
}

func forms(t *testing.T, x Target) {
	require.NoError(t, x.Store.Check(x.path(1)))
	for _, bad := range append(x.Bad, "", "../x", strings.Repeat("a", 5000), "a b\x00") {
		code(t, fail.Usage, x.Store.Check(bad))
	}
	require.Contains(t, []string{secrets.KindVault, secrets.KindKubernetes, secrets.KindAWS, secrets.KindGitHub}, x.Store.Kind())
	_, versioned := x.Store.(secrets.Versioner)
	require.Equal(t, versioned, x.Store.Capabilities().Versioned)
}

func roundTrip(t *testing.T, x Target) {
	first := put(t, x, x.path(1), "one", secrets.PutOptions{Actor: "ada"})
	require.Equal(t, x.path(1), first.Path)
	second := put(t, x, x.path(1), "two", secrets.PutOptions{})
	info, err := x.Store.Stat(t.Context(), x.path(1))
	require.NoError(t, err)
	require.Equal(t, second.Version, info.Version)
	require.False(t, info.Updated.IsZero())
	if first.Version != "" {
		require.NotEqual(t, first.Version, second.Version)
	}
	if !x.Store.Capabilities().Readable {
		_, _, err := x.Store.Get(t.Context(), x.path(1), "")
		code(t, fail.Refused, err)
		require.NotEmpty(t, fail.From(err).Next, "what can be done instead")
		return
	}
	require.Equal(t, "two", read(t, x, x.path(1), ""))
}

func missing(t *testing.T, x Target) {
	_, err := x.Store.Stat(t.Context(), x.path(9))
	code(t, fail.NotFound, err)
	if x.Store.Capabilities().Readable {
		_, _, err = x.Store.Get(t.Context(), x.path(9), "")
		code(t, fail.NotFound, err)
	}
	code(t, fail.NotFound, x.Store.Delete(t.Context(), x.path(9), secrets.DeleteOptions{Force: true}))
}

func conditions(t *testing.T, x Target) {
	info := put(t, x, x.path(1), "one", secrets.PutOptions{IfAbsent: true})
	v := secrets.CopyOf([]byte("two"))
	defer v.Close()
	_, err := x.Store.Put(t.Context(), x.path(1), v, secrets.PutOptions{IfAbsent: true})
	code(t, fail.Conflict, err)
	if info.Version == "" {
		return
	}
	newer := put(t, x, x.path(1), "two", secrets.PutOptions{IfVersion: info.Version})
	_, err = x.Store.Put(t.Context(), x.path(1), v, secrets.PutOptions{IfVersion: info.Version})
	code(t, fail.Conflict, err)
	if x.Store.Capabilities().Readable {
		require.Equal(t, "two", read(t, x, x.path(1), ""))
	}
	code(t, fail.Conflict, x.Store.Delete(t.Context(), x.path(1), secrets.DeleteOptions{IfVersion: info.Version, Force: true}))
	require.NoError(t, x.Store.Delete(t.Context(), x.path(1), secrets.DeleteOptions{IfVersion: newer.Version, Force: true}))
}

func list(t *testing.T, x Target) {
	infos, err := x.Store.List(t.Context(), x.Folder)
	require.NoError(t, err)
	require.Empty(t, infos)
	const many = 120 // more than a page of any store
	for i := range many {
		put(t, x, x.path(i), fmt.Sprint("value ", i), secrets.PutOptions{})
	}
	infos, err = x.Store.List(t.Context(), x.Folder)
	require.NoError(t, err)
	require.Len(t, infos, many)
	seen := map[string]bool{}
	for i, info := range infos {
		if i > 0 {
			require.Less(t, infos[i-1].Path, info.Path, "in the order of paths")
		}
		require.NoError(t, x.Store.Check(info.Path))
		seen[info.Path] = true
	}
	for i := range many {
		require.True(t, seen[x.path(i)])
	}
	some, err := x.Store.List(t.Context(), x.path(7))
	require.NoError(t, err)
	for _, info := range some {
		require.True(t, strings.HasPrefix(info.Path, x.path(7)))
	}
	require.NotEmpty(t, some)
}

func remove(t *testing.T, x Target) {
	put(t, x, x.path(1), "one", secrets.PutOptions{})
	put(t, x, x.path(2), "two", secrets.PutOptions{})
	require.NoError(t, x.Store.Delete(t.Context(), x.path(1), secrets.DeleteOptions{Force: true}))
	_, err := x.Store.Stat(t.Context(), x.path(1))
	code(t, fail.NotFound, err)
	_, err = x.Store.Stat(t.Context(), x.path(2))
	require.NoError(t, err, "the neighbour is untouched")
	again := put(t, x, x.path(1), "three", secrets.PutOptions{})
	require.False(t, again.Updated.IsZero())
	if x.Store.Capabilities().Readable {
		require.Equal(t, "three", read(t, x, x.path(1), ""))
	}
}

func versions(t *testing.T, x Target) {
	h, ok := x.Store.(secrets.Versioner)
	if !ok {
		v := secrets.CopyOf([]byte("x"))
		defer v.Close()
		_, err := x.Store.Put(t.Context(), x.path(1), v, secrets.PutOptions{Staged: true})
		code(t, fail.Refused, err)
		return
	}
	ctx := t.Context()
	one := put(t, x, x.path(1), "one", secrets.PutOptions{})
	two := put(t, x, x.path(1), "two", secrets.PutOptions{})
	all, err := h.History(ctx, x.path(1))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, two.Version, all[0].Version, "the newest first")
	require.True(t, all[0].Current)
	require.False(t, all[1].Current)
	require.Equal(t, "one", read(t, x, x.path(1), one.Version))
	code(t, fail.Refused, h.Revoke(ctx, x.path(1), two.Version))
	require.Equal(t, "two", read(t, x, x.path(1), two.Version))
	back, err := h.Promote(ctx, x.path(1), one.Version)
	require.NoError(t, err)
	require.Equal(t, one.Version, back.Version)
	require.Equal(t, "one", read(t, x, x.path(1), ""))
	_, err = h.Promote(ctx, x.path(1), one.Version)
	require.NoError(t, err, "a second time changes nothing")
	require.NoError(t, h.Revoke(ctx, x.path(1), two.Version))
	require.NoError(t, h.Revoke(ctx, x.path(1), two.Version), "a second time changes nothing")
	_, _, err = x.Store.Get(ctx, x.path(1), two.Version)
	require.Contains(t, []fail.Code{fail.Refused, fail.NotFound}, fail.CodeOf(err))
	_, err = h.Promote(ctx, x.path(1), two.Version)
	require.Contains(t, []fail.Code{fail.Refused, fail.NotFound}, fail.CodeOf(err))
	require.Equal(t, "one", read(t, x, x.path(1), ""))
}

func staged(t *testing.T, x Target) {
	h, ok := x.Store.(secrets.Versioner)
	if !ok {
		require.False(t, x.Store.Capabilities().Versioned)
		return
	}
	token := "0b7c5a52-6d0f-4c7e-9a55-2f4f0e3b9c11"
	one := put(t, x, x.path(1), "one", secrets.PutOptions{})
	two := put(t, x, x.path(1), "two", secrets.PutOptions{Staged: true, Token: token, IfVersion: one.Version})
	require.NotEqual(t, one.Version, two.Version)
	require.Equal(t, "one", read(t, x, x.path(1), ""), "it waits")
	require.Equal(t, "two", read(t, x, x.path(1), two.Version))
	same := put(t, x, x.path(1), "two", secrets.PutOptions{Staged: true, Token: token, IfVersion: one.Version})
	require.Equal(t, two.Version, same.Version, "a token makes it once")
	other := secrets.CopyOf([]byte("other"))
	defer other.Close()
	_, err := x.Store.Put(t.Context(), x.path(1), other, secrets.PutOptions{Staged: true, Token: token})
	code(t, fail.Conflict, err)
	_, err = h.Promote(t.Context(), x.path(1), two.Version)
	require.NoError(t, err)
	require.Equal(t, "two", read(t, x, x.path(1), ""))
	require.NoError(t, h.Revoke(t.Context(), x.path(1), one.Version))
	_, err = h.Promote(t.Context(), x.path(1), "99999999")
	require.Contains(t, []fail.Code{fail.NotFound, fail.Usage}, fail.CodeOf(err))
}

func anyBytes(t *testing.T, x Target) {
	values := []string{"x", "with\nlines\r\nand \ttabs", "\u00fc\u2028\U0001f511", strings.Repeat("k", 8<<10), `{"user":"a","password":"b"}`, " spaces "}
	if !x.Text {
		values = append(values, "\x00\xff\xfe binary \x80")
	}
	for i, value := range values {
		put(t, x, x.path(i), value, secrets.PutOptions{})
		if x.Store.Capabilities().Readable {
			require.True(t, bytes.Equal([]byte(value), []byte(read(t, x, x.path(i), ""))), "value %d", i)
		}
	}
	huge := secrets.NewValue(bytes.Repeat([]byte("h"), secrets.MaxValue+1))
	defer huge.Close()
	_, err := x.Store.Put(t.Context(), x.path(50), huge, secrets.PutOptions{})
	code(t, fail.TooLarge, err)
}

// silent makes every error that a store can be made to give, and looks for the
// value in it.
func silent(t *testing.T, x Target) {
	v := secrets.CopyOf([]byte(canary))
	defer v.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	put(t, x, x.path(1), canary, secrets.PutOptions{})
	var errs []error
	for _, o := range []secrets.PutOptions{{IfAbsent: true}, {IfVersion: "12345678-0000-0000-0000-000000000000"}} {
		_, err := x.Store.Put(t.Context(), x.path(1), v, o)
		errs = append(errs, err)
	}
	_, err := x.Store.Put(ctx, x.path(1), v, secrets.PutOptions{})
	errs = append(errs, err)
	_, err = x.Store.Put(t.Context(), "///", v, secrets.PutOptions{})
	errs = append(errs, err)
	for _, err := range errs {
		if err == nil {
			continue
		}
		body, merr := json.Marshal(fail.ToDocument(fail.From(err), "error"))
		require.NoError(t, merr)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err), string(body), strings.Join(fail.Causes(err), " ")} {
			require.NotContains(t, text, canary)
			require.NotContains(t, text, "p4ssw0rd")
		}
	}
}

func atOnce(t *testing.T, x Target) {
	if !x.Store.Capabilities().Conditional {
		return
	}
	info := put(t, x, x.path(1), "start", secrets.PutOptions{})
	const writers = 6
	won := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			v := secrets.CopyOf(fmt.Appendf(nil, "writer %d", i))
			defer v.Close()
			_, won[i] = x.Store.Put(t.Context(), x.path(1), v, secrets.PutOptions{IfVersion: info.Version})
		})
	}
	wg.Wait()
	winner, count := -1, 0
	for i, err := range won {
		if err == nil {
			winner, count = i, count+1
			continue
		}
		code(t, fail.Conflict, err)
	}
	require.Equal(t, 1, count, "one of those who saw the same version wins")
	require.Equal(t, fmt.Sprint("writer ", winner), read(t, x, x.path(1), ""))
}

func cancelled(t *testing.T, x Target) {
	put(t, x, x.path(1), "one", secrets.PutOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := secrets.CopyOf([]byte("two"))
	defer v.Close()
	_, err := x.Store.Put(ctx, x.path(1), v, secrets.PutOptions{})
	require.Error(t, err)
	if x.Store.Capabilities().Readable {
		require.Equal(t, "one", read(t, x, x.path(1), ""))
	}
}
