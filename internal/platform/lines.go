package platform

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/line"
)

// lines takes what services write into the platform's own log, from where it
// goes wherever that goes: the file, the log store. A line keeps its level,
// its trace and its fields where it has a form that is known (ECS, logfmt);
// secrets are masked as in every record.
type lines struct {
	log *slog.Logger

	mu     sync.Mutex // guards parser
	parser *line.Parser
}

func newLines(log *slog.Logger, now func() time.Time) *lines {
	return &lines{log: log, parser: line.NewParser(time.UTC, now)}
}

// fieldsAtMost bounds the fields that are taken from one line.
const fieldsAtMost = 64

func (l *lines) add(in runtime.Line) {
	l.mu.Lock()
	e := l.parser.Parse(in.Text)
	l.mu.Unlock()
	attrs := []slog.Attr{
		slog.String("service.name", in.Service), slog.String("service.version", in.Revision), slog.String("service.node.name", in.Replica),
		slog.String("log.iostream", in.Stream),
	}
	if e.Trace != "" {
		attrs = append(attrs, slog.String("trace.id", e.Trace))
	}
	attrs = append(attrs, fields(e)...)
	message := e.Message
	if message == "" && len(attrs) == 4 {
		message = string(in.Text)
	}
	l.log.LogAttrs(context.Background(), level(e.Level), message, attrs...) //nolint:sloglint // the message is the service's own
}

// taken are the fields that the record has of its own.
var taken = []string{"@timestamp", "log.level", "message", "ecs.version", "ecs", "log", "service", "service.name", "service.version", "service.node.name", "trace", "trace.id"}

func fields(e api.LogEntry) []slog.Attr {
	var m map[string]any
	if len(e.Fields) == 0 || json.Unmarshal(e.Fields, &m) != nil {
		return nil
	}
	var out []slog.Attr
	for k, v := range m {
		if len(out) < fieldsAtMost && !slices.Contains(taken, k) {
			out = append(out, slog.Any(k, v))
		}
	}
	slices.SortFunc(out, func(a, b slog.Attr) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return out
}

// level is the line's own; what has none is information, whichever stream it
// came on: many runtimes write all of it to stderr.
func level(word string) slog.Level {
	switch word {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error", "fatal":
		return slog.LevelError
	}
	return slog.LevelInfo
}
