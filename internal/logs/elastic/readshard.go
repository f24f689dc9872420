package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/fail"
)

// ask is one search of one shard.
type ask struct {
	index string
	shard int
	body  dsl
}

// together is how many searches go in one request.
const together = 64

// ask sends searches of single shards, many in one request, and gives their
// answers in order.
func (s *Store) ask(ctx context.Context, asks []ask) ([]*answer, error) {
	out := make([]*answer, 0, len(asks))
	for chunk := range slices.Chunk(asks, together) {
		var body bytes.Buffer
		for _, a := range chunk {
			body.Write(encode(dsl{"index": a.index, "preference": fmt.Sprintf("_shards:%d", a.shard)}).Bytes())
			body.Write(encode(a.body).Bytes())
		}
		var answers struct {
			Responses []*answer `json:"responses"`
		}
		if _, err := s.do(ctx, "following the log", esapi.MsearchRequest{Body: &body}, &answers); err != nil {
			return nil, err
		}
		if len(answers.Responses) != len(chunk) || slices.Contains(answers.Responses, nil) {
			return nil, fail.New(fail.Unavailable, "following the log: %s gave %d answers to %d questions", s.url, len(answers.Responses), len(chunk)).
				Hint("check the context's URL: is it the store's own?")
		}
		out = append(out, answers.Responses...)
	}
	return out, nil
}

// reading is what is asked of a shard.
type reading struct {
	sh    *shard
	holes bool  // it asks for the open numbers
	far   bool  // what it reads is settled
	upTo  int64 // the last number that is asked for
	plain bool  // every visible document is wanted
	size  int
}

// read reads what is new of every shard that has something.
func (t *poll) read(ctx context.Context) error {
	var busy []*shard
	for _, sh := range t.shards {
		if sh.known && (sh.at.Max < sh.top || len(sh.at.Holes) > 0) {
			busy = append(busy, sh)
		}
	}
	if len(busy) == 0 {
		return nil
	}
	size := max(t.limit/len(busy), 1)
	var readings []reading
	var asks []ask
	for _, sh := range busy {
		if len(sh.at.Holes) > 0 {
			r := reading{sh: sh, holes: true, size: max(size, 100)}
			readings, asks = append(readings, r), append(asks, t.askHoles(r))
		}
		if sh.at.Max < sh.top {
			r := reading{sh: sh, size: min(size, near)}
			asks = append(asks, t.askNew(&r))
			readings = append(readings, r)
		}
	}
	answers, err := t.s.ask(ctx, asks)
	if err != nil {
		return err
	}
	for i, r := range readings {
		ok, err := t.answered(r.sh, answers[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if r.holes {
			t.takeHoles(r, answers[i])
		} else if err := t.takeNew(r, answers[i]); err != nil {
			return err
		}
	}
	return nil
}

// page is the part of a search that every reading has.
func (t *poll) page(r reading) dsl {
	body := dsl{
		"size": r.size, "sort": []dsl{{"_seq_no": "asc"}}, "seq_no_primary_term": true, "track_total_hits": false,
	}
	if !slices.Contains(t.c.caps.odd, r.sh.index.name) {
		body["docvalue_fields"] = timeField(t.c.caps)
	}
	return body
}

func (t *poll) askHoles(r reading) ask {
	body := t.page(r)
	body["query"] = all(r.sh.at.Holes.query(near), t.c.filter, r.sh.filter())
	return ask{r.sh.index.name, r.sh.n, body}
}

// filter is the alias's own.
func (sh *shard) filter() dsl {
	if sh.index.filter == nil {
		return matchAll()
	}
	return sh.index.filter
}

// wanted is the query for what is new: up to where the shard stood when the
// tail began, only what is from the tail's From on.
func (t *poll) wanted(sh *shard) dsl {
	start := matchAll()
	if sh.at.Max < sh.at.Start && !t.p.From.IsZero() {
		tr := newTranslator(t.c.caps, false)
		start = anyOf(tr.within(t.p.From, timeless, over), ranged("_seq_no", dsl{"gt": sh.at.Start}))
	}
	return all(t.c.filter, sh.filter(), start)
}

func (t *poll) askNew(r *reading) ask {
	sh := r.sh
	body, want := t.page(*r), t.wanted(sh)
	if r.upTo = sh.top - near; sh.at.Max < r.upTo {
		r.far = true
		body["query"] = all(ranged("_seq_no", dsl{"gt": sh.at.Max, "lte": r.upTo}), want)
		return ask{sh.index.name, sh.n, body}
	}
	r.upTo = sh.at.Max + near
	body["query"] = ranged("_seq_no", dsl{"gt": sh.at.Max, "lte": r.upTo})
	if r.plain = want.is("match_all"); !r.plain {
		body["post_filter"] = want
		body["aggs"] = dsl{"visible": dsl{"terms": dsl{
			"field": "_seq_no", "size": near, "order": dsl{"_key": "asc"},
		}}}
	}
	return ask{sh.index.name, sh.n, body}
}

func (t *poll) takeHoles(r reading, a *answer) {
	for i := range a.Hits.Hits {
		h := &a.Hits.Hits[i]
		r.sh.at.Holes.remove(h.SeqNo)
		if e, ok := t.c.read.read(h, t.c.match); ok {
			r.sh.in.Fresh = t.now
			t.batch.Entries = append(t.batch.Entries, e)
		}
	}
	if len(a.Hits.Hits) == r.size {
		t.batch.More = true
	}
}

func (t *poll) takeNew(r reading, a *answer) error {
	at, hits := r.sh.at, a.Hits.Hits
	full := len(hits) >= r.size
	to := at.Max
	switch {
	case full:
		to = hits[len(hits)-1].SeqNo
	case r.far:
		to = r.upTo
	}
	if !r.far {
		visible, err := visibleNumbers(r, a)
		if err != nil {
			return err
		}
		if !full && len(visible) > 0 {
			to = visible[len(visible)-1]
		}
		next := at.Max + 1
		for _, n := range visible {
			if n > to {
				break
			}
			if n > next {
				at.Holes.add(next, n-1, t.now)
			}
			next = n + 1
		}
	}
	t.take(r.sh, hits)
	t.moved = t.moved || to > at.Max
	if at.Max = max(at.Max, to); at.AgainTerm > 0 && at.Max >= at.Again {
		at.Again, at.AgainTerm = 0, 0
	}
	if full || r.far {
		t.batch.More = true
	}
	return nil
}

// visibleNumbers are the numbers that can be seen between the shard's Max and
// the last that was asked for, in order.
func visibleNumbers(r reading, a *answer) ([]int64, error) {
	var out []int64
	if r.plain {
		for i := range a.Hits.Hits {
			out = append(out, a.Hits.Hits[i].SeqNo)
		}
		return out, nil
	}
	var aggs struct {
		Visible struct {
			Buckets []struct {
				Key float64 `json:"key"`
			} `json:"buckets"`
		} `json:"visible"`
	}
	if err := json.Unmarshal(a.Aggregations, &aggs); err != nil {
		return nil, fail.New(fail.Unavailable, "following the log: the store's figures can't be read: %w", err)
	}
	for _, b := range aggs.Visible.Buckets {
		out = append(out, int64(b.Key))
	}
	return out, nil
}

// take puts what the query takes of the hits into the batch.
func (t *poll) take(sh *shard, hits []hit) {
	at := sh.at
	if len(hits) > 0 {
		sh.in.Fresh = t.now
	}
	for i := range hits {
		h := &hits[i]
		if at.AgainTerm > 0 && h.SeqNo <= at.Again && h.Term <= at.AgainTerm && !at.Holes.has(h.SeqNo) {
			continue // given before the primary changed
		}
		at.Holes.remove(h.SeqNo)
		e, ok := t.c.read.read(h, t.c.match)
		if ok && h.SeqNo <= at.Start && e.Time.Before(t.p.From) {
			ok = false // the translation of From takes a little more
		}
		if ok {
			t.batch.Entries = append(t.batch.Entries, e)
		}
	}
}
