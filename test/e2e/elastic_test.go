//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/elastic"
	"github.com/aictl/aictl/internal/logs/where"
	"github.com/aictl/aictl/test/testbed"
)

// onSearchEngines runs a test on both engines, each with a node of its own.
func onSearchEngines(t *testing.T, test func(t *testing.T, node *testbed.SearchNode)) {
	t.Helper()
	t.Run("elasticsearch", func(t *testing.T) { test(t, testbed.StartElasticsearch(t)) })
	t.Run("opensearch", func(t *testing.T) { test(t, testbed.StartOpenSearch(t)) })
}

func openElastic(t testing.TB, url string, index ...string) *elastic.Store {
	t.Helper()
	s, err := elastic.Open(elastic.Options{URLs: []string{url}, Index: index})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

const ecsMapping = `{"properties":{
	"@timestamp":{"type":"date"},
	"message":{"type":"text"},
	"log.level":{"type":"keyword","ignore_above":1024},
	"service.name":{"type":"keyword","ignore_above":1024},
	"trace.id":{"type":"keyword","ignore_above":1024},
	"http.response.status_code":{"type":"long"},
	"event.duration":{"type":"long"},
	"ratio":{"type":"float"},
	"user.name":{"type":"keyword","ignore_above":40},
	"client.ip":{"type":"ip"},
	"ok":{"type":"boolean"},
	"tags":{"type":"keyword"},
	"created":{"type":"date"},
	"items":{"type":"nested","properties":{"name":{"type":"keyword"}}},
	"hidden":{"type":"object","enabled":false}
}}`

// TestElasticOracle: whatever the mapping can say, what a search gives is what
// the language's own evaluation takes of all entries.
func TestElasticOracle(t *testing.T) {
	onSearchEngines(t, func(t *testing.T, node *testbed.SearchNode) {
		mapping := ecsMapping
		if node.Kind == "opensearch" {
			// It leaves no trace of a keyword that is too long to be indexed, so
			// such a value is not found by a pattern or a range; package elastic says so.
			mapping = strings.Replace(mapping, `"ignore_above":40`, `"ignore_above":400`, 1)
		}
		node.Do(t, http.MethodPut, "/logs-ecs", `{"mappings":`+mapping+`}`)
		node.Do(t, http.MethodPut, "/logs-dynamic", `{"settings":{"number_of_shards":3}}`)
		// The status is a text here, which the other indices contradict, and so is the level's field.
		node.Do(t, http.MethodPut, "/logs-odd", `{"mappings":{"properties":{"@timestamp":{"type":"date_nanos"},"http.response.status_code":{"type":"keyword"},"created":{"type":"text"},"level":{"type":"keyword"}}}}`)
		r := rand.New(rand.NewPCG(7, 11))
		const n = 1500
		var bulk strings.Builder
		for i := range n {
			index := []string{"logs-ecs", "logs-dynamic", "logs-odd"}[r.IntN(3)]
			fmt.Fprintf(&bulk, `{"index":{"_index":%q,"_id":"%d"}}`+"\n%s\n", index, i, randomDoc(r, index))
		}
		answer := node.Do(t, http.MethodPost, "/_bulk?refresh=true", bulk.String())
		require.Contains(t, answer[:60], `"errors":false`, "%.2000s", answer)

		for name, index := range map[string][]string{"all": {"logs-*"}, "ecs": {"logs-ecs"}, "dynamic": {"logs-dynamic"}} {
			t.Run(name, func(t *testing.T) { oracle(t, openElastic(t, node.URL, index...), r, n) })
		}
	})
}

func oracle(t *testing.T, s *elastic.Store, r *rand.Rand, n int) {
	var all []api.LogEntry
	for e, err := range s.Scan(t.Context(), logs.Query{}) {
		require.NoError(t, err)
		all = append(all, e)
	}
	require.NotEmpty(t, all)
	require.LessOrEqual(t, len(all), n)
	require.True(t, slices.IsSortedFunc(all, func(a, b api.LogEntry) int { return logs.Compare(&a, &b) }), "a scan is in order")
	begin := all[0].Time.Truncate(time.Second)

	server, partly := 0, 0
	for range 120 {
		q := randomQuery(t, r, begin)
		want := []string{}
		for i := range all {
			if logs.Matches(q, &all[i]) {
				want = append(want, all[i].ID)
			}
		}
		q.Limit = maxAnswer
		res, err := s.Search(t.Context(), q)
		require.NoError(t, err, "%s", describe(q))
		require.Empty(t, res.Warnings)
		got := make([]string, len(res.Entries))
		for i := range res.Entries {
			got[i] = res.Entries[i].ID
		}
		if !slices.Equal(want, got) {
			missing := slices.DeleteFunc(slices.Clone(want), func(id string) bool { return slices.Contains(got, id) })
			for i := range all {
				if slices.Contains(missing[:min(len(missing), 2)], all[i].ID) {
					t.Logf("missing: %+v %s", all[i], all[i].Fields)
				}
			}
			require.Failf(t, "answers differ", "%s, client %q: want %d, got %d, missing %d", describe(q), res.Client, len(want), len(got), len(missing))
		}
		if len(res.Client) == 0 {
			server++
		} else {
			partly++
		}
		if len(want) > 3 { // the newest and the oldest few
			q.Limit = 3
			res, err = s.Search(t.Context(), q)
			require.NoError(t, err)
			require.True(t, res.More)
			require.Equal(t, want[2], res.Entries[2].ID, describe(q))
			q.Newest = true
			res, err = s.Search(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, want[len(want)-3], res.Entries[0].ID, describe(q))
			require.Equal(t, want[len(want)-1], res.Entries[2].ID, describe(q))
		}
	}
	t.Logf("%d queries ran in the store alone, %d partly here", server, partly)
	require.Greater(t, server, 15)
	require.Greater(t, partly, 15)
}

const maxAnswer = 9_000

func describe(q logs.Query) string {
	out := fmt.Sprintf("services %q levels %d text %q trace %q from %s to %s", q.Services, len(q.Levels), q.Text, q.Trace, q.From, q.To)
	if q.Grep != nil {
		out += " grep " + q.Grep.String()
	}
	if q.Where != nil {
		out += " where " + q.Where.String()
	}
	return out
}

var (
	someServices = []string{"chat", "predict", "api-gateway", "Chat"}
	someLevels   = []string{"info", "INFO", "warn", "warning", "ERROR", "error", "err", "debug", "audit", "Fatal"}
	someWords    = []string{"timeout", "refused", "GET", "/v1/chat", "user=42", "connection", "upstream", "Ünïcode", "a.b.c", "x_y", "naïve", "retry", "(3/5)", "日本", "\"quoted\"", "back\\slash", "ERR42", "line\nbreak"}
	someUsers    = []string{"ann", "bob", "Ann", "a user with a name that is longer than forty characters", "", "10", "010"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func someMessage(r *rand.Rand) string {
	n := 1 + r.IntN(6)
	if r.IntN(15) == 0 {
		n = 80 // longer than a keyword subfield keeps
	}
	parts := make([]string, n)
	for i := range parts {
		parts[i] = pick(r, someWords)
	}
	return strings.Join(parts, " ")
}

func randomDoc(r *rand.Rand, index string) string {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(600_000)) * time.Millisecond)
	if r.IntN(4) == 0 {
		at = at.Add(time.Duration(r.IntN(1_000_000))) // finer than the index keeps
	}
	doc := map[string]any{"@timestamp": at.Format(time.RFC3339Nano)}
	set := func(chance int, name string, value func() any) {
		if r.IntN(10) < chance {
			doc[name] = value()
		}
	}
	set(9, "message", func() any { return someMessage(r) })
	level := "log.level"
	if index == "logs-odd" {
		level = "level"
	}
	set(8, level, func() any { return pick(r, someLevels) })
	set(8, "service.name", func() any { return pick(r, someServices) })
	set(3, "trace.id", func() any { return fmt.Sprintf("t%d", r.IntN(9)) })
	set(6, "user.name", func() any { return pick(r, someUsers) })
	set(5, "tags", func() any { return []string{pick(r, someUsers), pick(r, someServices)} })
	set(5, "ok", func() any { return r.IntN(2) == 0 })
	set(4, "event.duration", func() any { return r.IntN(2_000) * 1_000_000 })
	set(4, "ratio", func() any { return float64(r.IntN(40)) / 8 })
	set(3, "created", func() any { return at.Add(-time.Hour).Format(time.RFC3339) })
	set(3, "client.ip", func() any { return fmt.Sprintf("10.0.0.%d", r.IntN(9)) })
	if index == "logs-ecs" { // kept, and not indexed
		set(2, "hidden", func() any { return map[string]any{"why": pick(r, someServices)} })
	}
	set(2, "items", func() any { return []any{map[string]any{"name": pick(r, someServices)}, map[string]any{"name": "z"}} })
	set(5, "http", func() any {
		status := any(pick(r, []int{200, 201, 404, 500, 503}))
		if index == "logs-odd" || r.IntN(5) == 0 {
			status = fmt.Sprint(status) // a text that is a number
		}
		return map[string]any{"response": map[string]any{"status_code": status}}
	})
	if r.IntN(10) == 0 {
		doc["user.name"] = nil
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func randomQuery(t *testing.T, r *rand.Rand, begin time.Time) (q logs.Query) {
	if r.IntN(3) == 0 {
		q.From = begin.Add(time.Duration(r.IntN(500_000_000)) * time.Microsecond)
	}
	if r.IntN(3) == 0 {
		q.To = begin.Add(time.Duration(r.IntN(700_000_000)) * time.Microsecond)
	}
	if r.IntN(6) == 0 {
		q.Services = []string{pick(r, someServices), pick(r, someServices)}
	}
	if r.IntN(6) == 0 {
		q.Levels = logs.Levels(logs.Level(1 + r.IntN(6)))
	}
	if r.IntN(8) == 0 {
		q.Text = strings.ToUpper(pick(r, someWords)) + " " + pick(r, []string{"", "out", "e", "v1"})
	}
	if r.IntN(8) == 0 {
		q.Grep = regexp.MustCompile(pick(r, someExpressions))
	}
	if r.IntN(20) == 0 {
		q.Trace = "t3"
	}
	if r.IntN(5) > 0 {
		text := randomWhere(r, 0)
		expr, err := where.Parse(text)
		require.NoError(t, err, text)
		q.Where = expr
	}
	return q
}

var someExpressions = []string{
	"timeout", "(?i)TIMEOUT|refused", "^GET", "retry$", `user=\d+`, `a\.b`, `^[a-z]+ `, "x?", "日本", "^$", `\bGET\b`, "(chat|upstream).*retry", `[^ ]{6,}$`, "^(ann|bob)$", "a{2,3}", `quoted"`, `\\`, "err4[0-9]", "(?s)line.break", "line.break", "^.{0,5}$",
}

func randomWhere(r *rand.Rand, depth int) string {
	if depth < 3 && r.IntN(3) == 0 {
		join := pick(r, []string{" && ", " || "})
		return "(" + randomWhere(r, depth+1) + join + randomWhere(r, depth+1) + ")"
	}
	if depth < 3 && r.IntN(5) == 0 {
		return "!(" + randomWhere(r, depth+1) + ")"
	}
	field := pick(r, []string{
		"service", "level", "message", "user.name", "user", "tags", "ok", "http.status", "http.response.status_code",
		"event.duration", "duration", "ratio", "created", "client.ip", "hidden.why", "items.name", "nowhere", "trace", "time", "log.level",
	})
	op := pick(r, []string{"==", "!=", "<", "<=", ">", ">="})
	switch r.IntN(8) {
	case 0:
		return field + pick(r, []string{" exists", " not exists"})
	case 1:
		return fmt.Sprintf("%s %s %q", field, pick(r, []string{"~", "!~"}), pick(r, someExpressions[:12]))
	case 2:
		return fmt.Sprintf("%s %s (%s, %s)", field, pick(r, []string{"in", "not in"}), literalFor(r, field), literalFor(r, field))
	}
	return field + " " + op + " " + literalFor(r, field)
}

func literalFor(r *rand.Rand, field string) string {
	if r.IntN(6) == 0 { // of any type
		return pick(r, []string{"500", `"500"`, "true", "200ms", "4kB", "chat", "2026-11-23T08:05:00Z", "1.5", "99999999999999999999", "-3.5", `""`})
	}
	switch field {
	case "service", "hidden.why", "items.name":
		return fmt.Sprintf("%q", pick(r, someServices))
	case "level", "log.level":
		return pick(r, someLevels)
	case "message":
		return fmt.Sprintf("%q", pick(r, []string{"timeout", "GET", "retry retry"}))
	case "user.name", "tags", "user":
		return fmt.Sprintf("%q", pick(r, someUsers))
	case "ok":
		return pick(r, []string{"true", "false"})
	case "http.status", "http.response.status_code":
		return pick(r, []string{"200", "404", "499.5", "500", `"503"`})
	case "event.duration", "duration":
		return pick(r, []string{"200ms", "1s", "500000000", "1.5s"})
	case "ratio":
		return pick(r, []string{"0.5", "2", "1.125", "4.9"})
	case "created":
		return pick(r, []string{"2026-11-23T07:05:00Z", "2026-11-23T07:00:00.5Z"})
	case "client.ip":
		return pick(r, []string{`"10.0.0.3"`, `"10.0.0.99"`})
	case "time":
		return pick(r, []string{"2026-11-23T08:05:00Z", "2026-11-23T08:01:00.0005Z"})
	}
	return `"t3"`
}

// TestElasticDataStream: what a store does besides searching, over a data
// stream that rolls over.
func TestElasticDataStream(t *testing.T) {
	onSearchEngines(t, func(t *testing.T, node *testbed.SearchNode) {
		node.Do(t, http.MethodPut, "/_index_template/app", `{"index_patterns":["logs-app-*"],"data_stream":{},"priority":500,
			"template":{"settings":{"number_of_shards":2},"mappings":`+ecsMapping+`}}`)
		s := openElastic(t, node.URL, "logs-app-*")
		info, err := s.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, node.Kind, info.Kind)
		require.Regexp(t, `^(7\.17|2\.19)\.`, info.Version)
		require.Zero(t, info.Skew)

		// Nothing there yet is no error, and the tail begins before the stream.
		res, err := s.Search(t.Context(), logs.Query{})
		require.NoError(t, err)
		require.Empty(t, res.Entries)
		b, err := s.Next(t.Context(), logs.Query{From: time.Now()}, nil)
		require.NoError(t, err)
		require.Empty(t, b.Entries)

		begin := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		ids := map[string]bool{}
		put := func(from, to int) {
			var bulk strings.Builder
			for i := from; i < to; i++ {
				fmt.Fprintf(&bulk, `{"create":{"_index":"logs-app-prod","_id":"%d"}}`+"\n", i)
				fmt.Fprintf(&bulk, `{"@timestamp":%q,"message":"line %d","log.level":%q,"service.name":"chat"}`+"\n",
					begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i, []string{"INFO", "error"}[i%2])
			}
			require.Contains(t, node.Do(t, http.MethodPost, "/_bulk?refresh=true", bulk.String())[:60], `"errors":false`)
		}
		position := b.Next
		read := func(want int) {
			testbed.Eventually(t, 20*time.Second, "the tail has all", func(ctx context.Context) error {
				b, err := s.Next(ctx, logs.Query{Limit: 17}, position)
				if err != nil {
					return err
				}
				require.Empty(t, b.Gaps)
				position = b.Next
				for _, e := range b.Entries {
					require.False(t, ids[e.Message], "%s came twice", e.Message)
					ids[e.Message] = true
				}
				if len(ids) < want {
					return fmt.Errorf("%d of %d", len(ids), want)
				}
				return nil
			})
		}
		put(0, 100)
		read(100)
		node.Do(t, http.MethodPost, "/logs-app-prod/_rollover", "")
		put(100, 180)
		read(180)

		q := logs.Query{From: begin, To: begin.Add(3 * time.Minute)}
		buckets, err := s.Histogram(t.Context(), q, time.Minute)
		require.NoError(t, err)
		require.Len(t, buckets, 3)
		for i, bucket := range buckets {
			require.Equal(t, begin.Add(time.Duration(i)*time.Minute), bucket.Time)
			require.EqualValues(t, 60, bucket.Count)
			require.Equal(t, map[string]int64{"info": 30, "error": 30}, bucket.Levels)
		}
		q.Grep = regexp.MustCompile(`line \d?5$`) // counted here
		buckets, err = s.Histogram(t.Context(), q, time.Minute)
		require.NoError(t, err)
		require.EqualValues(t, 6, buckets[0].Count)
		q.Grep = nil

		fields, err := s.Fields(t.Context(), q, []string{"service", "level", "nowhere"}, 5)
		require.NoError(t, err)
		require.Equal(t, []api.LogField{
			{Name: "service", Type: "keyword", Count: 180, Values: []api.LogFieldValue{{Value: "chat", Count: 180}}},
			{Name: "level", Type: "keyword", Count: 180, Values: []api.LogFieldValue{{Value: "error", Count: 90}, {Value: "info", Count: 90}}},
			{Name: "nowhere", Values: []api.LogFieldValue{}},
		}, fields)
		all, err := s.Fields(t.Context(), q, nil, 2)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(all), 4)
		require.EqualValues(t, 180, all[0].Count)

		// Its own language, and what it refuses.
		res, err = s.Search(t.Context(), logs.Query{Raw: `service.name:chat AND message:"line 42"`})
		require.NoError(t, err)
		require.Len(t, res.Entries, 1)
		_, err = s.Search(t.Context(), logs.Query{Raw: `service.name:(`})
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%v", err)

		// A deleted index is a gap, said once.
		var settings map[string]any
		require.NoError(t, json.Unmarshal([]byte(node.Do(t, http.MethodGet, "/logs-app-prod/_settings", "")), &settings))
		backing := slices.Sorted(maps.Keys(settings))
		require.Len(t, backing, 2)
		node.Do(t, http.MethodDelete, "/"+backing[0], "")
		var gaps []api.LogGap
		testbed.Eventually(t, 20*time.Second, "the loss is said", func(ctx context.Context) error {
			b, err := s.Next(ctx, logs.Query{}, position)
			if err != nil {
				return err
			}
			position = b.Next
			if gaps = append(gaps, b.Gaps...); len(gaps) < 1 {
				return errors.New("no gap")
			}
			return nil
		})
		require.Contains(t, gaps[0].Reason, backing[0]+" was deleted")
		b, err = s.Next(t.Context(), logs.Query{}, position)
		require.NoError(t, err)
		require.Empty(t, b.Gaps)
	})
}

// TestElasticTailCorners: a filtered alias, an account that may not see the
// shards, an index whose time is no date, updates and deletions.
func TestElasticTailCorners(t *testing.T) {
	onSearchEngines(t, func(t *testing.T, node *testbed.SearchNode) {
		node.Do(t, http.MethodPut, "/logs-one", `{"mappings":`+ecsMapping+`,"aliases":{"mine":{"filter":{"term":{"service.name":"chat"}}}}}`)
		node.Do(t, http.MethodPut, "/logs-words", `{"mappings":{"properties":{"@timestamp":{"type":"keyword"}}}}`)
		put := func(index, id, service string, at time.Time) {
			node.Do(t, http.MethodPut, "/"+index+"/_doc/"+id+"?refresh=true", fmt.Sprintf(
				`{"@timestamp":%q,"message":"m %s","service.name":%q}`, at.UTC().Format(time.RFC3339Nano), id, service))
		}
		drain := func(s *elastic.Store, q logs.Query, p *logs.Position) (ids, warnings []string) {
			for {
				b, err := s.Next(t.Context(), q, *p)
				require.NoError(t, err)
				require.Empty(t, b.Gaps)
				*p = b.Next
				warnings = append(warnings, b.Warnings...)
				for _, e := range b.Entries {
					ids = append(ids, e.ID)
				}
				if !b.More {
					slices.Sort(ids)
					return ids, warnings
				}
			}
		}
		now := time.Now()
		put("logs-one", "a", "chat", now)
		put("logs-one", "b", "other", now)
		put("logs-words", "w", "chat", now)

		var p logs.Position
		ids, _ := drain(openElastic(t, node.URL, "mine"), logs.Query{From: now.Add(-time.Minute)}, &p)
		require.Equal(t, []string{"logs-one/a"}, ids, "the alias's filter holds")

		// A search leaves out the index that has no dates, and says so; a tail
		// needs no dates.
		s := openElastic(t, node.URL, "logs-*")
		res, err := s.Search(t.Context(), logs.Query{})
		require.NoError(t, err)
		require.Len(t, res.Entries, 2)
		require.Contains(t, res.Warnings[0], "logs-words")
		p = nil
		ids, _ = drain(s, logs.Query{}, &p)
		require.Equal(t, []string{"logs-one/a", "logs-one/b", "logs-words/w"}, ids)
		put("logs-one", "a", "chat", now) // an update takes a new number and leaves its old one empty
		node.Do(t, http.MethodDelete, "/logs-one/_doc/b?refresh=true", "")
		put("logs-one", "old", "chat", now.Add(-24*time.Hour))
		ids, _ = drain(s, logs.Query{}, &p)
		require.Equal(t, []string{"logs-one/a", "logs-one/old"}, ids)
		ids, _ = drain(s, logs.Query{}, &p)
		require.Empty(t, ids)

		blind, err := elastic.Open(elastic.Options{URLs: []string{node.URL}, Index: []string{"logs-one"}, Transport: hidesShards{}})
		require.NoError(t, err)
		p = nil
		q := logs.Query{From: now.Add(-time.Minute), Limit: 100}
		ids, warnings := drain(blind, q, &p)
		require.Equal(t, []string{"logs-one/a"}, ids)
		require.Contains(t, warnings[0], "arrives more than 30s late is missed")
		put("logs-one", "c", "chat", now.Add(time.Second))
		ids, _ = drain(blind, q, &p)
		require.Equal(t, []string{"logs-one/a", "logs-one/c"}, ids, "the overlap is read again, for what came late")
	})
}

// hidesShards is an account without the privilege to see the settings.
type hidesShards struct{}

func (hidesShards) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "/_settings") {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"error":{"type":"security_exception","reason":"action [indices:monitor/settings/get] is unauthorized for user [ann]"},"status":403}`)),
	}, nil
}
