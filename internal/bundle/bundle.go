// Package bundle keeps what a command was answered in one file, and answers
// from such a file in place of a platform: `aictl record` and `--from BUNDLE`.
//
// It promises that everything is masked before it is kept (scrub.go), that a
// file is written whole or not at all and with mode 0600, that a file from
// elsewhere is read with bounds on everything and refused where one byte
// differs, and that a question which the file does not answer is an error that
// says what the file holds, never an empty answer.
//
// It opens no connection and knows no command. It is no backup: what a bundle
// holds is for reading.
package bundle

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Format and Version name the form of the file; see docs/record.md.
const (
	Format  = "aictl-bundle"
	Version = 1
	// Extension ends the name of a bundle.
	Extension = ".aictl"
)

// Limits on a bundle, for writing and for reading.
const (
	// DefaultMaxSize bounds the answers of one recording, in bytes before
	// compression.
	DefaultMaxSize = 64 << 20
	// MaxSize is the greatest bound that may be asked for.
	MaxSize = 256 << 20
	// maxTotal is the most that is read of a file, in bytes before
	// compression: what was asked for, the manifest, and what masks add.
	maxTotal = 2 * MaxSize
	// maxFile bounds the file itself, maxEntry one answer, maxManifest the
	// list, in bytes.
	maxFile     = 512 << 20
	maxEntry    = 96 << 20
	maxManifest = 16 << 20
	// maxEntries bounds the number of answers.
	maxEntries = 20_000
)

// Manifest is the first file of a bundle: what it is, and a list of what it
// holds.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Aictl is the version of the program that wrote the bundle.
	Aictl string `json:"aictl"`
	// Recorded is the moment that the recording began: the clock of a command
	// that reads the bundle.
	Recorded time.Time `json:"recorded"`
	// Command is the command line that was recorded; none for a sweep.
	Command []string `json:"command,omitempty"`
	// From and To are the window of a sweep.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Contexts are the contexts that were asked, in their order.
	Contexts []Context `json:"contexts"`
	Entries  []Listed  `json:"entries"`
	// Omitted are the questions whose answers were not kept, and why.
	Omitted []Omitted `json:"omitted"`
}

// Context is a context by name, without its address and its credentials.
type Context struct {
	Name       string `json:"name"`
	Namespace  string `json:"namespace,omitempty"`
	Protection string `json:"protection,omitempty"`
	// Server says that it had a control plane.
	Server bool `json:"server"`
	// Backends says that it had backends of its own, without a control plane.
	Backends bool `json:"backends"`
}

// Listed is an entry in the manifest.
type Listed struct {
	File      string `json:"file"`
	Operation string `json:"operation"`
	Context   string `json:"context"`
	SHA256    string `json:"sha256"`
	Size      int64  `json:"size"`
}

// Omitted is an answer that was not kept.
type Omitted struct {
	Operation string `json:"operation"`
	Context   string `json:"context,omitempty"`
	Reason    string `json:"reason"`
}

// Input is a question in its canonical form: times are points, members are in
// the order of their names.
type Input struct {
	Path  string          `json:"path"`
	Query string          `json:"query,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
}

// Entry is one answer. Exactly one of Body, Text, Items and Error tells it.
type Entry struct {
	Operation string `json:"operation"`
	Context   string `json:"context"`
	// DryRun says that the question was for a plan.
	DryRun bool  `json:"dry_run,omitempty"`
	Input  Input `json:"input"`
	// After is when the answer was whole, counted from Recorded, in
	// nanoseconds.
	After       time.Duration `json:"after_ns"`
	Status      int           `json:"status,omitempty"`
	ContentType string        `json:"content_type,omitempty"`
	// Body is an answer in JSON, Text one that is not.
	Body json.RawMessage `json:"body,omitempty"`
	Text string          `json:"text,omitempty"`
	// Stream says that Items is the answer.
	Stream bool   `json:"stream,omitempty"`
	Items  []Item `json:"items,omitempty"`
	// Error is a failure to ask: no answer came.
	Error *fail.Document `json:"error,omitempty"`
}

// Item is one line of a stream and when it came, counted from Recorded, in
// nanoseconds.
type Item struct {
	After time.Duration   `json:"after_ns"`
	Line  json.RawMessage `json:"line"`
}

// Failed reports whether the answer was a failure.
func (e *Entry) Failed() bool { return e.Error != nil || e.Status >= 300 }

// key is what two equal questions have in common.
func (e *Entry) key() string {
	dry := ""
	if e.DryRun {
		dry = "dry"
	}
	return e.Context + "\x00" + e.Operation + "\x00" + dry + "\x00" + e.Input.Path + "\x00" + e.Input.Query + "\x00" + string(e.Input.Body)
}
