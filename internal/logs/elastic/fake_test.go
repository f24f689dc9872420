package elastic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeCluster answers the requests of a tail as a cluster would, over shards
// whose documents become visible when the test says so. It understands the
// queries that this package makes for numbers, and no others.
type fakeCluster struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex // guards all below
	indices  map[string]*fakeIndex
	refuse   map[string]int // status by the last part of the path
	requests []string
	caps     string
}

type fakeIndex struct {
	uuid    string
	created int64
	shards  []*fakeShard
	extra   map[string]string // settings
}

// fakeShard is a shard: its documents by number, those that can be seen.
type fakeShard struct {
	visible map[int64]fakeDoc
	next    int64
	down    bool
}

type fakeDoc struct {
	id     string
	source string
	term   int64
}

const fakeCaps = `{"indices":["logs-a"],"fields":{
	"@timestamp":{"date":{"type":"date","searchable":true,"aggregatable":true}},
	"message":{"text":{"type":"text","searchable":true,"aggregatable":false}},
	"service.name":{"keyword":{"type":"keyword","searchable":true,"aggregatable":true}}}}`

func newFakeCluster(t *testing.T) *fakeCluster {
	f := &fakeCluster{t: t, indices: map[string]*fakeIndex{}, refuse: map[string]int{}, caps: fakeCaps}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeCluster) index(name, uuid string, shards int) *fakeIndex {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := &fakeIndex{uuid: uuid, created: 4e12, extra: map[string]string{}}
	for range shards {
		i.shards = append(i.shards, &fakeShard{visible: map[int64]fakeDoc{}})
	}
	f.indices[name] = i
	return i
}

// show makes a document with the number visible.
func (f *fakeCluster) show(s *fakeShard, seq int64, id string, term int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.visible[seq] = fakeDoc{id: id, term: term, source: fmt.Sprintf(`{"@timestamp":"2026-11-23T08:00:00.%03dZ","message":%q}`, seq%1000, id)}
}

func (f *fakeCluster) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	parts := strings.Split(r.URL.Path, "/")
	last := parts[len(parts)-1]
	for _, part := range parts {
		if strings.HasPrefix(part, "_") {
			last = part
			break
		}
	}
	f.requests = append(f.requests, last)
	if status := f.refuse[last]; status != 0 {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"type":"security_exception","reason":"action [indices:monitor/settings/get] is unauthorized for user [ann]"},"status":%d}`, status)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch last {
	case "_field_caps":
		_, _ = io.WriteString(w, f.caps)
	case "_mapping":
		_, _ = io.WriteString(w, `{"logs-a":{"mappings":{"message":{"mapping":{"message":{"type":"text"}}}}}}`)
	case "_settings":
		out := map[string]any{}
		for name, i := range f.indices {
			settings := map[string]string{
				"index.uuid": i.uuid, "index.number_of_shards": strconv.Itoa(len(i.shards)), "index.creation_date": strconv.FormatInt(i.created, 10),
			}
			maps.Copy(settings, i.extra)
			if strings.Contains(r.URL.Path, "analysis") {
				settings = nil
			}
			out[name] = map[string]any{"settings": settings}
		}
		_ = json.NewEncoder(w).Encode(out)
	case "_search_shards":
		_, _ = io.WriteString(w, `{"indices":{}}`)
	case "_msearch":
		answers := []any{}
		lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
		for i := 0; i+1 < len(lines); i += 2 {
			answers = append(answers, f.search(lines[i], lines[i+1]))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"responses": answers})
	default:
		f.t.Errorf("unexpected request %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotImplemented)
	}
}

func (f *fakeCluster) search(head, body []byte) any {
	var h struct{ Index, Preference string }
	var b struct {
		Size  int
		Query dsl
		Post  dsl `json:"post_filter"`
		Sort  []map[string]any
		Aggs  map[string]any
	}
	if json.Unmarshal(head, &h) != nil || json.Unmarshal(body, &b) != nil {
		f.t.Errorf("no JSON: %s %s", head, body)
	}
	index := f.indices[h.Index]
	n, err := strconv.Atoi(strings.TrimPrefix(h.Preference, "_shards:"))
	if index == nil || err != nil || n >= len(index.shards) {
		return map[string]any{"status": 404, "error": map[string]any{"type": "index_not_found_exception", "reason": "no such index [" + h.Index + "]"}}
	}
	shard := index.shards[n]
	if shard.down {
		return map[string]any{"_shards": map[string]int{"total": 1, "successful": 0}, "hits": map[string]any{"hits": []any{}}}
	}
	numbers := slices.Sorted(maps.Keys(shard.visible))
	if fmt.Sprint(b.Sort[0]["_seq_no"]) == "desc" {
		slices.Reverse(numbers)
	}
	hits, buckets := []any{}, []any{}
	for _, seq := range numbers {
		doc := shard.visible[seq]
		if !f.takes(b.Query, seq, doc) {
			continue
		}
		buckets = append(buckets, map[string]any{"key": seq, "doc_count": 1})
		if len(hits) < b.Size && (b.Post == nil || f.takes(b.Post, seq, doc)) {
			hits = append(hits, map[string]any{"_index": h.Index, "_id": doc.id, "_seq_no": seq, "_primary_term": doc.term, "_source": json.RawMessage(doc.source), "sort": []int64{seq}})
		}
	}
	out := map[string]any{"_shards": map[string]int{"total": 1, "successful": 1}, "hits": map[string]any{"hits": hits}}
	if b.Aggs != nil {
		out["aggregations"] = map[string]any{"visible": map[string]any{"buckets": buckets}}
	}
	return out
}

func (f *fakeCluster) takes(q map[string]any, seq int64, doc fakeDoc) bool {
	list := func(v any) (out []map[string]any) {
		for _, item := range v.([]any) {
			out = append(out, item.(map[string]any))
		}
		return out
	}
	for name, v := range q {
		arg := v.(map[string]any)
		switch name {
		case "match_all":
			return true
		case "match_none":
			return false
		case "bool":
			if filter, ok := arg["filter"]; ok {
				return !slices.ContainsFunc(list(filter), func(q map[string]any) bool { return !f.takes(q, seq, doc) })
			}
			return slices.ContainsFunc(list(arg["should"]), func(q map[string]any) bool { return f.takes(q, seq, doc) })
		case "terms":
			return slices.ContainsFunc(arg["_seq_no"].([]any), func(n any) bool { return int64(n.(float64)) == seq })
		case "wildcard": // a run in the message
			pattern := arg["message"].(map[string]any)["value"].(string)
			return strings.Contains(doc.source, strings.Trim(pattern, "*"))
		case "range":
			bounds, ok := arg["_seq_no"].(map[string]any)
			if !ok {
				return true // times: the entry decides
			}
			for op, bound := range bounds {
				n := int64(bound.(float64))
				if op == "gt" && seq <= n || op == "gte" && seq < n || op == "lte" && seq > n {
					return false
				}
			}
			return true
		}
	}
	require.Fail(f.t, "a query that the fake does not know", "%v", q)
	return false
}
