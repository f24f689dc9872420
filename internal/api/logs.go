package api

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// LogEntry is one log line, whatever store it came from. Time, message and
// the named members are ECS's; Fields holds the rest of the document, nested
// as it was stored.
type LogEntry struct {
	// ID is unique in its store and stable: the key of deduplication.
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Level   string    `json:"level,omitempty" jsonschema:"trace, debug, info, warn, error or fatal; other words as they were"`
	Service string    `json:"service,omitempty"`
	Message string    `json:"message"`
	Trace   string    `json:"trace,omitempty"`
	// Source is the index or stream that holds the entry.
	Source string          `json:"source,omitempty"`
	Fields json.RawMessage `json:"fields,omitempty"`
	// Around and Group are set in an answer with context lines alone.
	Around bool `json:"around,omitempty" jsonschema:"a line around a match, and no match itself"`
	Group  int  `json:"group,omitempty" jsonschema:"lines of one group stand together; between two groups something is left out"`
}

// LogFilter picks log entries; all parts must hold. The zero value picks all.
type LogFilter struct {
	Text    string    `json:"text,omitempty" arg:"?TEXT..." jsonschema:"words that the message must hold, in any case"`
	Service []string  `json:"service,omitempty" complete:"services" jsonschema:"only these services"`
	Level   string    `json:"level,omitempty" enum:"trace,debug,info,warn,error,fatal" jsonschema:"only this level and worse"`
	Where   string    `json:"where,omitempty" jsonschema:"typed expression over fields: http.status >= 500 && duration > 200ms"`
	Grep    string    `json:"grep,omitempty" jsonschema:"regular expression (RE2) that the message must match"`
	Trace   string    `json:"trace,omitempty" jsonschema:"only entries of this trace"`
	Raw     string    `json:"raw_query,omitempty" flag:"raw-query" jsonschema:"query in the store's own language (Lucene query string or LogsQL), added to the rest"`
	From    time.Time `json:"from,omitzero" flag:"-" jsonschema:"not before"`
	To      time.Time `json:"to,omitzero" flag:"-" jsonschema:"before"`
}

// LogGap is a stretch of time in which entries may be missing from a tail.
type LogGap struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
	// Missed is how many entries are known to be missing; 0 is unknown.
	Missed int64 `json:"missed,omitempty"`
}

// LogNotice is something that a person who waits should know: the store is
// away and the tail tries again, or is back.
type LogNotice struct {
	Code    string `json:"code" jsonschema:"reconnecting, reconnected or warning"`
	Message string `json:"message"`
}

// LogEvent is one event of a tail: an entry, a gap (said aloud, never
// silence), a watermark (no entry before it will come any more, but for late
// ones that say so), or a notice.
type LogEvent struct {
	Type      string     `json:"type" jsonschema:"entry, gap, watermark or notice"`
	Entry     *LogEntry  `json:"entry,omitempty"`
	Late      bool       `json:"late,omitempty" jsonschema:"the entry came after its place in the order had passed"`
	Gap       *LogGap    `json:"gap,omitempty"`
	Watermark *time.Time `json:"watermark,omitempty"`
	Notice    *LogNotice `json:"notice,omitempty"`
	// Cursor resumes the tail after this event; opaque.
	Cursor string `json:"cursor,omitempty"`
}

// LogBucket is a count of entries in one step of time.
type LogBucket struct {
	Time   time.Time        `json:"time" jsonschema:"start of the step"`
	Count  int64            `json:"count"`
	Levels map[string]int64 `json:"levels,omitempty"`
}

// LogField is a field of the entries with its commonest values.
type LogField struct {
	Name   string          `json:"name"`
	Type   string          `json:"type,omitempty"`
	Count  int64           `json:"count" jsonschema:"entries that have the field"`
	Values []LogFieldValue `json:"values"`
}

// LogFieldValue is one value of a field.
type LogFieldValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// LogPattern is a template that many entries share, with what is known of
// them. Variable parts stand as <*>.
type LogPattern struct {
	// ID is a digest of the template: equal templates have equal ids in every
	// window and on every store.
	ID       string           `json:"id"`
	Pattern  string           `json:"pattern" jsonschema:"the template; <*> stands for what varies"`
	Count    int64            `json:"count"`
	First    time.Time        `json:"first" jsonschema:"first seen in the window"`
	Last     time.Time        `json:"last" jsonschema:"last seen in the window"`
	Levels   map[string]int64 `json:"levels,omitempty"`
	Services map[string]int64 `json:"services,omitempty"`
	Example  string           `json:"example" jsonschema:"the message of one of the entries"`
}

// LogSearchInput asks for entries.
type LogSearchInput struct {
	LogFilter
	After  int `json:"after,omitempty" flag:"after-context,A" jsonschema:"lines of the same service after each match"`
	Before int `json:"before,omitempty" flag:"before-context,B" jsonschema:"lines of the same service before each match"`
	Around int `json:"around,omitempty" flag:"both-context,C" jsonschema:"lines of the same service before and after each match"`
	Limit  int `json:"limit,omitempty" default:"100" jsonschema:"the newest so many entries"`
}

// LogAnswer is the answer of a search, oldest first.
type LogAnswer struct {
	Entries []LogEntry `json:"entries"`
	More    bool       `json:"more" jsonschema:"older entries match too and were left out"`
	// Client names what the store could not evaluate.
	Client   []string  `json:"client" jsonschema:"parts of the query that did not run in the store"`
	Warnings []string  `json:"warnings" jsonschema:"why the answer may be incomplete"`
	From     time.Time `json:"from,omitzero" jsonschema:"where the search began"`
}

// LogTailInput asks for what comes.
type LogTailInput struct {
	LogFilter
	Cursor string      `json:"cursor,omitempty" flag:"-" jsonschema:"resume after this cursor of another tail of the same query"`
	Hold   op.Duration `json:"hold,omitempty" jsonschema:"wait this long for late entries, so that all are in order"`
	Last   int         `json:"last,omitempty" jsonschema:"begin with so many of the latest entries, where no beginning is given"`
}

// LogHistogramInput asks how many entries there are over time.
type LogHistogramInput struct {
	LogFilter
	Step op.Duration `json:"step,omitempty" jsonschema:"length of a step (10s, 5m, 1h); chosen where absent"`
}

// LogFieldsInput asks what fields entries have.
type LogFieldsInput struct {
	LogFilter
	Field []string `json:"field,omitempty" jsonschema:"only these fields, with their values"`
	Top   int      `json:"top,omitempty" default:"5" jsonschema:"so many values of each field"`
}

// LogPatternsInput asks for the templates that entries share.
type LogPatternsInput struct {
	LogFilter
	Limit int   `json:"limit,omitempty" default:"50" jsonschema:"the commonest so many patterns"`
	Max   int64 `json:"max,omitempty" default:"100000" jsonschema:"look at so many entries at most; of more, an even sample"`
}

// LogPatterns are the templates of a window, the commonest first.
type LogPatterns struct {
	Patterns []LogPattern `json:"patterns"`
	Sample   LogSample    `json:"sample"`
	// More is how many patterns the limit left out.
	More int `json:"more"`
}

// LogSample says what an analysis of entries looked at.
type LogSample struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Entries int64     `json:"entries" jsonschema:"entries that match"`
	Looked  int64     `json:"looked" jsonschema:"entries that were looked at"`
	Sampled bool      `json:"sampled" jsonschema:"not all of them were, but an even sample"`
}

// LogDiffInput asks what changed between two windows: [From, To) and the
// baseline.
type LogDiffInput struct {
	LogFilter
	BaseFrom time.Time `json:"base_from,omitzero" flag:"-" jsonschema:"where the baseline begins; as long before its end as the window is, where absent"`
	BaseTo   time.Time `json:"base_to,omitzero" flag:"-" jsonschema:"where the baseline ends; where the window begins, where absent"`
	Factor   float64   `json:"factor,omitempty" default:"2" jsonschema:"surging is more than this many times the baseline's rate"`
	Limit    int       `json:"limit,omitempty" default:"20" jsonschema:"so many patterns of each kind"`
	Max      int64     `json:"max,omitempty" default:"100000" jsonschema:"look at so many entries of each window at most; of more, an even sample"`
}

// LogDiff is what changed in the patterns of the logs.
type LogDiff struct {
	New      []LogChange `json:"new" jsonschema:"not in the baseline"`
	Surging  []LogChange `json:"surging" jsonschema:"significantly more often than in the baseline"`
	Gone     []LogChange `json:"gone" jsonschema:"in the baseline only"`
	Same     int         `json:"same" jsonschema:"patterns that did not change"`
	Window   LogSample   `json:"window"`
	Baseline LogSample   `json:"baseline"`
	Factor   float64     `json:"factor"`
	Warnings []string    `json:"warnings"`
}

// LogChange is one pattern in both windows.
type LogChange struct {
	LogPattern
	Baseline int64 `json:"baseline" jsonschema:"its count in the baseline"`
	// Rate and BaseRate are entries an hour, estimated for all entries where
	// only a sample was looked at.
	Rate     float64 `json:"rate" jsonschema:"entries an hour in the window"`
	BaseRate float64 `json:"base_rate" jsonschema:"entries an hour in the baseline"`
	// PValue is the probability of a ratio as great or greater if the rate were
	// only Factor times the baseline's; absent where no test was made.
	PValue *float64 `json:"p_value,omitempty" jsonschema:"how probable so great a ratio is by chance"`
}

// logWindow is what the help of every logs command says of its window.
const logWindow = "Without --since or --from the window is the last hour (with --trace, the last day)."

// logErrors are what a log store may answer besides.
var logErrors = []fail.Code{fail.NotFound, fail.Limited, fail.Partial}

// The operations of logs.
var (
	LogsSearch = &op.Query[LogSearchInput, LogAnswer]{Spec: op.Spec{
		ID: "logs.search", Route: "GET /api/v1/logs", Command: "logs", Effect: op.Read, Idempotent: true, Errors: logErrors,
		Summary: "Search the logs, or follow them with -f",
		Doc: "TEXT are words that the message must hold, in any case. The newest --limit entries are shown, oldest\n" +
			"first. " + logWindow + "\n\n" +
			"--where is a typed expression over the fields: numbers, durations (200ms) and sizes (10MiB) compare as\n" +
			"such; == != < <= > >=, ~ for a regular expression, in (a, b), exists, && || !. It means the same on\n" +
			"every store; what a store cannot evaluate runs here, and that is said.\n\n" +
			"-f follows and loses nothing: entries come once and in order; with --hold 30s also those that are up to\n" +
			"30 s late, and later ones say so. It begins with the last 10 entries, or where --since says. A store\n" +
			"that is away is asked again, and a gap is said aloud. With --cursor FILE the next run goes on where this\n" +
			"one stopped: at least once, with the id to tell doubles.\n\n" +
			"--stdin reads a pipe of JSON, logfmt or plain lines in place of the store, with the same filters.\n\n" +
			"A word that is also a command below (patterns, diff, ...) is searched for after --: aictl logs -- diff.",
		Examples: []op.Example{
			{Command: "aictl logs", Note: "the newest 100 entries of the last hour"},
			{Command: "aictl logs timeout --service chat --level warn --since 2h", Note: "a word, in one service's warnings and worse"},
			{Command: "aictl logs --where 'http.status >= 500 && duration > 200ms' -C 2", Note: "slow failures, with the lines around each"},
			{Command: "cat app.log | aictl logs --stdin --level warn", Note: "a pipe through the same filters"},
			{Command: "aictl logs --since 15m -o json --jq '.[].message'", Note: "the messages alone"},
		},
	}}
	LogsTail = &op.Stream[LogTailInput, LogEvent]{Spec: op.Spec{
		ID: "logs.tail", Route: "POST /api/v1/logs/tail", Command: "-", Effect: op.Read, Idempotent: true, Errors: logErrors,
		Summary: "Follow the logs without losing an entry",
		Examples: []op.Example{
			{Command: "aictl logs -f", Note: "the last 10 entries, and what comes"},
			{Command: "aictl logs -f --cursor state -o jsonl", Note: "for a script that goes on where it stopped"},
		},
	}}
	LogsHistogram = &op.Query[LogHistogramInput, []LogBucket]{Spec: op.Spec{
		ID: "logs.histogram", Route: "GET /api/v1/logs/histogram", Effect: op.Read, Idempotent: true, Errors: logErrors,
		Summary: "Count the entries over time, by level",
		Doc:     logWindow,
		Examples: []op.Example{
			{Command: "aictl logs histogram", Note: "the last hour, with a bar a step"},
			{Command: "aictl logs histogram timeout --level error --since 24h --step 1h", Note: "errors of a day that name a timeout"},
			{Command: "aictl logs histogram -o json --jq 'map(.count) | add'", Note: "how many there are"},
		},
	}}
	LogsFields = &op.Query[LogFieldsInput, []LogField]{Spec: op.Spec{
		ID: "logs.fields", Route: "GET /api/v1/logs/fields", Effect: op.Read, Idempotent: true, Errors: logErrors,
		Summary: "List the fields of the entries with their commonest values",
		Doc:     logWindow,
		Examples: []op.Example{
			{Command: "aictl logs fields", Note: "what there is to filter by"},
			{Command: "aictl logs fields --field service,level --top 20 --level warn", Note: "who warns"},
		},
	}}
	LogsPatterns = &op.Query[LogPatternsInput, LogPatterns]{Spec: op.Spec{
		ID: "logs.patterns", Route: "GET /api/v1/logs/patterns", Effect: op.Read, Idempotent: true, Errors: logErrors,
		Summary: "Show the templates that the messages share, with their counts",
		Doc: "The templates are mined by Drain (He, Zhu, Zheng and Lyu, ICWS 2017). " + logWindow + "\n" +
			"Of more than --max entries an even sample is looked at, and that is said.",
		Examples: []op.Example{
			{Command: "aictl logs patterns", Note: "what the logs say, in a page"},
			{Command: "aictl logs patterns --level error --since 24h --limit 10", Note: "the ten commonest errors of a day"},
			{Command: "aictl logs patterns -o json --jq '.patterns[].pattern'", Note: "the templates alone"},
		},
	}}
	LogsDiff = &op.Query[LogDiffInput, LogDiff]{Spec: op.Spec{
		ID: "logs.diff", Route: "GET /api/v1/logs/diff", Effect: op.Read, Idempotent: true, Errors: logErrors,
		Summary: "Show which messages are new, surging or gone between two windows",
		Doc: "The window is that of --since, --from and --to; it is compared with the window before it, or with\n" +
			"--baseline (2h before it, or FROM..TO). --around TIME (or WORKLOAD: its newest revision) compares what came after a moment with what came\n" +
			"before it. Surging is a rate significantly above --factor times the baseline's: the conditional test of\n" +
			"two Poisson rates (Przyborowski and Wilenski 1940) at a false discovery rate of 1% (Benjamini and\n" +
			"Hochberg 1995). Without --since or --from the window is the last hour.",
		Examples: []op.Example{
			{Command: "aictl logs diff", Note: "the last hour against the hour before"},
			{Command: "aictl logs diff --since 30m --baseline 24h --level warn", Note: "half an hour's warnings against a day's"},
			{Command: "aictl logs diff --around now-20m -o json --jq '.new[].pattern'", Note: "what appeared since a moment"},
		},
	}}
)
