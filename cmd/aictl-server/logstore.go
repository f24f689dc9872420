package main

import (
	"io"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/embedded"
	"github.com/aictl/aictl/internal/logs/ingest"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/server"
)

// logStore is the embedded log store with the tap that the server's own log
// goes through. Where it cannot be opened the server runs without it, and says
// so.
type logStore struct {
	store  *embedded.Store
	tap    *embedded.Tap
	failed error
}

func openLogStore(c *serverconfig.Config, dir string) *logStore {
	if !c.Stack.Enabled || c.Backends.Elasticsearch.URL != "" {
		return &logStore{}
	}
	store, err := embedded.Open(embedded.Options{
		Dir: filepath.Join(dir, "logs"), Retention: c.Stack.LogsRetention, MaxBytes: int64(c.Stack.LogsBytes),
	})
	if err != nil {
		return &logStore{failed: fail.Wrap(fail.CodeOf(err), err, "the embedded log store did not open; the rest runs without it")}
	}
	return &logStore{store: store, tap: embedded.NewTap(store)}
}

// also gives the writer of a log that the store gets, too.
func (l *logStore) also(w io.Writer) io.Writer {
	if l.tap == nil {
		return w
	}
	return io.MultiWriter(w, l.tap)
}

// port is the store as the platform wants it: nil where there is none.
func (l *logStore) port() logs.Store {
	if l.store == nil {
		return nil
	}
	return l.store
}

// mounts are the endpoints that shippers send logs to. Sending reads nothing
// and changes no state of the platform: it needs no more than the invoker's role.
func (l *logStore) mounts(c *serverconfig.Config, log *slog.Logger) []server.Mount {
	if l.store == nil {
		return nil
	}
	o := ingest.Options{MaxBody: int64(c.Limits.BodyBytes), Logger: log}
	bulk := o
	bulk.Prefix = "/elasticsearch"
	ships := func(*http.Request) op.Effect { return op.Invoke }
	return []server.Mount{
		{Prefix: "/elasticsearch/", Handler: ingest.Elasticsearch(l.store, bulk), Effect: ships, Noun: "logs"},
		{Prefix: "/otlp/v1/logs", Handler: ingest.OTLP(l.store, o), Effect: ships, Noun: "logs"},
	}
}

// close takes the last lines in.
func (l *logStore) close() error {
	if l.store == nil {
		return nil
	}
	_ = l.tap.Close() // it has no error of its own
	return l.store.Close()
}
