package embedded

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func entry(t *testing.T, doc string) Entry {
	t.Helper()
	v, err := fastjson.Parse(doc)
	require.NoError(t, err)
	return FromDocument(v, time.Now())
}

func ingest(t *testing.T, s *Store, list ...Entry) {
	t.Helper()
	refused, err := s.Ingest(t.Context(), list)
	require.NoError(t, err)
	require.Zero(t, refused.Count, "%v", refused.Why)
}

func all(t *testing.T, s *Store, q logs.Query) []api.LogEntry {
	t.Helper()
	var out []api.LogEntry
	for e, err := range s.Scan(t.Context(), q) {
		require.NoError(t, err)
		out = append(out, e)
	}
	return out
}

func TestWhatAnEntryWasStays(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Nanosecond)
	ingest(t, s, entry(t, fmt.Sprintf(`{"@timestamp":%q,"log.level":"WARNING","message":"a \u001b[31mb\nc","service":{"name":"chat","version":"1"},
		"http":{"response":{"status_code":500,"big":12345678901234567890}},"ok":true,"tags":["a","b"],"empty":"","none":null,"o":{},"f":1e3,"trace":{"id":"abc"}}`, at.Format(time.RFC3339Nano))))
	check := func(s *Store) {
		got := all(t, s, logs.Query{})
		require.Len(t, got, 1)
		e := got[0]
		require.Equal(t, api.LogEntry{
			ID: "1", Time: at, Level: "warn", Service: "chat", Message: "a \x1b[31mb\nc", Trace: "abc", Source: "embedded", Fields: e.Fields,
		}, e)
		require.JSONEq(t, `{"service":{"version":"1"},"http":{"response":{"status_code":500,"big":12345678901234567890}},"ok":true,
			"tags":["a","b"],"empty":"","none":null,"o":{},"f":1e3}`, string(e.Fields))
		require.Contains(t, string(e.Fields), "12345678901234567890")
	}
	check(s)
	recent, err := s.Next(t.Context(), logs.Query{}, nil)
	require.NoError(t, err)
	require.Equal(t, all(t, s, logs.Query{}), recent.Entries, "a tail shows what a search shows")
	require.NoError(t, s.Close())
	again := open(t, dir)
	check(again)
	ingest(t, again, entry(t, `{"message":"later"}`))
	require.Equal(t, "2", all(t, again, logs.Query{Text: "LATER"})[0].ID, "numbers go on after a restart")
}

func TestWhatIsNotTakenIsSaid(t *testing.T) {
	s := open(t, t.TempDir())
	old, ahead, long := entry(t, `{"message":"old"}`), entry(t, `{"message":"ahead"}`), entry(t, `{"message":"long"}`)
	old.Time, ahead.Time = time.Now().Add(-30*24*time.Hour), time.Now().Add(48*time.Hour)
	long.Fields = []Field{{Name: "x", Value: string(make([]byte, 2<<20))}}
	refused, err := s.Ingest(t.Context(), []Entry{old, entry(t, `{"message":"fine"}`), ahead, long})
	require.NoError(t, err)
	require.Equal(t, 3, refused.Count)
	require.Contains(t, refused.Why[0], "retention")
	require.Contains(t, refused.Why[2], "ahead")
	require.Contains(t, refused.Why[3], "longer")
	require.Len(t, all(t, s, logs.Query{}), 1)
}

// TestFiltersMeanWhatMatchesSays holds the translation to the rule of the
// domain, over generated entries and filters.
func TestFiltersMeanWhatMatchesSays(t *testing.T) {
	s := open(t, t.TempDir())
	dice := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test's dice
	pick := func(list ...string) string { return list[dice.IntN(len(list))] }
	now := time.Now()
	var entries []Entry
	for i := range 400 {
		e := entry(t, fmt.Sprintf(`{"message":%q,"level":%q,"service":{"name":%q},"http":{"response":{"status_code":%s}},"event":{"duration":%d},
			"user":{"id":%q},"labels":%s,"trace":{"id":%q}}`,
			pick("timeout asking x", "Timeout", "refused (a+b)", "ok", "größe ÄÖ", "tail \"quoted\" \\ back"), pick("info", "WARN", "err", "odd"),
			pick("chat", "predict", "a b"), pick("200", "500", "404", `"503"`, "null", "5e2"), dice.IntN(400)*1_000_000,
			pick("u1", "u2", ""), pick(`{"tier":"gold"}`, `["gold","x"]`, `[{"tier":"gold"}]`, `{}`, `{"tier":null}`), pick("t1", "t2")))
		e.Time = now.Add(-time.Duration(i%50) * time.Second)
		entries = append(entries, e)
	}
	ingest(t, s, entries...)
	everything := all(t, s, logs.Query{})
	require.Len(t, everything, len(entries))
	wheres := []string{
		"", "http.status >= 500", "http.response.status_code == 404", "duration > 200ms", "service in (chat, predict)", "service == chat",
		"service != chat", "!(message ~ \"timeout|refused\")", "message ~ \"(?i)^timeout\"", "user.id exists", "!(user.id exists)", "labels.tier != gold",
		"labels.tier == gold", "labels exists", "level >= warn", "level == warn", "trace == t1", "http.status == 503 || service == \"a b\"",
		"http.status in (200, 404) && event.duration < 100ms", "message == ok", "message exists", "labels.tier exists",
	}
	for _, w := range wheres {
		for range 6 {
			f := api.LogFilter{
				Where: w, Text: pick("", "", "time", "GRÖSSE", "(a+b)", "\"quoted\" \\"), Level: pick("", "", "warn", "error"),
				Grep: pick("", "", "^t", "x$", "a.b"), Trace: pick("", "", "t2"),
			}
			if dice.IntN(3) == 0 {
				f.Service = []string{pick("chat", "a b", "nobody"), "predict"}
			}
			q, err := logs.Compile(f)
			require.NoError(t, err, "%+v", f)
			want := 0
			for i := range everything {
				if logs.Matches(q, &everything[i]) {
					want++
				}
			}
			require.Len(t, all(t, s, q), want, "%+v %+v", f, translate(q))
			buckets, err := s.Histogram(t.Context(), window(q, now), 10*time.Second)
			require.NoError(t, err)
			n := int64(0)
			for _, b := range buckets {
				n += b.Count
			}
			require.EqualValues(t, want, n, "%+v", f)
			fields, err := s.Fields(t.Context(), q, []string{"service.name"}, 10)
			require.NoError(t, err)
			n = 0
			for _, f := range fields {
				require.Equal(t, "service.name", f.Name)
				for _, v := range f.Values {
					n += v.Count
				}
				require.Equal(t, f.Count, n)
			}
			require.EqualValues(t, want, n, "%+v", f)
		}
	}
}

func window(q logs.Query, now time.Time) logs.Query {
	q.From, q.To = now.Add(-time.Minute), now.Add(time.Minute)
	return q
}

func TestNewestAndFirst(t *testing.T) {
	s := open(t, t.TempDir())
	now := time.Now()
	var list []Entry
	for i := range 3000 {
		e := entry(t, fmt.Sprintf(`{"message":"m%d"}`, i))
		e.Time = now.Add(time.Duration(i-3000) * time.Second)
		list = append(list, e)
	}
	ingest(t, s, list...)
	got, err := s.Search(t.Context(), logs.Query{Limit: 3, Newest: true})
	require.NoError(t, err)
	require.True(t, got.More)
	require.Equal(t, []string{"m2997", "m2998", "m2999"}, messages(got.Entries))
	got, err = s.Search(t.Context(), logs.Query{Limit: 2, From: now.Add(-10 * time.Second)})
	require.NoError(t, err)
	require.Equal(t, []string{"m2990", "m2991"}, messages(got.Entries))
	got, err = s.Search(t.Context(), logs.Query{Text: "m29990"})
	require.NoError(t, err)
	require.Equal(t, []api.LogEntry{}, got.Entries)
	_, err = s.Search(t.Context(), logs.Query{Raw: "((("})
	require.ErrorContains(t, err, "does not understand")
	got, err = s.Search(t.Context(), logs.Query{Raw: `_msg:="m7"`})
	require.NoError(t, err)
	require.Equal(t, []string{"m7"}, messages(got.Entries))
}

func messages(list []api.LogEntry) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.Message)
	}
	return out
}

// TestATailMissesNothing follows a store that is written to, with times out of
// order and a memory too small for all of it, over a restart.
func TestATailMissesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, Recent: 64 << 10})
	require.NoError(t, err)
	now := time.Now()
	batch := func(n int) {
		var list []Entry
		for range n {
			e := entry(t, `{"message":"x","http":{"status":500}}`)
			e.Time = now.Add(-time.Duration(rand.IntN(30_000)) * time.Millisecond) //nolint:gosec // a test's dice
			list = append(list, e)
		}
		ingest(t, s, list...)
	}
	batch(100)
	q, err := logs.Compile(api.LogFilter{Where: "http.status >= 500", From: now.Add(-time.Minute)})
	require.NoError(t, err)
	seen := map[string]int{}
	var at logs.Position
	follow := func() {
		for {
			b, err := s.Next(t.Context(), q, at)
			require.NoError(t, err)
			require.Empty(t, b.Gaps)
			for _, e := range b.Entries {
				seen[e.ID]++
			}
			if at = b.Next; !b.More {
				return
			}
		}
	}
	for i := range 6 {
		batch(2000)
		if i%2 == 0 {
			follow()
		}
		if i == 3 {
			require.NoError(t, s.Close())
			s = open(t, dir)
		}
	}
	follow()
	require.Len(t, seen, 12_100)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
	done := make(chan error, 1)
	go func() { done <- s.Wait(t.Context(), at) }()
	batch(1)
	require.NoError(t, <-done)
	follow()
	require.Len(t, seen, 12_101)
	var p position
	require.NoError(t, json.Unmarshal(at, &p))
	p.Store = "another"
	b, err := s.Next(t.Context(), q, p.marshal())
	require.NoError(t, err)
	require.Len(t, b.Gaps, 1, "other data is a gap, said aloud")
}

// TestAfterACrashNumbersAreNotGivenTwice follows a tail over a store whose last
// rows never reached the disk: what comes afterwards is not taken for seen.
func TestAfterACrashNumbersAreNotGivenTwice(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	message := func(s *Store, text string) { ingest(t, s, entry(t, fmt.Sprintf(`{"message":%q}`, text))) }
	for i := range 10 {
		message(s, fmt.Sprint(i))
	}
	b, err := s.Next(t.Context(), logs.Query{}, nil)
	require.NoError(t, err)
	require.Len(t, b.Entries, 10)
	require.NoError(t, s.flush())
	// The disk as a crash leaves it: the mark of the running store, and data
	// that lacks the last rows (here: all of them).
	crashed := t.TempDir()
	for _, name := range []string{"id", "numbers"} {
		body, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(crashed, name), body, 0o600))
	}
	require.NoError(t, s.Close())
	again := open(t, crashed)
	for i := range 5 {
		message(again, fmt.Sprint("new", i))
	}
	b, err = again.Next(t.Context(), logs.Query{}, b.Next)
	require.NoError(t, err)
	require.Empty(t, b.Gaps)
	require.Equal(t, []string{"new0", "new1", "new2", "new3", "new4"}, messages(b.Entries))
}

// TestADocumentCannotPassForTheStore ships fields under the names that the
// engine and we use, and one name twice.
func TestADocumentCannotPassForTheStore(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	now := time.Now().UTC()
	ingest(t, s, entry(t, `{"message":"real","_aictl_number":18446744073709551615,"_aictl_types":"nx","_msg":"forged","_time":"2001-01-01T00:00:00Z",
		"_stream":"s","_stream_id":"i","a":1,"a":2,"service":"one","service.name":"two","@timestamp":"`+now.Format(time.RFC3339Nano)+`","time":0.25,"ts":12}`))
	require.NoError(t, s.Close())
	again := open(t, dir)
	ingest(t, again, entry(t, `{"message":"next"}`))
	got := all(t, again, logs.Query{})
	require.Len(t, got, 2)
	e := got[0]
	if e.Message != "real" {
		e = got[1]
	}
	require.Equal(t, []string{"1", "real", "one"}, []string{e.ID, e.Message, e.Service})
	require.True(t, e.Time.Equal(now), e.Time)
	require.JSONEq(t, `{"labels":{"_aictl_number":18446744073709551615,"_aictl_types":"nx","_msg":"forged","_time":"2001-01-01T00:00:00Z","_stream":"s","_stream_id":"i",
		"service":{"name":"two"}},"a":2,"time":0.25,"ts":12}`, string(e.Fields))
}
