package secrets_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

func TestAValueNeverPrintsItself(t *testing.T) {
	const canary = "c4n4ry"
	v := secrets.CopyOf([]byte(canary))
	type holder struct {
		V secrets.Value
		P *secrets.Value
		M map[string]secrets.Value
	}
	h := holder{V: v, P: &v, M: map[string]secrets.Value{"x": v}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s", "%p"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", &v)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", []secrets.Value{v})
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		l := slog.New(handler)
		l.Info("m", "v", v, "p", &v, "h", h, "any", []any{v})
	}
	body, err := json.Marshal(h)
	require.NoError(t, err)
	out.Write(body)
	fmt.Fprint(&out, errors.Join(fmt.Errorf("with %v", v)))
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
	require.Contains(t, string(body), secrets.Mask)
}

func TestAValueIsOverwritten(t *testing.T) {
	raw := []byte("c4n4ry")
	v := secrets.NewValue(raw)
	w := v // shares
	c := v.Clone()
	require.True(t, v.Equal(c))
	v.Close()
	v.Close()
	require.Equal(t, make([]byte, 6), raw)
	require.Zero(t, w.Len())
	require.Equal(t, "c4n4ry", string(c.Bytes()))
	var zero secrets.Value
	zero.Close()
	require.Zero(t, zero.Len())
	require.False(t, c.Equal(zero))
}

func TestReadValue(t *testing.T) {
	v, err := secrets.ReadValue(iotest.OneByteReader(strings.NewReader("one\n")))
	require.NoError(t, err)
	require.Equal(t, "one\n", string(v.Bytes()))
	_, err = secrets.ReadValue(io.LimitReader(zeros{}, secrets.MaxValue+1))
	require.Equal(t, fail.TooLarge, fail.CodeOf(err))
	v, err = secrets.ReadValue(io.LimitReader(zeros{}, secrets.MaxValue))
	require.NoError(t, err)
	require.Equal(t, secrets.MaxValue, v.Len())
	_, err = secrets.ReadValue(iotest.ErrReader(errors.New("broken pipe")))
	require.ErrorContains(t, err, "broken pipe")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestRefs(t *testing.T) {
	for text, want := range map[string]secrets.Ref{
		"db":                      {Store: "vault", Path: "db"},
		"app/db-password":         {Store: "vault", Path: "app/db-password"},
		"vault:app/db#password":   {Store: "vault", Path: "app/db", Member: "password"},
		"kubernetes:shop/db/pass": {Store: "kubernetes", Path: "shop/db/pass"},
		"aws:prod/db#a#b":         {Store: "aws", Path: "prod/db", Member: "a#b"},
		"github:acme/shop@prod/K": {Store: "github", Path: "acme/shop@prod/K"},
		"aws-eu:prod:db":          {Store: "aws-eu", Path: "prod:db"},
	} {
		got, err := secrets.ParseRef(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		again, err := secrets.ParseRef(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, bad := range []string{"", ":", "vault:", "Vault:x", "1x:y", "/x", "x/", "x//y", "x/../y", ".", "x#", "a b", "x\x00y", "x\u202ey", "x\\y", strings.Repeat("x", 2000), "\xff"} {
		_, err := secrets.ParseRef(bad)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%q", bad)
		if len(bad) > 3 {
			require.NotContains(t, err.Error(), bad, "it may be a value")
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"vault:app/db#password", "x", "a:b:c", "#", "github:a/b@c/D", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := secrets.ParseRef(s)
		if err != nil {
			require.Equal(t, fail.Usage, fail.CodeOf(err))
			return
		}
		again, err := secrets.ParseRef(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
		require.True(t, secrets.ValidStoreName(r.Store))
		require.NotContains(t, r.Path, "..//")
	})
}

func TestFingerprints(t *testing.T) {
	one, err := secrets.NewFingerprinter([]byte("0123456789abcdef"))
	require.NoError(t, err)
	two, err := secrets.NewFingerprinter([]byte("0123456789abcdeg"))
	require.NoError(t, err)
	a, b := secrets.CopyOf([]byte("a")), secrets.CopyOf([]byte("b"))
	require.Equal(t, one.Of(a), one.Of(a.Clone()))
	require.NotEqual(t, one.Of(a), one.Of(b))
	require.NotEqual(t, one.Of(a), two.Of(a), "of another installation")
	require.Len(t, one.Of(a), 32)
	_, err = secrets.NewFingerprinter([]byte("short"))
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

func TestGenerate(t *testing.T) {
	for charset, allowed := range map[string]string{"hex": "0123456789abcdef", "digits": "0123456789"} {
		v, err := secrets.Generate(40, charset)
		require.NoError(t, err)
		require.Equal(t, 40, v.Len())
		require.Empty(t, strings.Trim(string(v.Bytes()), allowed))
	}
	counts := map[byte]int{}
	for range 100 {
		v, err := secrets.Generate(620, "")
		require.NoError(t, err)
		for _, c := range v.Bytes() {
			counts[c]++
		}
	}
	require.Len(t, counts, 62)
	for c, n := range counts {
		require.InDelta(t, 1000, n, 200, "%q", c)
	}
	for _, n := range []int{-1, 0, 10, 5000} {
		_, err := secrets.Generate(n, "alnum")
		require.Equal(t, fail.Usage, fail.CodeOf(err))
	}
	_, err := secrets.Generate(32, "emoji")
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

func TestMembers(t *testing.T) {
	f := newFour(t)
	whole, member := secrets.Ref{Store: "vault", Path: "app/c"}, secrets.Ref{Store: "vault", Path: "app/c", Member: "password"}
	f.set(t, whole, `{"user":"ada","password":"one","port":5432}`)
	read := func(r secrets.Ref) string {
		v, _, err := f.Get(t.Context(), r, "")
		require.NoError(t, err)
		return string(v.Bytes())
	}
	require.Equal(t, "one", read(member))
	f.set(t, member, "two \"quoted\"\n<&>")
	require.Equal(t, "two \"quoted\"\n<&>", read(member))
	require.Equal(t, "ada", read(secrets.Ref{Store: "vault", Path: "app/c", Member: "user"}))
	require.Equal(t, "5432", read(secrets.Ref{Store: "vault", Path: "app/c", Member: "port"}))
	require.NoError(t, f.Delete(t.Context(), member, secrets.DeleteOptions{}, secrets.Write{}))
	_, _, err := f.Get(t.Context(), member, "")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	f.set(t, secrets.Ref{Store: "vault", Path: "plain"}, "c4n4ry {")
	_, _, err = f.Get(t.Context(), secrets.Ref{Store: "vault", Path: "plain", Member: "x"}, "")
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.NotContains(t, err.Error(), "c4n4ry")
	f.set(t, secrets.Ref{Store: "vault", Path: "fresh", Member: "k"}, "v")
	require.Equal(t, `{"k":"v"}`, read(secrets.Ref{Store: "vault", Path: "fresh"}))
}

func TestAge(t *testing.T) {
	f := newFour(t)
	info := func(age time.Duration, tag string) *secrets.Info {
		return &secrets.Info{Updated: f.clock.Add(-age), Tags: map[string]string{secrets.TagMaxAge: tag}}
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		age     time.Duration
		tag     string
		overdue bool
	}{{91 * day, "90d", true}, {89 * day, "90d", false}, {13 * time.Hour, "12h", true}, {1000 * day, "", false}, {1000 * day, "soon", false}, {1000 * day, "-1d", false}} {
		_, _, overdue := f.Age(info(c.age, c.tag))
		require.Equal(t, c.overdue, overdue, "%v", c)
	}
	_, _, overdue := f.Age(&secrets.Info{Updated: f.clock, NextRotation: f.clock.Add(-day)})
	require.True(t, overdue, "its store's own rotation is late")
}

func TestStoreNames(t *testing.T) {
	key := []byte("0123456789abcdef")
	_, err := secrets.New(secrets.Config{Key: key, Stores: []secrets.Named{{Name: "a"}, {Name: "a"}}})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	_, err = secrets.New(secrets.Config{Key: key, Stores: []secrets.Named{{Name: "A"}}})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	f := newFour(t)
	_, err = f.Store(t.Context(), "nowhere")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	require.ErrorContains(t, err, "vault, kubernetes, aws, github")
}
