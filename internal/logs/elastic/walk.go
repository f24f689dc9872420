package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// answer is what a search gives.
type answer struct {
	PIT      string `json:"pit_id"`
	TimedOut bool   `json:"timed_out"`
	Shards   struct {
		Total      int `json:"total"`
		Successful int `json:"successful"`
		Failed     int `json:"failed"`
		Failures   []struct {
			Index  string `json:"index"`
			Shard  int    `json:"shard"`
			Reason cause  `json:"reason"`
		} `json:"failures"`
	} `json:"_shards"`
	Hits struct {
		Hits []hit `json:"hits"`
	} `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations"`
	// Of one search among several.
	Error  json.RawMessage `json:"error"`
	Status int             `json:"status"`
}

// warnings is what the answer lacks.
func (a *answer) warnings() []string {
	var out []string
	if a.Shards.Failed > 0 {
		why := ""
		if len(a.Shards.Failures) > 0 {
			f := a.Shards.Failures[0]
			reason := &f.Reason
			if reason.Caused != nil && reason.Caused.Reason != "" {
				reason = reason.Caused
			}
			why = fmt.Sprintf(": %s of %s: %s", "shard "+fmt.Sprint(f.Shard), f.Index, clip(reason.Reason))
		}
		out = append(out, fmt.Sprintf("%d of %d shards did not answer%s", a.Shards.Failed, a.Shards.Total, why))
	}
	if a.TimedOut {
		out = append(out, "the store gave up before it had searched everything")
	}
	return out
}

// walk goes over the documents of a query page by page, in order of time.
type walk struct {
	s      *Store
	c      *compiled
	newest bool // backwards
	pit    string
	kind   string
	after  []json.RawMessage
	done   bool
	// warnings are those of all pages, each once.
	warnings []string
}

const keepAlive = "2m"

// target is the indices to search: without those in which the time is no date.
func (s *Store) target(caps *fieldCaps) (index []string, warnings []string) {
	index = s.o.Index
	if len(caps.odd) == 0 || !strings.Contains(strings.Join(index, ","), "*") {
		return index, nil
	}
	index = slices.Clone(index)
	for _, name := range caps.odd {
		index = append(index, "-"+name)
	}
	return index, []string{fmt.Sprintf("the field %s is no date in %s: left out", caps.members.Time, clip(strings.Join(caps.odd, ", ")))}
}

// open begins a walk. A frozen view is taken for the walk where the store has
// one; without, the pages are still each other's continuation, for the order
// is total and later writes only add to it.
func (s *Store) open(ctx context.Context, c *compiled, newest, frozen bool) *walk {
	w := &walk{s: s, c: c, newest: newest}
	index, warnings := s.target(c.caps)
	w.warnings = warnings
	if !frozen {
		return w
	}
	w.kind = s.kind(ctx)
	var r request
	yes := true
	if w.kind == openSearch {
		r = raw{method: http.MethodPost, path: "/" + strings.Join(index, ",") + "/_search/point_in_time?keep_alive=" + keepAlive}
	} else {
		r = esapi.OpenPointInTimeRequest{Index: index, KeepAlive: keepAlive, IgnoreUnavailable: &yes}
	}
	var view struct {
		ID    string `json:"id"`
		PITID string `json:"pit_id"`
	}
	if _, err := s.do(ctx, "opening a point in time", r, &view); err == nil {
		w.pit = view.ID + view.PITID // each store has one of the two
	}
	return w
}

// close lets go of the frozen view. It is sent even when ctx has ended, for
// the view would hold the store's files until it lapses.
func (w *walk) close(ctx context.Context) {
	if w.pit == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	var r request
	if w.kind == openSearch {
		r = raw{method: http.MethodDelete, path: "/_search/point_in_time", body: dsl{"pit_id": []string{w.pit}}}
	} else {
		r = esapi.ClosePointInTimeRequest{Body: encode(dsl{"id": w.pit})}
	}
	_, _ = w.s.do(ctx, "closing a point in time", r, nil) // it lapses by itself
	w.pit = ""
}

// sorted is the order of a walk: by time, then by what tells documents of one
// instant apart. Two shards of one index can share all three; see trim.
func (w *walk) sorted() []dsl {
	order, missing := "asc", "_first"
	if w.newest {
		order, missing = "desc", "_last"
	}
	at := dsl{"order": order, "missing": missing, "unmapped_type": "date"}
	if w.c.caps.nanos {
		at["numeric_type"] = "date_nanos"
		delete(at, "missing") // nanoseconds can't say "before all"
	}
	return []dsl{{w.c.caps.members.Time: at}, {"_seq_no": dsl{"order": order}}, {"_index": dsl{"order": order}}}
}

// next gives the next page's documents; none at the end.
func (w *walk) next(ctx context.Context, size int) ([]hit, error) {
	if w.done {
		return nil, nil
	}
	size = max(min(size, maxWindow), 64) // so that a group of equals never fills a page
	for {
		a, err := w.page(ctx, size)
		if err != nil {
			if w.pit != "" && refusedWith(err, http.StatusNotFound) { // the view has lapsed
				w.pit = ""
				w.after = w.after[:min(len(w.after), 3)] // without the view's own tie-breaker
				continue
			}
			return nil, err
		}
		for _, warning := range a.warnings() {
			if !slices.Contains(w.warnings, warning) {
				w.warnings = append(w.warnings, warning)
			}
		}
		if w.pit != "" && a.PIT != "" {
			w.pit = a.PIT
		}
		hits := a.Hits.Hits
		if len(hits) < size {
			w.done = true
			return hits, nil
		}
		hits = trim(hits)
		w.after = hits[len(hits)-1].Sort
		return hits, nil
	}
}

// trim takes the last documents away that share one place in the order, unless
// they are all there are: the next page begins after the one before them, and
// has them all, wherever a page's end would have cut them.
func trim(hits []hit) []hit {
	same := func(a, b hit) bool {
		return slices.EqualFunc(a.Sort, b.Sort, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) })
	}
	n := len(hits) - 1
	for n > 0 && same(hits[n-1], hits[len(hits)-1]) {
		n--
	}
	if n == 0 || n == len(hits)-1 && len(hits[n].Sort) > 3 {
		return hits
	}
	return hits[:n]
}

func (w *walk) page(ctx context.Context, size int) (*answer, error) {
	body := dsl{
		"size": size, "query": w.c.filter, "sort": w.sorted(), "track_total_hits": false,
		"docvalue_fields": timeField(w.c.caps),
	}
	if len(w.after) > 0 {
		body["search_after"] = w.after
	}
	r := esapi.SearchRequest{Body: encode(body)}
	if w.pit != "" {
		body["pit"] = dsl{"id": w.pit, "keep_alive": keepAlive}
		r.Body = encode(body)
	} else {
		yes := true
		r.Index, _ = w.s.target(w.c.caps)
		r.IgnoreUnavailable, r.AllowNoIndices = &yes, &yes
	}
	var a answer
	_, err := w.s.do(ctx, "searching", r, &a)
	return &a, err
}

// timeField asks for the time as the index has it, in one form.
func timeField(caps *fieldCaps) []dsl {
	return []dsl{{"field": caps.members.Time, "format": dateFormat}}
}

// entries reads the hits, decides the query over each, and sorts the rest.
func (c *compiled) entries(hits []hit) []api.LogEntry {
	out := make([]api.LogEntry, 0, len(hits))
	for i := range hits {
		if e, ok := c.read.read(&hits[i], c.match); ok {
			out = append(out, e)
		}
	}
	logs.Sort(out)
	return out
}

// tooHard says that the store refuses a pattern that it could not afford: the
// query is asked again without, and the pattern decided here.
func tooHard(err error) bool {
	if fail.CodeOf(err) != fail.Usage && !refusedWith(err, http.StatusBadRequest, http.StatusInternalServerError) {
		return false
	}
	text := err.Error()
	for _, sign := range []string{"eterminiz", "too_complex", "max_regex_length", "allow_expensive_queries", "TooComplexToDeterminize", "Can only use wildcard queries", "Can only use regexp queries"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
