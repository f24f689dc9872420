package elastic

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/where"
)

// Mapping names the fields that hold the members of an entry, each in order:
// the first that a document has counts. What is empty is found out from the
// fields that the indices have, ECS's names first.
type Mapping struct {
	Time                           string
	Message, Level, Service, Trace []string
}

// What shippers and loggers call the members, ECS first.
var (
	timeNames    = []string{"@timestamp", "timestamp", "time", "ts", "datetime", "date", "eventTime", "Timestamp", "observed_timestamp"}
	messageNames = []string{"message", "msg", "log", "body.text", "body", "Body", "text", "log.message", "event.original"}
	levelNames   = []string{"log.level", "level", "severity", "severity_text", "SeverityText", "loglevel", "log_level", "levelname", "lvl"}
	serviceNames = []string{
		"service.name", "service", "resource.attributes.service.name", "app", "application", "service_name",
		"kubernetes.labels.app_kubernetes_io/name", "kubernetes.labels.app", "kubernetes.container.name", "kubernetes.container_name",
		"container.name", "process.name", "program", "syslog.appname",
	}
	traceNames = []string{"trace.id", "trace_id", "traceId", "traceID", "trace", "TraceId"}
)

// fieldCaps is what the indices say of their fields.
type fieldCaps struct {
	at      time.Time
	fields  map[string]fieldCap
	nested  []string // paths of nested objects: what is below can't be asked for plainly
	members Mapping  // what an entry is read from
	nanos   bool     // the time has nanoseconds in some index
	odd     []string // indices in which the time is no date
	// plain says that the texts of the messages are cut into words by the
	// standard rules, so that a run of letters and digits is within one word.
	plain bool
	given Mapping // what the options say
	// uniform says of a text whether every index that has it has its keyword
	// subfield too. It is found out when asked for; guarded by Store.mu.
	uniform map[string]bool
	many    bool // there is more than one index
}

// memberNames lists the fields that might hold a member, in any index.
func (f *fieldCaps) memberNames(own where.Own) []string {
	given, names := f.given.Message, messageNames
	switch own { //nolint:exhaustive // the others are not found out
	case where.OwnLevel:
		given, names = f.given.Level, levelNames
	case where.OwnService:
		given, names = f.given.Service, serviceNames
	case where.OwnTrace:
		given, names = f.given.Trace, traceNames
	}
	if len(given) > 0 {
		return given
	}
	return names
}

// fieldCap is one field over all indices.
type fieldCap struct {
	kind         string // the type; "conflict" where indices differ
	searchable   bool
	aggregatable bool
}

const capsAge = 30 * time.Second

func (c fieldCap) keyword() bool {
	return c.kind == "keyword" || c.kind == "constant_keyword" || c.kind == "wildcard"
}

func (c fieldCap) text() bool { return c.kind == "text" || c.kind == "match_only_text" }

func (c fieldCap) date() bool { return c.kind == "date" || c.kind == "date_nanos" }

// usable says whether plain queries on the field see it.
func (f *fieldCaps) usable(name string) bool {
	c, ok := f.fields[name]
	return ok && c.searchable && !slices.ContainsFunc(f.nested, func(path string) bool { return strings.HasPrefix(name, path+".") })
}

// exact is the field that holds whole values of name: itself, or its keyword
// subfield. sub says that it is a subfield, which often leaves long values out.
func (f *fieldCaps) exact(name string) (c fieldCap, path string, sub, ok bool) {
	if !f.usable(name) {
		return fieldCap{}, "", false, false
	}
	c = f.fields[name]
	if !c.text() {
		return c, name, false, true
	}
	for _, suffix := range []string{".keyword", ".raw"} {
		if k, has := f.fields[name+suffix]; has && k.searchable && k.keyword() {
			return k, name + suffix, true, true
		}
	}
	return c, name, false, false
}

// fieldCaps is what the indices say of their fields, at most capsAge old; no
// older than maxAge where that is shorter.
func (s *Store) fieldCaps(ctx context.Context, maxAge time.Duration) (*fieldCaps, error) {
	s.mu.Lock()
	known := s.caps
	s.mu.Unlock()
	now := s.o.Now()
	if known != nil && len(known.fields) > 0 && now.Sub(known.at).Abs() < min(capsAge, maxAge) {
		return known, nil
	}
	types, indices, err := s.fieldTypes(ctx, []string{"*"}, false)
	if err != nil {
		return nil, err
	}
	f := &fieldCaps{at: now, fields: make(map[string]fieldCap, len(types)), uniform: map[string]bool{}, many: len(indices) != 1}
	for name, of := range types {
		c := of.merged(name)
		if c.kind == "" {
			continue
		}
		f.fields[name] = c
		if _, ok := of["nested"]; ok {
			f.nested = append(f.nested, name)
		}
	}
	f.findMembers(s.o.Fields)
	if of := types[f.members.Time]; len(of) > 1 {
		for kind, t := range of {
			if kind == "date" || kind == "date_nanos" {
				f.fields[f.members.Time] = fieldCap{kind: conflicting(kind, "date_nanos"), searchable: true, aggregatable: true}
			} else if kind != "unmapped" {
				f.odd = append(f.odd, t.Indices...)
			}
		}
		sort.Strings(f.odd)
	}
	f.nanos = f.fields[f.members.Time].kind == "date_nanos"
	f.plain = s.plainText(ctx, f)
	s.mu.Lock()
	s.caps = f
	s.mu.Unlock()
	return f, nil
}

// fieldTypes is the types that one field has in the indices, by type.
type fieldTypes map[string]struct {
	Searchable   bool     `json:"searchable"`
	Aggregatable bool     `json:"aggregatable"`
	Metadata     bool     `json:"metadata_field"`
	Indices      []string `json:"indices"`
}

func (s *Store) fieldTypes(ctx context.Context, names []string, unmapped bool) (map[string]fieldTypes, []string, error) {
	var answer struct {
		Indices []string              `json:"indices"`
		Fields  map[string]fieldTypes `json:"fields"`
	}
	yes := true
	_, err := s.do(ctx, "reading the fields", esapi.FieldCapsRequest{
		Index: s.o.Index, Fields: names, IgnoreUnavailable: &yes, AllowNoIndices: &yes, IncludeUnmapped: &unmapped,
	}, &answer)
	return answer.Fields, answer.Indices, err
}

// checkSubfields finds out whether the keyword subfields that a query relies
// on are there in every index that has the text. Where not, the store can't
// count by them.
func (s *Store) checkSubfields(ctx context.Context, c *compiled) error {
	if !c.caps.many || len(c.subs) == 0 {
		return nil
	}
	for name := range c.subs {
		s.mu.Lock()
		uniform, known := c.caps.uniform[name]
		s.mu.Unlock()
		if !known {
			_, path, _, _ := c.caps.exact(name)
			types, _, err := s.fieldTypes(ctx, []string{name, path}, true)
			if err != nil {
				return err
			}
			lacking := types[name]["unmapped"].Indices
			uniform = !slices.ContainsFunc(types[path]["unmapped"].Indices, func(index string) bool { return !slices.Contains(lacking, index) })
			s.mu.Lock()
			c.caps.uniform[name] = uniform
			s.mu.Unlock()
		}
		if !uniform && c.exact {
			c.exact = false
			c.client = append(c.client, name+" (not every index has it as a keyword)")
		}
	}
	return nil
}

// merged is the field over all indices; nothing for one of the store's own.
func (of fieldTypes) merged(name string) fieldCap {
	c := fieldCap{searchable: true, aggregatable: true}
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		t := of[kind]
		if kind == "unmapped" {
			continue
		}
		if t.Metadata || strings.HasPrefix(name, "_") {
			return fieldCap{}
		}
		if c.kind != "" && c.kind != kind {
			kind = conflicting(c.kind, kind)
		}
		c.kind = kind
		c.searchable = c.searchable && t.Searchable
		c.aggregatable = c.aggregatable && t.Aggregatable
	}
	return c
}

// stillHold says whether the fields that a translation has looked at are what
// they were. A document can't be visible before its fields are known, so that
// a yes after a read says that the read was of the right fields.
func (s *Store) stillHold(ctx context.Context, caps *fieldCaps, asked map[string]bool) (bool, error) {
	if len(asked) == 0 {
		return true, nil
	}
	var names []string
	for name := range asked {
		names = append(names, name, name+".keyword", name+".raw")
	}
	sort.Strings(names)
	for chunk := range slices.Chunk(names, 60) { // they stand in the URL
		types, _, err := s.fieldTypes(ctx, chunk, false)
		if err != nil {
			return false, err
		}
		for _, name := range chunk {
			if name != caps.members.Time && types[name].merged(name).kind != caps.fields[name].kind {
				return false, nil
			}
		}
	}
	return true, nil
}

// conflict is the type of a field that indices disagree about.
const conflict = "conflict"

// conflicting is the type of a field that has two: one that can be asked for
// as both are, or conflict.
func conflicting(a, b string) string {
	same := func(kinds ...string) bool { return slices.Contains(kinds, a) && slices.Contains(kinds, b) }
	switch {
	case same("date", "date_nanos"):
		return "date_nanos"
	case same("keyword", "constant_keyword", "wildcard"):
		return "keyword"
	case same("text", "match_only_text"):
		return "text"
	case same("byte", "short", "integer", "long"):
		return "long"
	}
	return conflict
}

func (f *fieldCaps) findMembers(given Mapping) {
	m := given
	if m.Time == "" {
		m.Time = timeNames[0]
		for _, name := range timeNames {
			if c, ok := f.fields[name]; ok && (c.date() || c.kind == conflict) {
				m.Time = name
				break
			}
		}
	}
	f.given = given
	find := func(out *[]string, names []string) {
		if len(*out) > 0 {
			return
		}
		for _, name := range names {
			if c, ok := f.fields[name]; ok && c.kind != "object" && c.kind != "nested" && c.kind != "flattened" {
				*out = append(*out, name)
			}
		}
		if len(*out) == 0 {
			*out = names[:1]
		}
	}
	find(&m.Message, messageNames)
	find(&m.Level, levelNames)
	find(&m.Service, serviceNames)
	find(&m.Trace, traceNames)
	f.members = m
}

// checkTime says when the indices have no time to search by.
func (f *fieldCaps) checkTime() error {
	c, ok := f.fields[f.members.Time]
	if !ok {
		if len(f.fields) > 0 {
			return fail.New(fail.Usage, "the indices have no field %s, and none that is known to hold a time", f.members.Time).
				Hint("name the field with the time in the context's field mapping")
		}
		return nil // no index yet, or an empty one
	}
	if !c.date() {
		return fail.New(fail.Usage, "the field %s is of type %s in the indices, not a date", f.members.Time, c.kind).
			Hint("name a field of type date in the context's field mapping, or leave out the indices that differ")
	}
	return nil
}

// plainText asks whether the messages are analysed by the standard rules. An
// account that may not read the mapping gets the careful answer.
func (s *Store) plainText(ctx context.Context, f *fieldCaps) bool {
	var texts []string
	for _, name := range f.members.Message {
		if f.fields[name].text() {
			texts = append(texts, name)
		}
	}
	if len(texts) == 0 {
		return false
	}
	var answer map[string]struct {
		Mappings map[string]struct {
			Mapping map[string]struct {
				Analyzer string `json:"analyzer"`
			} `json:"mapping"`
		} `json:"mappings"`
	}
	yes := true
	_, err := s.do(ctx, "reading the mapping", esapi.IndicesGetFieldMappingRequest{
		Index: s.o.Index, Fields: texts, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
	}, &answer)
	if err != nil {
		return false
	}
	for _, index := range answer {
		for _, field := range index.Mappings {
			for _, m := range field.Mapping {
				if m.Analyzer != "" && m.Analyzer != "standard" && m.Analyzer != "default" {
					return false
				}
			}
		}
	}
	return s.defaultAnalyzer(ctx)
}

// defaultAnalyzer says whether the indices leave the standard analyzer as it is.
func (s *Store) defaultAnalyzer(ctx context.Context) bool {
	var answer map[string]struct {
		Settings map[string]json.RawMessage `json:"settings"`
	}
	yes := true
	_, err := s.do(ctx, "reading the settings", esapi.IndicesGetSettingsRequest{
		Index: s.o.Index, Name: []string{"index.analysis.analyzer.default*", "index.analysis.analyzer.standard*"},
		FlatSettings: &yes, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
	}, &answer)
	if err != nil {
		return false
	}
	for _, index := range answer {
		if len(index.Settings) > 0 {
			return false
		}
	}
	return true
}

// leaves lists the fields that hold values, in order of name: texts by
// themselves and not by their keyword subfields.
func (f *fieldCaps) leaves() []string {
	var out []string
	for name, c := range f.fields {
		switch c.kind {
		case "object", "nested", "flattened", "geo_point", "geo_shape", "alias", "binary", "join", "histogram":
			continue
		}
		if cut := strings.LastIndexByte(name, '.'); cut > 0 {
			if parent, ok := f.fields[name[:cut]]; ok && parent.kind != "object" && parent.kind != "nested" {
				continue // a subfield
			}
		}
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
