package assistant

import (
	"math"
	"slices"
	"strings"
)

// The usual parameters of BM25.
const (
	bm25K1 = 1.2
	bm25B  = 0.75
)

// index ranks documents by BM25 (Robertson and Zaragoza, "The Probabilistic
// Relevance Framework: BM25 and Beyond", Foundations and Trends in Information
// Retrieval 3(4), 2009), with the idf of Lucene that is never negative. The
// small libraries there are have one user each; this is less than their glue.
type index struct {
	counts  []map[string]float64
	lengths []float64
	mean    float64
	holds   map[string]int // documents that hold the term
}

// hit is one found document.
type hit struct {
	doc   int
	score float64
	// share is the part of the query's weight that the document holds, 0 to 1.
	share float64
}

// newIndex takes the terms of each document; a term counts as often as it
// stands there.
func newIndex(docs [][]string) *index {
	x := &index{holds: map[string]int{}}
	total := 0.0
	for _, d := range docs {
		count := map[string]float64{}
		for _, t := range d {
			if count[t]++; count[t] == 1 {
				x.holds[t]++
			}
		}
		x.counts = append(x.counts, count)
		x.lengths = append(x.lengths, float64(len(d)))
		total += float64(len(d))
	}
	x.mean = math.Max(1, total/math.Max(1, float64(len(docs))))
	return x
}

func (x *index) idf(term string) float64 {
	n := float64(x.holds[term])
	return math.Log(1 + (float64(len(x.counts))-n+0.5)/(n+0.5))
}

// search gives the documents that hold any term, best first; equal scores in
// the order of the documents.
func (x *index) search(query []string) []hit {
	query = slices.Compact(sorted(slices.Clone(query)))
	weight := 0.0
	for _, t := range query {
		weight += x.idf(t)
	}
	hits := []hit{}
	for i, count := range x.counts {
		h := hit{doc: i}
		for _, t := range query {
			f := count[t]
			if f == 0 {
				continue
			}
			h.score += x.idf(t) * f * (bm25K1 + 1) / (f + bm25K1*(1-bm25B+bm25B*x.lengths[i]/x.mean))
			h.share += x.idf(t) / weight
		}
		if h.score > 0 {
			hits = append(hits, h)
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return a.doc - b.doc
	})
	return hits
}

// stop are words without weight in a search.
var stop = of(`a an the is are be do does did i me my you your we it its to of in on at for with and or not how what which
when where why who can could should would please this that there from by as if so any some want need like show tell
give way use using get have has will one command flag steps`)

// same are words that mean the same here.
var same = map[string]string{
	"signin": "login", "key": "token", "keys": "token", "credential": "token", "password": "token",
	"conversation": "session", "history": "session", "llm": "provider", "ollama": "provider", "vllm": "provider",
	"upstream": "provider", "postgresql": "postgres", "pg": "postgres", "database": "store", "prediction": "forecast",
	"outlier": "anomaly", "shutdown": "down", "config": "configuration", "configure": "configuration", "launch": "start",
	"boot": "start", "csv": "series", "autocomplete": "completion", "permission": "role",
}

// terms are the stems of a text's words, without the stop words.
func terms(text string) []string {
	out := []string{}
	for _, w := range words(text) {
		for _, part := range strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '_' }) {
			if stop[part] {
				continue
			}
			if s, ok := same[part]; ok {
				part = s
			}
			part = stem(part)
			if s, ok := same[part]; ok {
				part = s
			}
			out = append(out, stem(part))
		}
	}
	return out
}

// stem drops the commonest English endings; it only has to be the same for a
// question and for the manual.
func stem(w string) string {
	for _, end := range []string{"ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e", "y"} {
		if root, ok := strings.CutSuffix(w, end); ok && len(root) >= 3 && !(end == "s" && strings.HasSuffix(root, "s")) {
			return root
		}
	}
	return w
}
