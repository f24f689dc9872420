package elastic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// How the tail loses nothing.
//
// A primary shard gives each write the next sequence number (_seq_no; Ho,
// "Sequence IDs: coming soon to an Elasticsearch cluster near you", 2017). A
// tail remembers, for each shard, the number up to which it has read, Max.
// Writes run side by side and become visible with a refresh, so that a number
// below Max may not be visible yet: those are the holes, and they are asked
// for until they show or until the grace is over (an update, a deletion or a
// failed write leaves a number empty for ever). Which numbers are visible is
// asked in the same search as the documents, so that both are of one moment,
// and without the query's filter, so that a document that does not match is
// no hole. Times play no part in it.
//
// When a primary fails, another copy becomes one, with a greater term. Writes
// that were never acknowledged may vanish then, and their numbers are given
// again. So a greater term has the last numbers read again, and what is there
// of the greater term is new.
//
// What lies more than near below a shard's greatest number is settled: it is
// read by filter alone. So a tail that begins in the past, or resumes late,
// reads up at the speed of a search.
const near = 10_000

// missingFor is how long an index must be away before it is called deleted: a
// cluster that starts up shows its indices one by one.
const missingFor = 5 * time.Second

// restingFor is how long an index must have taken nothing for its deletion to
// be no loss: retention deletes old indices every day.
const restingFor = 15 * time.Minute

// Next implements logs.Store. A batch's position is smaller than 8 MiB for
// any number of shards that a cluster can have. Where the account may not see
// the shards, it follows the time instead, reads Options.Overlap again each
// time, and says so in Warnings.
func (s *Store) Next(ctx context.Context, q logs.Query, since logs.Position) (logs.Batch, error) {
	b, err := s.next(ctx, q, since, compileOptions{})
	if err != nil && tooHard(err) {
		b, err = s.next(ctx, q, since, compileOptions{plainly: true})
	}
	for attempt := 0; errors.Is(err, errFieldsChanged); attempt++ {
		if attempt == 5 { // every read has met another mapping
			return b, fail.New(fail.Unavailable, "following the log: the fields of the indices change faster than they can be read").
				Hint("leave the field out of the query, and filter its output")
		}
		b, err = s.next(ctx, q, since, compileOptions{})
	}
	return b, err
}

// errFieldsChanged says that a filter was translated for fields that are no
// longer what they were: the read may lack documents and is done again.
var errFieldsChanged = errors.New("the fields have changed")

func (s *Store) next(ctx context.Context, q logs.Query, since logs.Position, o compileOptions) (logs.Batch, error) {
	if q.Limit <= 0 {
		q.Limit = s.o.Page
	}
	begin := len(since) == 0
	p := &position{From: q.From, Begun: s.o.Now().UTC().Truncate(time.Millisecond)}
	if !begin {
		var err error
		if p, err = parsePosition(since); err != nil {
			return logs.Batch{}, err
		}
	}
	caps, err := s.fieldCaps(ctx, capsAge)
	if err != nil {
		return logs.Batch{}, err
	}
	if p.Time != nil {
		return s.nextByTime(ctx, q, p, caps, o)
	}
	all, err := s.catalogue(ctx)
	if hidden := (hidesNumbers{}); begin && errors.As(err, &hidden) {
		p.Time = &timePosition{Low: q.From, Why: clip(hidden.Error())}
		return s.nextByTime(ctx, q, p, caps, o)
	}
	if err != nil {
		return logs.Batch{}, err
	}
	o.anyTime = true
	t := &poll{s: s, c: compile(caps, q, o), p: p, begin: begin, now: s.o.Now(), limit: q.Limit}
	if p.Indices == nil {
		p.Indices = map[string]*indexPosition{}
	}
	t.compare(all)
	if err := t.look(ctx); err != nil {
		return logs.Batch{}, err
	}
	if err := t.read(ctx); err != nil {
		return logs.Batch{}, err
	}
	if t.moved {
		ok, err := s.stillHold(ctx, caps, t.c.asked)
		if err != nil {
			return logs.Batch{}, err
		}
		if !ok {
			s.mu.Lock()
			s.caps = nil
			s.mu.Unlock()
			return logs.Batch{}, errFieldsChanged
		}
	}
	t.tidy()
	t.batch.Next = p.bytes(t.now)
	return t.batch, nil
}

// poll is one call of Next.
type poll struct {
	s      *Store
	c      *compiled
	p      *position
	begin  bool
	now    time.Time
	limit  int
	shards []*shard
	moved  bool // something was read
	batch  logs.Batch
}

// shard is one that is read in this poll.
type shard struct {
	index indexInfo
	in    *indexPosition
	n     int
	at    *shardPosition
	fresh bool  // it has not been looked at before
	top   int64 // the greatest visible number, -1 for none
	term  int64 // of the document with that number
	known bool  // top is
}

// compare brings the position and the indices together.
func (t *poll) compare(c *catalogue) {
	names := map[string]string{}
	for _, index := range c.indices {
		names[index.name] = index.uuid
		in := t.p.Indices[index.uuid]
		if in == nil {
			in = &indexPosition{Name: index.name, Shards: map[int]*shardPosition{}, Fresh: t.now}
			// A minute is more than the clocks of healthy hosts differ.
			in.Old = t.begin || index.created.Before(t.p.Begun.Add(-time.Minute))
			t.p.Indices[index.uuid] = in
		}
		in.Name, in.Missing, in.Said = index.name, time.Time{}, false
		for n := range index.shards {
			sh := &shard{index: index, in: in, n: n, at: in.Shards[n]}
			if sh.at == nil {
				sh.at, sh.fresh = &shardPosition{Max: -1, Start: -1}, true
			}
			t.shards = append(t.shards, sh)
		}
	}
	for _, uuid := range slices.Sorted(maps.Keys(t.p.Indices)) {
		in := t.p.Indices[uuid]
		if now, there := names[in.Name]; there && now == uuid {
			continue
		}
		if in.Missing.IsZero() {
			in.Missing = t.now
		}
		replaced := names[in.Name] != ""
		if in.Said || !replaced && t.now.Sub(in.Missing) < missingFor {
			continue
		}
		in.Said = true
		why := "was deleted or closed"
		if replaced {
			why = "was replaced by a new index of the same name"
		}
		if t.now.Sub(in.Fresh) > restingFor {
			t.warn("the index %s %s; it had taken nothing for %s", in.Name, why, t.now.Sub(in.Fresh).Round(time.Minute))
			continue
		}
		t.batch.Gaps = append(t.batch.Gaps, api.LogGap{From: t.p.At, To: t.now, Reason: fmt.Sprintf(
			"the index %s %s: what it took since it was last read is lost to this tail", in.Name, why)})
	}
}

// look asks every shard for its greatest number.
func (t *poll) look(ctx context.Context) error {
	asks := make([]ask, len(t.shards))
	for i, sh := range t.shards {
		asks[i] = ask{index: sh.index.name, shard: sh.n, body: dsl{
			"size": 1, "query": matchAll(), "sort": []dsl{{"_seq_no": "desc"}},
			"_source": false, "seq_no_primary_term": true, "track_total_hits": false,
		}}
	}
	answers, err := t.s.ask(ctx, asks)
	if err != nil {
		return err
	}
	for i, sh := range t.shards {
		ok, err := t.answered(sh, answers[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		sh.known, sh.top = true, -1
		if hits := answers[i].Hits.Hits; len(hits) > 0 {
			sh.top, sh.term = hits[0].SeqNo, hits[0].Term
		}
		t.place(sh)
	}
	if len(t.shards) > 0 && !slices.ContainsFunc(t.shards, func(sh *shard) bool { return sh.known }) {
		t.s.forgetCatalogue()
		return fail.New(fail.Unavailable, "following the log: no shard answers: %s", t.batch.Warnings[0]).
			Hint("the cluster is starting, or its indices are red: aictl status")
	}
	return nil
}

// answered says whether the shard has an answer; why not becomes a warning.
func (t *poll) answered(sh *shard, a *answer) (bool, error) {
	if len(a.Error) > 0 {
		err := t.s.refused("following the log", a.Status, http.Header{}, []byte(`{"error":`+string(a.Error)+`}`))
		switch fail.CodeOf(err) { //nolint:exhaustive // the others concern this shard alone
		case fail.Auth, fail.Forbidden, fail.Limited:
			return false, err
		case fail.NotFound:
			t.s.forgetCatalogue()
		case fail.Usage:
			if tooHard(err) {
				return false, err
			}
		}
		t.warn("shard %d of %s does not answer, and is read when it does: %s", sh.n, sh.index.name, clip(err.Error()))
		return false, nil
	}
	if a.Shards.Successful < 1 || a.Shards.Failed > 0 || a.TimedOut {
		why := "it is not assigned"
		if w := a.warnings(); len(w) > 0 {
			why = w[0]
		}
		t.warn("shard %d of %s does not answer, and is read when it does: %s", sh.n, sh.index.name, why)
		return false, nil
	}
	return true, nil
}

func (t *poll) warn(format string, args ...any) {
	t.batch.Warnings = append(t.batch.Warnings, fmt.Sprintf(format, args...))
}

// place decides from where a shard is read, once its top is known.
func (t *poll) place(sh *shard) {
	at := sh.at
	switch {
	case sh.fresh:
		sh.in.Shards[sh.n] = at
		at.Term = sh.term
		switch {
		case sh.in.Old && (t.begin || !sh.index.derived):
			at.Start = sh.top
		case sh.index.derived:
			at.Max, at.Start = sh.top, sh.top
			t.warn("the index %s was made of others: what it held when it appeared is taken for known", sh.index.name)
		}
	case sh.term > at.Term && at.Term > 0 && at.Max >= 0:
		// Another primary: see above.
		at.Again, at.AgainTerm = at.Max, at.Term
		if sh.top < at.Max-near {
			t.batch.Gaps = append(t.batch.Gaps, api.LogGap{From: t.p.At, To: t.now, Reason: fmt.Sprintf(
				"shard %d of %s was restored from an older copy: what it took since is lost", sh.n, sh.index.name)})
			at.Max = -1
		} else {
			at.Max = max(at.Max-near, -1)
		}
		at.Term = sh.term
	case sh.term > at.Term:
		at.Term = sh.term
	}
	at.Holes.expire(t.now.Add(-sh.index.grace))
}

// tidy bounds the position.
func (t *poll) tidy() {
	var gone []string
	for uuid, in := range t.p.Indices {
		if in.Said {
			gone = append(gone, uuid)
		}
	}
	// An index that was closed may come back: the last ones are remembered.
	const remembered = 64
	slices.SortFunc(gone, func(a, b string) int {
		return t.p.Indices[b].Missing.Compare(t.p.Indices[a].Missing)
	})
	for _, uuid := range gone[min(len(gone), remembered):] {
		delete(t.p.Indices, uuid)
	}
	for _, sh := range t.shards {
		if n := sh.at.Holes.bound(maxHoles); n > 0 {
			t.warn("shard %d of %s has too many numbers open: %d of them are no longer waited for", sh.n, sh.index.name, n)
		}
	}
}
