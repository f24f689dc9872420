package deployments

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

const (
	watchSlot  = "watch"
	statusSlot = "status"
	// statusEvery is how often a workload is judged anew while nothing is
	// followed.
	statusEvery = 5 * time.Second
	// maxHappened bounds what is kept of a followed rollout.
	maxHappened = 500
)

// watched says which rollout is meant: that of the change just made.
type watched struct {
	template   string
	generation int64
}

// rollout is the screen of one workload: its verdict and why, its replicas,
// what happens. A rollout is followed until it is decided; then the workload
// is judged every few seconds, and followed again when something moves.
type rollout struct {
	p *Pane
	t target
	w watched

	workload *api.Workload // nil before the first answer
	verdict  *api.DeployVerdict
	canary   *api.DeployCanary
	replicas map[string]api.DeployReplica
	events   []api.DeployEvent
	happened []api.DeployWatchEvent // the oldest first

	following bool
	heard     bool // the watch has told the replicas
	watchErr  error
	retry     time.Duration
	statusErr error
	at        time.Time // of the newest news
	asked     time.Time // zero where no question is open
	answered  time.Time

	pager *widget.Pager
	dirty bool
	drawn struct {
		width int
		now   int64
		theme string
	}
}

func newRollout(p *Pane, t target, w watched) *rollout {
	r := &rollout{p: p, t: t, w: w, replicas: map[string]api.DeployReplica{}, pager: widget.NewPager(), dirty: true}
	if t.seen != nil {
		seen := *t.seen
		r.workload = &seen
	}
	return r
}

func (*rollout) id() string { return "rollout" }

func (r *rollout) open() tea.Cmd { return tea.Batch(r.follow(), r.judge()) }

func (r *rollout) refresh() tea.Cmd {
	if r.following && r.watchErr == nil {
		return r.judge()
	}
	if !r.following { // what is asked now is how it is now
		r.w = watched{}
	}
	return r.open()
}

// follow opens the watch, which ends with the verdict.
func (r *rollout) follow() tea.Cmd {
	r.following, r.heard, r.watchErr, r.retry, r.dirty = true, false, nil, 0, true
	in := api.DeployWatchInput{WorkloadName: r.t.input(), Template: r.w.template, Generation: r.w.generation}
	return feed.Open(r.p.env.Feeds, feed.Key{Pane: Name, Slot: watchSlot}, r.p.env.Context(r.t.context), api.DeployWatch, in,
		feed.StreamOptions[api.DeployWatchInput, api.DeployWatchEvent]{Retry: true})
}

// judge asks for one judgement now.
func (r *rollout) judge() tea.Cmd {
	r.asked = r.p.env.Now
	return feed.Ask(r.p.env.Feeds, feed.Key{Pane: Name, Slot: statusSlot}, []feed.Context{r.p.env.Context(r.t.context)},
		api.DeployShow, api.DeployStatusInput{WorkloadName: r.t.input()})
}

func (r *rollout) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.Tick:
		now := r.p.env.Now
		if r.asked.IsZero() && now.Sub(r.answered) >= statusEvery || !r.asked.IsZero() && now.Sub(r.asked) >= lostAfter {
			return r.judge()
		}
	case feed.Answer:
		if msg.Slot == statusSlot && !msg.Canceled() {
			return r.status(feed.One[api.DeployStatus](msg))
		}
	case feed.Batch:
		if msg.Slot == watchSlot {
			return r.hear(msg)
		}
	}
	return nil
}

// status takes a judgement. While a rollout is followed the watch knows
// better, but for what it does not tell.
func (r *rollout) status(s api.DeployStatus, err error) tea.Cmd {
	r.asked, r.answered, r.statusErr, r.dirty = time.Time{}, r.p.env.Now, err, true
	if err != nil {
		return nil
	}
	r.at, r.canary, r.events = r.p.env.Now, s.Canary, s.Events
	// A rollout may begin and end between two judgements.
	moved := !r.following && (s.Verdict.Outcome == api.DeployProgressing || r.workload != nil && r.workload.Revision != s.Revision)
	if !r.following || !r.heard {
		w := s.Workload
		r.workload = &w
		r.replicas = make(map[string]api.DeployReplica, len(s.Replicas))
		for _, one := range s.Replicas {
			r.replicas[one.Name] = one
		}
	}
	if !r.following || r.verdict == nil {
		v := s.Verdict
		r.verdict = &v
	}
	if moved {
		r.w = watched{} // another rollout than the one that was meant
		return r.follow()
	}
	return nil
}

// hear takes what the watch brought.
func (r *rollout) hear(b feed.Batch) tea.Cmd {
	r.dirty = true
	decided := false
	for _, e := range feed.Items[api.DeployWatchEvent](b) {
		r.at, r.watchErr, r.retry = r.p.env.Now, nil, 0
		decided = r.event(e) || decided
	}
	if b.Err != nil {
		r.watchErr, r.retry = b.Err, b.Retry
	}
	if b.Done {
		r.following = false
	}
	if !decided {
		return nil
	}
	return tea.Batch(r.judge(), r.say())
}

// event takes one event; true says that it is the verdict.
func (r *rollout) event(e api.DeployWatchEvent) bool {
	if e.Workload != nil {
		w := *e.Workload
		r.workload = &w
	}
	if e.Replica != nil {
		if !r.heard { // the watch begins with all of them
			r.heard, r.replicas = true, map[string]api.DeployReplica{}
		}
		if e.Type == "gone" {
			delete(r.replicas, e.Replica.Name)
		} else {
			r.replicas[e.Replica.Name] = *e.Replica
		}
	}
	r.happened = append(r.happened, e)
	if n := len(r.happened) - maxHappened; n > 0 {
		r.happened = slices.Delete(r.happened, 0, n)
	}
	if e.Verdict == nil {
		return false
	}
	v := *e.Verdict
	r.verdict, r.following = &v, false
	return true
}

// say tells the verdict of a change that was made here, wherever the person
// looks by now.
func (r *rollout) say() tea.Cmd {
	if r.w == (watched{}) {
		return nil
	}
	level := "warn"
	switch r.verdict.Outcome {
	case api.DeployComplete:
		level = "ok"
	case api.DeployFailed:
		level = "bad"
	}
	return pane.Send(pane.Toast{Text: r.t.name + " " + r.verdict.Outcome + ": " + oneLine(r.verdict.Message), Level: level})
}

// shownReplicas are the replicas as they are worth a look: trouble first.
func (r *rollout) shownReplicas() []api.DeployReplica {
	out := make([]api.DeployReplica, 0, len(r.replicas))
	for _, one := range r.replicas {
		out = append(out, one)
	}
	rank := func(x *api.DeployReplica) int {
		switch {
		case x.Ready && x.Current:
			return 2
		case x.Ready:
			return 3
		case !x.Current || passing(x.State):
			return 4
		case starting(x.State):
			return 1
		}
		return 0
	}
	slices.SortFunc(out, func(a, b api.DeployReplica) int {
		if d := rank(&a) - rank(&b); d != 0 {
			return d
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// gone reports that the workload is not there any more.
func (r *rollout) gone() bool { return fail.CodeOf(r.statusErr) == fail.NotFound }

func (r *rollout) act(id string) tea.Cmd {
	r.pager.Act(id)
	return nil
}

func (r *rollout) filter(expr string) { r.pager.Find(expr) }

func (r *rollout) target() (target, bool) {
	t := r.t
	if r.workload != nil {
		t = targetOf(t.context, r.workload)
	}
	return t, true
}

func (r *rollout) subject() pane.Subject {
	t, _ := r.target()
	return t.subject()
}

func (r *rollout) command() string {
	if r.following {
		return r.p.line(r.t, "watch")
	}
	return r.p.line(r.t, "status")
}

func (r *rollout) leave() {
	r.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: watchSlot})
	r.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: statusSlot})
}

func (r *rollout) scroll(lines int) { r.pager.Scroll(lines) }
