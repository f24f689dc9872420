package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/embedded"
)

// esVersion is what we say that we are: shippers look for features by it. The
// bulk protocol that we speak is the same in 7, 8 and 9.
const esVersion = "8.17.0"

// Elasticsearch is the handler of the bulk API, and of what shippers ask
// before they use it.
func Elasticsearch(store Store, o Options) http.Handler {
	b := &bulk{store: store, o: o.withDefaults()}
	mux := http.NewServeMux()
	at := func(pattern string, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+o.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Elastic-Product", "Elasticsearch") // the clients insist on it
			h(w, r)
		})
	}
	at("GET /{$}", b.root)
	at("POST /_bulk", b.bulk)
	at("PUT /_bulk", b.bulk)
	at("POST /{index}/_bulk", b.bulk)
	// Templates, policies and indices are not needed here: saying yes lets a
	// shipper go on, and nothing is kept of them.
	yes := func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"acknowledged": true})
	}
	for _, path := range []string{"/_ilm/policy/{name}", "/_index_template/{name}", "/_component_template/{name}", "/_template/{name}", "/_ingest/pipeline/{name}", "/{index}"} {
		at("PUT "+path, yes)
		at("GET "+path, b.known)
	}
	at("PUT /_data_stream/{name}", yes)
	at("GET /_data_stream/{name}", b.known)
	at("GET /_license", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"license": map[string]any{"status": "active", "uid": "aictl", "type": "basic", "mode": "basic"}})
	})
	at("GET /_xpack", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"license":  map[string]any{"status": "active", "type": "basic", "mode": "basic"},
			"features": map[string]any{"ilm": map[string]any{"available": true, "enabled": true}},
		})
	})
	at("GET /_cluster/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"cluster_name": "aictl", "status": "green", "number_of_nodes": 1})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		refuse(w, http.StatusNotFound, "invalid_index_name_exception", "this endpoint takes logs by _bulk; "+r.Method+" here is not served")
	})
	return mux
}

type bulk struct {
	store Store
	o     Options
}

func (b *bulk) root(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"name": "aictl-server", "cluster_name": "aictl", "cluster_uuid": "aictl", "tagline": "You Know, for Search",
		"version": map[string]any{"number": esVersion, "build_flavor": "default", "build_type": "tar", "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0"},
	})
}

// known answers what a shipper asks about its own templates and indices: they
// are there as far as it is concerned.
func (b *bulk) known(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name") + r.PathValue("index")
	if strings.HasPrefix(name, "_") {
		refuse(w, http.StatusNotFound, "resource_not_found_exception", "this endpoint takes logs by _bulk")
		return
	}
	answer(w, http.StatusOK, map[string]any{name: map[string]any{}})
}

// item is the outcome of one document.
type item struct {
	Index  string     `json:"_index"`
	ID     string     `json:"_id,omitempty"`
	Status int        `json:"status"`
	Result string     `json:"result,omitempty"`
	Error  *itemError `json:"error,omitempty"`
}

type itemError struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// outcome is an item under the name of its action.
type outcome struct {
	action string
	item
}

// MarshalJSON writes {"create":{…}}.
func (o outcome) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]item{o.action: o.item})
}

// bulk takes newline-delimited pairs of action and document. Items are taken
// in order; when the store pushes back in the middle, the items that are left
// are answered with 429 each, as Elasticsearch does, and the shipper sends
// these again. A body that ends in the middle of a line is refused from there.
func (b *bulk) bulk(w http.ResponseWriter, r *http.Request) {
	start := b.o.Now()
	body := read(w, r, b.o.MaxBody)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") { // the server's middleware has unpacked it already; a bare handler has not
		z, err := gzip.NewReader(body)
		if err != nil {
			refuse(w, http.StatusBadRequest, "illegal_argument_exception", "the body is not gzip")
			return
		}
		body = http.MaxBytesReader(w, z, b.o.MaxBody)
	}
	// All of it before any is taken: a shipper sends a refused body again.
	whole, err := io.ReadAll(body)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		refuse(w, http.StatusRequestEntityTooLarge, "content_too_long_exception", "the body is longer than is taken at once; send smaller bulks")
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "illegal_argument_exception", "the body broke off")
		return
	}
	p := &bulkReader{o: b.o, index: r.PathValue("index"), lines: bufio.NewReaderSize(bytes.NewReader(whole), 64<<10)}
	var outcomes []outcome
	var pending []embedded.Entry
	var at []int // the outcome of each pending entry
	var stopped error
	flush := func() {
		if len(pending) == 0 {
			return
		}
		if stopped == nil {
			refused, err := b.store.Ingest(r.Context(), pending)
			stopped = err
			for i, o := range at {
				if why, is := refused.Why[i]; is {
					outcomes[o].Status, outcomes[o].Result, outcomes[o].Error = http.StatusBadRequest, "", &itemError{"document_parsing_exception", why}
				}
			}
		}
		if stopped != nil {
			code, kind := pushBack(stopped)
			for _, o := range at {
				outcomes[o].Status, outcomes[o].Result, outcomes[o].Error = code, "", &itemError{kind, stopped.Error()}
			}
		}
		pending, at = pending[:0], at[:0]
	}
	for {
		action, entry, err := p.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *badItem
		switch {
		case errors.As(err, &bad):
			outcomes = append(outcomes, outcome{action, item{Index: p.at, Status: http.StatusBadRequest, Error: &itemError{"document_parsing_exception", bad.why}}})
			continue
		case err != nil:
			if len(outcomes) == 0 {
				refuse(w, http.StatusBadRequest, "illegal_argument_exception", err.Error())
				return
			}
			outcomes = append(outcomes, outcome{"create", item{Index: p.at, Status: http.StatusBadRequest, Error: &itemError{"illegal_argument_exception", err.Error()}}})
			flush()
			b.reply(w, start.UnixMilli(), outcomes)
			return
		}
		at = append(at, len(outcomes))
		pending = append(pending, entry)
		outcomes = append(outcomes, outcome{action, item{Index: p.at, ID: p.id, Status: http.StatusCreated, Result: "created"}})
		if len(pending) == batch {
			flush()
		}
	}
	flush()
	if stopped != nil && allFailed(outcomes) {
		code, kind := pushBack(stopped)
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "5")
		}
		refuse(w, code, kind, stopped.Error())
		return
	}
	b.reply(w, start.UnixMilli(), outcomes)
}

func allFailed(list []outcome) bool {
	for _, o := range list {
		if o.Error == nil {
			return false
		}
	}
	return true
}

func (b *bulk) reply(w http.ResponseWriter, start int64, outcomes []outcome) {
	failed := false
	for _, o := range outcomes {
		failed = failed || o.Error != nil
	}
	if outcomes == nil {
		outcomes = []outcome{}
	}
	answer(w, http.StatusOK, struct {
		Took   int64     `json:"took"`
		Errors bool      `json:"errors"`
		Items  []outcome `json:"items"`
	}{b.o.Now().UnixMilli() - start, failed, outcomes})
}

func pushBack(err error) (status int, kind string) {
	if fail.CodeOf(err) == fail.Limited {
		return http.StatusTooManyRequests, "es_rejected_execution_exception"
	}
	return http.StatusServiceUnavailable, "unavailable_shards_exception"
}

// badItem is a fault of one item; the ones after it are read on.
type badItem struct{ why string }

// Error implements error.
func (e *badItem) Error() string { return e.why }

// bulkReader reads the items of a body.
type bulkReader struct {
	o      Options
	index  string // of the path
	lines  *bufio.Reader
	parser fastjson.Parser
	buffer []byte

	at, id string // of the item that was read last
}

// next gives the next document. io.EOF is the end.
func (p *bulkReader) next() (action string, e embedded.Entry, err error) {
	var line []byte
	for len(line) == 0 { // blank lines between items do no harm
		if line, err = p.line(); err != nil {
			return "", e, err
		}
	}
	head, err := p.parser.ParseBytes(line)
	if err != nil || head.Type() != fastjson.TypeObject {
		return "", e, errors.New("malformed action: a line with create or index is expected")
	}
	head.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		if action == "" {
			action, p.at, p.id = string(key), string(v.GetStringBytes("_index")), string(v.GetStringBytes("_id"))
		}
	})
	if p.at == "" {
		p.at = p.index
	}
	switch action {
	case "create", "index":
	case "update":
		if _, err := p.line(); err != nil {
			return action, e, unexpectedEnd(err)
		}
		return action, e, &badItem{"logs are not updated: use create"}
	case "delete":
		return action, e, &badItem{"logs are not deleted one by one: retention does it"}
	default:
		return "", e, errors.New("malformed action: create or index is expected")
	}
	if line, err = p.line(); err != nil {
		var bad *badItem
		if errors.As(err, &bad) {
			return action, e, err
		}
		return action, e, unexpectedEnd(err)
	}
	doc, err := p.parser.ParseBytes(line)
	if err != nil {
		return action, e, &badItem{"the document is not JSON"}
	}
	if doc.Type() != fastjson.TypeObject {
		return action, e, &badItem{"the document is not an object"}
	}
	e = embedded.FromDocument(doc, p.o.Now())
	if p.at != "" && !has(e.Fields, "event.dataset") && !has(e.Fields, "data_stream.dataset") {
		e.Fields = append(e.Fields, embedded.Field{Name: "event.dataset", Value: p.at})
	}
	return action, e, nil
}

func has(fields []embedded.Field, name string) bool {
	for i := range fields {
		if fields[i].Name == name {
			return true
		}
	}
	return false
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the body ends after an action: its document is missing")
	}
	return err
}

// line reads one line without its end. One that is too long is skipped and is
// a badItem.
func (p *bulkReader) line() ([]byte, error) {
	p.buffer = p.buffer[:0]
	long := false
	for {
		part, err := p.lines.ReadSlice('\n')
		if !long {
			p.buffer = append(p.buffer, part...)
		}
		if len(p.buffer) > p.o.MaxLine {
			long, p.buffer = true, p.buffer[:0]
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(p.buffer) > 0 || long):
		case err != nil:
			return nil, err
		}
		if long {
			return nil, &badItem{"the document is longer than is taken"}
		}
		return trim(p.buffer), nil
	}
}

func trim(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r' || line[len(line)-1] == ' ') {
		line = line[:len(line)-1]
	}
	return line
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a shipper that has gone asks again
}

// refuse answers in Elasticsearch's shape of errors.
func refuse(w http.ResponseWriter, status int, kind, reason string) {
	cause := map[string]any{"type": kind, "reason": reason}
	answer(w, status, map[string]any{"error": map[string]any{"root_cause": []any{cause}, "type": kind, "reason": reason}, "status": status})
}
