package promd

import (
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/aictl/aictl/internal/fail"
)

// RuleSet is what the engine evaluates: documents held in memory by name, and
// files by pattern.
type RuleSet struct {
	Builtin map[string][]byte // name, as builtin:services.yaml → YAML
	Files   []string          // paths or globs; a path without a wildcard must exist
}

// loader gives the rule manager the documents in memory beside files.
type loader struct {
	builtin map[string][]byte
	parser  parser.Parser
	logger  *slog.Logger
}

// Load implements rules.GroupLoader.
func (l *loader) Load(name string, lax bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	if text, ok := l.builtin[name]; ok {
		return rulefmt.Parse(text, lax, scheme, l.parser, l.logger)
	}
	return rulefmt.ParseFile(name, lax, scheme, l.parser, l.logger)
}

// Parse implements rules.GroupLoader.
func (l *loader) Parse(query string) (parser.Expr, error) { return l.parser.ParseExpr(query) }

// names are all documents of the set, in order: the built-in ones first.
func (r RuleSet) names() ([]string, error) {
	out := slices.Sorted(maps.Keys(r.Builtin))
	for _, pattern := range r.Files {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "rule file pattern %q", pattern).Hint("use a path or a glob such as rules/*.yaml")
		}
		if len(found) == 0 && !strings.ContainsAny(pattern, `*?[\`) {
			return nil, fail.New(fail.NotFound, "rule file %s does not exist", pattern).Hint("check stack.rules in the configuration")
		}
		out = append(out, found...)
	}
	slices.Sort(out[len(r.Builtin):])
	return slices.Compact(out), nil
}

// Check says whether the set would load; it changes nothing. All errors of
// all files come at once (fail.Usage).
func (s *Server) Check(set RuleSet) error {
	names, err := set.names()
	if err != nil {
		return err
	}
	var all []error
	l := &loader{builtin: set.Builtin, parser: s.parser, logger: s.logger}
	for _, name := range names {
		if _, errs := l.Load(name, false, model.UTF8Validation); len(errs) > 0 {
			for _, err := range errs {
				all = append(all, fail.Wrap(fail.Usage, err, "%s", name))
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fail.Wrap(fail.Usage, errors.Join(all...), "the alerting rules don't load").
		Hint("correct the files (promtool check rules FILE); the rules in force stay until then")
}

// Reload puts the set in force, or leaves the old one and says why. Groups
// that did not change keep their state.
func (s *Server) Reload(set RuleSet) error {
	if err := s.Check(set); err != nil {
		s.reloadOK.Store(false)
		return err
	}
	select {
	case <-s.stop:
		return fail.New(fail.Unavailable, "the embedded Prometheus is stopping")
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := set.names()
	if err != nil {
		return err
	}
	old := s.loader.builtin
	s.loader.builtin = set.Builtin
	if err := s.rules.Update(s.o.EvaluationInterval, names, labels.EmptyLabels(), s.self(), nil); err != nil {
		s.loader.builtin = old
		s.reloadOK.Store(false)
		return fail.Wrap(fail.Usage, err, "loading the alerting rules").Hint("the server's log has the rule at fault")
	}
	s.files = names
	s.succeeded()
	s.touch()
	return nil
}

func (s *Server) self() string { return s.o.ExternalURL.JoinPath(s.o.Prefix).String() }

func (s *Server) succeeded() {
	s.reloaded.Store(time.Now().UnixMilli())
	s.reloadOK.Store(true)
}
