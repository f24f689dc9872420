package promd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/aictl/aictl/internal/fail"
)

// Prometheus spreads the first scrapes over a whole interval. So that a fresh
// server has data at once, every job starts with a twin of a short interval
// that writes the same series; it goes when each target has been scraped, or
// after firstTimeout. (Changing the interval of the job itself would do, but
// the scraper reads its configuration without a lock while that happens.)
const (
	twin          = "first/"
	firstInterval = 250 * time.Millisecond
	firstTimeout  = 3 * time.Second
	settleTimeout = 10 * time.Second
)

// SetTargets replaces the targets of a job; none removes the job. It returns
// at once, the scraper follows within a moment. A target that cannot be
// scraped by its declaration is fail.Usage and changes nothing.
func (s *Server) SetTargets(job string, targets []Target) error {
	if job == "" || strings.HasPrefix(job, twin) {
		return fail.New(fail.Usage, "a scrape job cannot be named %q", job).Hint("name it after the service")
	}
	if len(targets) > targetLimit {
		return fail.New(fail.TooLarge, "scrape job %s has %d targets, more than %d", job, len(targets), targetLimit)
	}
	for _, t := range targets {
		if _, err := t.parse(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	if len(targets) == 0 {
		delete(s.targets, job)
	} else {
		s.targets[job] = slices.Clone(targets)
	}
	s.mu.Unlock()
	s.touch()
	return nil
}

// touch tells the feeder that there is something new. It never waits.
func (s *Server) touch() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// feed is the only one that configures the scraper. Applying a configuration
// looks up the host's own name, which takes seconds where DNS is broken: that
// must hold up neither Open nor SetTargets.
func (s *Server) feed() {
	defer close(s.fed)
	if s.o.ScrapeInterval > firstInterval {
		s.firstScrapes()
	}
	s.configure(false)
	for {
		select {
		case <-s.stop:
			return
		case <-s.changed:
			s.configure(false)
		}
	}
}

// firstScrapes runs with the twins until everything has been seen once.
func (s *Server) firstScrapes() {
	s.configure(true)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(firstTimeout)
	defer late.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-late.C:
			return
		case <-s.changed:
			s.configure(true)
		case <-look.C:
			if s.scraped() {
				return
			}
		}
	}
}

// scraped reports whether every target has been scraped at least once.
func (s *Server) scraped() bool {
	s.mu.Lock()
	want := 0
	for _, targets := range s.targets {
		want += len(targets)
	}
	s.mu.Unlock()
	for job, active := range s.scrape.TargetsActive() {
		if !strings.HasPrefix(job, twin) {
			continue
		}
		for _, t := range active {
			if !t.LastScrape().IsZero() {
				want--
			}
		}
	}
	return want <= 0
}

// configure gives the scraper its jobs, the bridge its routes, and then the
// scraper the targets.
func (s *Server) configure(first bool) {
	s.mu.Lock()
	cfg, sets, table, err := s.plan(first)
	s.mu.Unlock()
	if err == nil {
		s.bridge.routes.Store(table)
		err = s.scrape.ApplyConfig(cfg)
	}
	if err != nil {
		s.logger.Error("the scrape targets were not applied", "err", err)
		return
	}
	s.current.Store(cfg)
	if len(sets) == 0 && !s.pushed {
		return
	}
	s.pushed = true
	s.generation++
	mark := model.LabelValue(strconv.Itoa(s.generation))
	for _, groups := range sets {
		for _, g := range groups {
			g.Labels = model.LabelSet{generationLabel: mark}
		}
	}
	select { // not on stop: the scraper runs until this goroutine has ended
	case s.scrapeSets <- sets:
		s.settle(sets, string(mark))
	case <-s.scrapeEnded:
	}
}

// generationLabel tells the configurations apart. Labels of this kind don't
// reach the series.
const generationLabel = model.MetaLabelPrefix + "generation"

// settle waits until the scraper has taken the targets over. It works on them
// in the background, 100 ms or so later, and starts scrapes that nobody stops
// any more when it is stopped, or loses a job, before it has done so.
func (s *Server) settle(sets map[string][]*targetgroup.Group, mark string) {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(settleTimeout); !s.settled(sets, mark); <-look.C {
		if time.Now().After(end) {
			s.logger.Warn("the scraper is slow to take its targets over", "waited", settleTimeout.String())
			return
		}
	}
}

func (s *Server) settled(sets map[string][]*targetgroup.Group, mark string) bool {
	active := s.scrape.TargetsActive()
	b := labels.NewBuilder(labels.EmptyLabels())
	for job := range sets {
		if len(active[job]) == 0 {
			return false
		}
		for _, t := range active[job] {
			if t.DiscoveredLabels(b).Get(generationLabel) != mark {
				return false
			}
		}
	}
	return true
}

// plan derives what configure applies. The caller holds mu.
func (s *Server) plan(first bool) (*config.Config, map[string][]*targetgroup.Group, *routes, error) {
	names := jobs(s.targets)
	cfg, err := build(s.o, s.files, names, first, s.logger)
	if err != nil {
		return nil, nil, nil, err
	}
	table := &routes{hosts: map[string]bool{}, targets: map[string]bridged{}}
	for _, targets := range s.targets {
		for _, t := range targets {
			if u, err := t.parse(); err == nil && t.special() {
				table.hosts[address(u)] = true
			}
		}
	}
	sets := make(map[string][]*targetgroup.Group, len(names))
	for _, job := range names {
		for i, t := range s.targets[job] {
			u, err := t.parse()
			if err != nil {
				return nil, nil, nil, err
			}
			at := address(u)
			if table.hosts[at] { // its siblings on the same address go through the bridge too
				table.targets[at+u.EscapedPath()] = bridged{Target: t, url: u}
			}
			sets[job] = append(sets[job], group(fmt.Sprintf("%s/%d", job, i), job, t, u, table.hosts[at]))
		}
		if first {
			sets[twin+job] = slices.Clone(sets[job])
		}
	}
	return cfg, sets, table, nil
}

// setUp gives the parts what they need before they run. The scraper follows
// in feed.
func (s *Server) setUp(set RuleSet) error {
	cfg, err := build(s.o, nil, nil, false, s.logger)
	if err != nil {
		return err
	}
	s.current.Store(cfg)
	if err := s.notifier.ApplyConfig(cfg); err != nil {
		return fail.Wrap(fail.Internal, err, "configuring the notifier of the embedded Prometheus")
	}
	return s.Reload(set)
}

// alertmanagers is the one place that alerts go to; the address is shown by
// the API, the way there is in this process.
func (s *Server) alertmanagers() map[string][]*targetgroup.Group {
	return map[string][]*targetgroup.Group{amSet: {{
		Source:  "aictl-server",
		Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(s.o.ExternalURL.Host)}},
	}}}
}
