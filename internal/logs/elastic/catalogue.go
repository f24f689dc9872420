package elastic

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/fail"
)

// catalogue is the indices behind the pattern, as they are now.
type catalogue struct {
	at      time.Time
	indices []indexInfo
}

type indexInfo struct {
	name, uuid string
	shards     int
	// grace is how long a number that is not visible may still be under way.
	grace   time.Duration
	created time.Time
	// derived says that the index was made of others (shrunk, split, cloned,
	// mounted from a snapshot): what it holds at first is not new.
	derived bool
	// filter is that of the alias by which the index is reached.
	filter dsl
}

// catalogueAge is how old a catalogue may be. What a new index holds is read
// from its beginning, so nothing is lost by noticing it late.
const catalogueAge = 500 * time.Millisecond

// hidesNumbers says that the store can't be followed by sequence numbers.
type hidesNumbers struct{ error }

func (h hidesNumbers) Unwrap() error { return h.error }

func (s *Store) catalogue(ctx context.Context) (*catalogue, error) {
	s.mu.Lock()
	known := s.indices
	s.mu.Unlock()
	now := s.o.Now()
	if known != nil && now.Sub(known.at).Abs() < catalogueAge {
		return known, nil
	}
	if slices.ContainsFunc(s.o.Index, func(name string) bool { return strings.Contains(name, ":") }) {
		return nil, hidesNumbers{fail.New(fail.Refused, "indices of another cluster don't show their shards")}
	}
	var answer map[string]struct {
		Settings map[string]json.RawMessage `json:"settings"`
	}
	yes := true
	_, err := s.do(ctx, "listing the indices", esapi.IndicesGetSettingsRequest{
		Index: s.o.Index, FlatSettings: &yes, IgnoreUnavailable: &yes, AllowNoIndices: &yes, ExpandWildcards: "open",
		Name: []string{"index.uuid", "index.number_of_shards", "index.refresh_interval", "index.resize.source.uuid", "index.store.type", "index.creation_date"},
	}, &answer)
	if refusedWith(err, http.StatusForbidden, http.StatusBadRequest, http.StatusMethodNotAllowed) {
		return nil, hidesNumbers{err}
	}
	if err != nil {
		return nil, err
	}
	c := &catalogue{at: now}
	for name, index := range answer {
		get := func(key string) string {
			var v string
			_ = json.Unmarshal(index.Settings[key], &v) // absent is ""
			return v
		}
		info := indexInfo{name: name, uuid: get("index.uuid"), grace: s.o.Grace}
		info.shards, _ = strconv.Atoi(get("index.number_of_shards"))
		if info.uuid == "" || info.shards < 1 {
			return nil, hidesNumbers{fail.New(fail.Refused, "the index %s does not show its identity", name)}
		}
		if ms, err := strconv.ParseInt(get("index.creation_date"), 10, 64); err == nil {
			info.created = time.UnixMilli(ms)
		}
		info.derived = get("index.resize.source.uuid") != "" || get("index.store.type") == "snapshot"
		info.grace = max(info.grace, 4*refreshInterval(get("index.refresh_interval")))
		c.indices = append(c.indices, info)
	}
	slices.SortFunc(c.indices, func(a, b indexInfo) int { return strings.Compare(a.name, b.name) })
	if err := s.aliasFilters(ctx, c, known); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.indices = c
	s.mu.Unlock()
	return c, nil
}

// forgetCatalogue has the next poll look again.
func (s *Store) forgetCatalogue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indices != nil {
		s.indices = &catalogue{indices: s.indices.indices}
	}
}

func refreshInterval(v string) time.Duration {
	switch {
	case v == "":
		return time.Second
	case strings.HasPrefix(v, "-"): // only on demand
		return 10 * time.Minute
	}
	if d, err := time.ParseDuration(v); err == nil {
		return d
	}
	if n, err := strconv.ParseFloat(strings.TrimSuffix(v, "d"), 64); err == nil {
		return time.Duration(n * float64(24*time.Hour))
	}
	return time.Second
}

// aliasFilters finds the filters of aliases: a shard is asked by its index's
// own name, which would go around them. It asks only when there is an index
// that was not there before.
func (s *Store) aliasFilters(ctx context.Context, c *catalogue, before *catalogue) error {
	known := map[string]dsl{}
	if before != nil {
		for _, i := range before.indices {
			known[i.uuid] = i.filter
		}
	}
	fresh := false
	for i := range c.indices {
		filter, ok := known[c.indices[i].uuid]
		c.indices[i].filter = filter
		fresh = fresh || !ok
	}
	if !fresh {
		return nil
	}
	var answer struct {
		Indices map[string]struct {
			Filter dsl `json:"filter"`
		} `json:"indices"`
	}
	yes := true
	_, err := s.do(ctx, "listing the shards", esapi.SearchShardsRequest{
		Index: s.o.Index, IgnoreUnavailable: &yes, AllowNoIndices: &yes, ExpandWildcards: "open",
	}, &answer)
	if refusedWith(err, http.StatusForbidden, http.StatusBadRequest, http.StatusMethodNotAllowed) {
		return hidesNumbers{err}
	}
	if err != nil {
		return err
	}
	for i := range c.indices {
		if f := answer.Indices[c.indices[i].name].Filter; len(f) > 0 {
			c.indices[i].filter = f
		}
	}
	return nil
}
