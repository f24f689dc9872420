package metrics

import (
	"math"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/yamlfile"
)

// Board is a page of plots, as a boards file has it.
type Board struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title,omitempty"`
	Plots plots  `yaml:"plots"`

	visited bool   // made for what the person came from
	service string // of which it is, where it was made for one
}

type plots []Spec

// Spec is one plot of a board.
type Spec struct {
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// Query is a PromQL expression.
	Query string `yaml:"query" json:"query"`
	// Unit is bytes, seconds, ratio or none; empty takes it from the metrics'
	// names.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
	// Threshold draws lines at these values.
	Threshold []float64 `yaml:"threshold,omitempty,flow" json:"threshold,omitempty"`
}

// The bounds of a boards file.
const (
	maxBoards    = 100
	maxPlots     = 24
	maxBoardFile = 1 << 20
)

// parseBoards reads a boards file. It is strict: what it does not know is an
// error with its place, as a mistyped key would else silently do nothing.
func parseBoards(path string, text []byte) ([]Board, error) {
	var doc struct {
		Boards []Board `yaml:"boards"`
	}
	wrong := func(format string, args ...any) error {
		return fail.New(fail.Usage, "boards file %s: "+format, append([]any{path}, args...)...).Hint("docs/examples/boards.yaml is one that works")
	}
	if err := yamlfile.Decode(text, &doc, yaml.Strict()); err != nil {
		return nil, wrong("%s", strings.Join(strings.Fields(strings.SplitN(yaml.FormatError(err, false, false), "\n", 2)[0]), " "))
	}
	if len(doc.Boards) == 0 || len(doc.Boards) > maxBoards {
		return nil, wrong("it has %d boards, and must have 1 to %d", len(doc.Boards), maxBoards)
	}
	seen := map[string]bool{}
	for i := range doc.Boards {
		b := &doc.Boards[i]
		switch {
		case b.Name == "":
			return nil, wrong("board %d has no name", i+1)
		case seen[b.Name]:
			return nil, wrong("two boards are named %q", b.Name)
		case len(b.Plots) == 0:
			return nil, wrong("board %q has no plots", b.Name)
		}
		seen[b.Name] = true
		if err := b.check(); err != nil {
			return nil, wrong("%s", err.Error())
		}
	}
	return doc.Boards, nil
}

func (b Board) check() error {
	if len(b.Plots) > maxPlots {
		return fail.New(fail.Usage, "board %q has %d plots, and at most %d are shown", b.Name, len(b.Plots), maxPlots)
	}
	for i, s := range b.Plots {
		if err := s.check(); err != nil {
			return fail.Wrap(fail.Usage, err, "board %q, plot %d", b.Name, i+1)
		}
	}
	return nil
}

func (s Spec) check() error {
	if strings.TrimSpace(s.Query) == "" {
		return fail.New(fail.Usage, "it has no query")
	}
	if _, ok := unitOf(s.Unit); !ok {
		return fail.New(fail.Usage, "%.40q is not a unit: bytes, seconds, ratio or none", s.Unit)
	}
	for _, t := range s.Threshold {
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return fail.New(fail.Usage, "a threshold must be a finite number")
		}
	}
	return nil
}

// unitOf is the unit of a spec; nil leaves it to the metrics' names.
func unitOf(unit string) (*metrics.Unit, bool) {
	switch unit {
	case "":
		return nil, true
	case "none":
		return &metrics.Unit{}, true
	case "bytes", "seconds", "ratio":
		return &metrics.Unit{Name: unit}, true
	}
	return nil, false
}

// name is what a plot is called.
func (s Spec) name() string {
	if s.Title != "" {
		return s.Title
	}
	return s.Query
}

// title is what a board is called.
func (b Board) title() string {
	if b.Title != "" {
		return b.Title
	}
	return b.Name
}
