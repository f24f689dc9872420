package bundle

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

// closing reports whether a line ends a stream.
func closing(line []byte) bool {
	var head struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(line, &head) == nil && (head.Type == "result" || head.Type == "error")
}

// wider answers a question from the answer to a wider one, where that is
// exact: a search of logs whose filter and window lie within a recorded search
// that left nothing out. nil is none.
func (p *Player) wider(want *Entry) (*Entry, error) {
	if want.Operation != api.LogsSearch.ID {
		return nil, nil //nolint:nilnil // none is no failure
	}
	q, ok := searchOf(want.Input.Query)
	if !ok || q.Raw != "" || q.Before > 0 || q.After > 0 || q.Around > 0 {
		return nil, nil //nolint:nilnil // as above
	}
	from, to := p.window(q.LogFilter)
	filter := q.LogFilter
	filter.From, filter.To = from, to
	compiled, err := logs.Compile(filter)
	if err != nil {
		return nil, err
	}
	if q.To.IsZero() {
		compiled.To = time.Time{}
	}
	match := logs.Matcher(compiled)
	for _, e := range p.b.Entries {
		if e.Operation != want.Operation || e.Context != want.Context || e.Status != http.StatusOK {
			continue
		}
		answer, ok := p.covers(e, q, from, to)
		if !ok {
			continue
		}
		out := api.LogAnswer{Entries: []api.LogEntry{}, Client: []string{}, Warnings: answer.Warnings, From: from}
		if out.Warnings == nil {
			out.Warnings = []string{}
		}
		for i := range answer.Entries {
			if match(&answer.Entries[i]) {
				out.Entries = append(out.Entries, answer.Entries[i])
			}
		}
		if q.Limit > 0 && len(out.Entries) > q.Limit {
			out.Entries, out.More = out.Entries[len(out.Entries)-q.Limit:], true
		}
		body, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		return &Entry{
			Operation: e.Operation, Context: e.Context, Status: http.StatusOK, ContentType: "application/json",
			After: e.After, Body: body,
		}, nil
	}
	return nil, nil //nolint:nilnil // as above
}

// covers reports whether a recorded search holds every entry that q asks for.
func (p *Player) covers(e *Entry, q api.LogSearchInput, from, to time.Time) (api.LogAnswer, bool) {
	var answer api.LogAnswer
	r, ok := searchOf(e.Input.Query)
	if !ok || r.Raw != "" || r.Before > 0 || r.After > 0 || r.Around > 0 {
		return answer, false
	}
	if err := json.Unmarshal(e.Body, &answer); err != nil || answer.More {
		return answer, false
	}
	begin, end := p.window(r.LogFilter)
	if from.Before(begin) || !q.To.IsZero() && to.After(end) && !r.To.IsZero() || q.To.IsZero() && !r.To.IsZero() && r.To.Before(p.b.Manifest.Recorded) {
		return answer, false
	}
	// A part of the filter is either absent in the recorded question, or the
	// same in both.
	same := func(recorded, asked any) bool {
		v := reflect.ValueOf(recorded)
		return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 || reflect.DeepEqual(recorded, asked)
	}
	return answer, same(r.Text, q.Text) && same(r.Service, q.Service) && same(r.Level, q.Level) && same(r.Where, q.Where) &&
		same(r.Grep, q.Grep) && same(r.Trace, q.Trace)
}

// window is the window of a search as the server fills it in.
func (p *Player) window(f api.LogFilter) (from, to time.Time) {
	from, to = f.From, f.To
	if to.IsZero() {
		to = p.b.Manifest.Recorded
	}
	if from.IsZero() {
		span := time.Hour
		if f.Trace != "" {
			span = 24 * time.Hour
		}
		from = to.Add(-span)
	}
	return from.UTC(), to.UTC()
}

func searchOf(query string) (api.LogSearchInput, bool) {
	var in api.LogSearchInput
	values, err := url.ParseQuery(query)
	if err != nil {
		return in, false
	}
	return in, fill(&in, values)
}
