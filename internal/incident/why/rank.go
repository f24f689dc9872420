package why

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

const (
	// nothing is the log-odds of a cause that none of the candidates is. A
	// candidate must beat it by evidence.
	nothing = 0.8
	// sure is the confidence from which on the first candidate is the answer.
	sure = 0.5
	// clearedBelow is the confidence under which a change counts as cleared.
	clearedBelow = 0.05
)

// judge ranks the candidates and says what they come to.
//
// The confidence is the softmax of the log-odds over all candidates and the
// cause that is none of them: candidates share the probability, so that two
// which explain the same thing equally well can't both be certain.
func (a *analysis) judge() {
	if a.onset.IsZero() {
		a.noSymptom()
		return
	}
	s := a.scene()
	list := a.changeSuspects(s)
	if x := a.trafficSuspect(s); x != nil && a.signals != nil {
		list = append(list, x)
	}
	if a.signals != nil {
		list = append(list, a.dependencySuspects(s)...)
	}
	list = append(list, a.resourceSuspects(s)...)
	list = append(list, a.neighbourSuspects(s)...)
	list = append(list, a.nodeSuspects(s)...)
	if x := a.errorSuspect(s); x != nil {
		list = append(list, x)
	}
	explained(list)
	a.alertsTogether(list)
	total := math.Exp(nothing)
	for _, x := range list {
		if x.out == "" {
			total += math.Exp(x.odds)
		}
	}
	var kept []*suspect
	for _, x := range list {
		x.Score, x.Confidence = op.Number(tidy(x.odds)), op.Number(tidy(math.Exp(x.odds)/total))
		if x.out != "" {
			x.Confidence = 0
		}
		if x.Kind == api.CauseChange && (x.out != "" || x.Confidence < clearedBelow) {
			why := x.out
			if why == "" {
				why = strings.Join(x.Against, "; ")
			}
			if why == "" {
				why = "other candidates explain the trouble better"
			}
			a.out.Cleared = append(a.out.Cleared, api.WhyCleared{Change: *x.Change, Why: why})
			continue
		}
		if x.out == "" {
			kept = append(kept, x)
		}
	}
	slices.SortStableFunc(kept, func(x, y *suspect) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), y.Onset.Compare(x.Onset), strings.Compare(x.Kind+x.Object+x.Title, y.Kind+y.Object+y.Title))
	})
	limit := a.in.Limit
	if limit <= 0 {
		limit = 5
	}
	for i, x := range kept[:min(len(kept), limit)] {
		x.Rank = i + 1
		a.out.Candidates = append(a.out.Candidates, x.WhyCandidate)
	}
	slices.SortStableFunc(a.out.Cleared, func(x, y api.WhyCleared) int {
		return cmp.Or(y.Change.Time.Compare(x.Change.Time), strings.Compare(x.Change.ID, y.Change.ID))
	})
	a.conclude(kept)
}

// explained lowers what another candidate stands behind: errors in the logs of
// a service that was changed, or runs short, are the change's or the
// shortage's, and so is the state of a dependency that was.
func explained(list []*suspect) {
	short := map[string]*suspect{}
	for _, x := range list {
		if x.Kind == api.CauseResource && (short[x.Service] == nil || x.odds > short[x.Service].odds) {
			short[x.Service] = x
		}
	}
	for _, x := range list {
		if by := short[x.Service]; by != nil && by.odds >= nothing && (x.Kind == api.CauseDependency && !strings.HasPrefix(x.Object, "upstream/") || x.Kind == api.CauseErrors) {
			x.odds = min(x.odds, by.odds-0.7)
			x.Against = append(x.Against, "that "+by.Service+" runs short explains it")
		}
	}
	best := map[string]*suspect{}
	for _, x := range list {
		if x.Kind == api.CauseChange && x.out == "" && (best[x.Service] == nil || x.odds > best[x.Service].odds) {
			best[x.Service] = x
		}
	}
	for _, x := range list {
		by := best[x.Service]
		if by == nil || by.odds < nothing || strings.HasPrefix(x.Object, "upstream/") && !by.named {
			continue // what is outside does not answer whatever was changed here, unless the change named it
		}
		behind := by.odds
		switch x.Kind {
		case api.CauseDependency, api.CauseErrors, api.CauseResource:
			if x.odds > behind-1 {
				x.odds = behind - 1
			}
			x.Against = append(x.Against, "a change of "+x.Service+" explains it")
		}
	}
}

// alertsTogether adds the alerts of a candidate's service that stood when the
// trouble was seen.
func (a *analysis) alertsTogether(list []*suspect) {
	for _, x := range list {
		if x.out != "" || x.Service == a.out.Subject.Service {
			continue
		}
		for _, other := range a.others {
			if ServiceOf(other.Labels) != x.Service || other.Time.After(a.now) || other.End != nil && other.End.Before(a.onset) {
				continue
			}
			x.add(0.4, api.Fact{
				ID: digest("alr", other.Title, x.Service, stamp(other.Time)), Kind: "alert", Source: "metrics", Time: other.Time.UTC(), Service: x.Service,
				Text: fmt.Sprintf("%s of %s fires since %s", other.Title, x.Service, clock(other.Time)), Show: line("alerts", "history", other.Title, "service="+x.Service),
			})
			break
		}
	}
}

// noSymptom says that nothing is seen to be wrong, or that it cannot be seen.
func (a *analysis) noSymptom() {
	if !a.knows(ofMetrics) || a.signals == nil || a.out.Subject.Service != "" && len(a.signals.curves[a.out.Subject.Service]) == 0 {
		a.out.Verdict = api.WhyNoData
		a.out.Summary = fmt.Sprintf("It cannot be told how %s does: %s.", a.out.Subject.Name, a.whatIsMissing())
		return
	}
	a.out.Verdict = api.WhyHealthy
	a.out.Summary = fmt.Sprintf("Nothing of %s left what it was between %s and %s.", a.out.Subject.Name, clock(a.window.From), clock(a.now))
	for _, c := range a.changes {
		if c.Service == a.out.Subject.Service {
			a.out.Cleared = append(a.out.Cleared, api.WhyCleared{Change: c, Why: "nothing is wrong"})
		}
	}
}

func (a *analysis) whatIsMissing() string {
	var names []string
	for _, u := range a.out.Unknown {
		names = append(names, u.Backend)
	}
	if len(names) == 0 {
		return "there are no samples of it"
	}
	return "there is no data from " + strings.Join(names, ", ")
}

// conclude says what the ranking comes to. Where not every source of changes
// has answered, nothing is said of changes that were not seen.
func (a *analysis) conclude(kept []*suspect) {
	unseen := a.unseenChanges()
	noChange := " No change explains it."
	if unseen != "" {
		noChange = ""
	}
	switch {
	case len(kept) == 0 || float64(kept[0].Confidence) < 0.2:
		a.out.Verdict = api.WhyUnclear
		a.out.Summary = "Nothing that is known explains it."
	case float64(kept[0].Confidence) < sure:
		a.out.Verdict = api.WhyUnclear
		a.out.Summary = fmt.Sprintf("Several things may be behind it; the most probable (%s): %s.", percent(kept[0].Confidence), kept[0].Title)
	case kept[0].Kind == api.CauseChange:
		a.out.Verdict = api.WhyCause
		a.out.Summary = fmt.Sprintf("%s (%s).", sentence(kept[0].Title), percent(kept[0].Confidence))
	case unseen != "": // it may be the consequence of one
		a.out.Verdict = api.WhyUnclear
		a.out.Summary = fmt.Sprintf("%s (%s).", sentence(kept[0].Title), percent(kept[0].Confidence))
	default:
		a.out.Verdict = api.WhyNoChange
		a.out.Summary = fmt.Sprintf("%s (%s).%s", sentence(kept[0].Title), percent(kept[0].Confidence), noChange)
	}
	if a.out.Verdict == api.WhyUnclear && !slices.ContainsFunc(kept, func(x *suspect) bool { return x.Kind == api.CauseChange }) {
		a.out.Summary += noChange
	}
	a.out.Summary += unseen
	if !a.knows(ofMetrics) && !a.knows(ofChanges) && !a.knows(ofLogs) {
		a.out.Verdict = api.WhyNoData
		a.out.Summary = fmt.Sprintf("It cannot be told: %s.", a.whatIsMissing())
	}
}

// unseenChanges is a sentence about the sources of changes that did not answer,
// empty where all did.
func (a *analysis) unseenChanges() string {
	var sources []string
	for _, u := range a.out.Unknown {
		if u.Backend == ofChanges {
			return " What was changed is not known."
		}
		if source, ok := strings.CutPrefix(u.Backend, ofChanges+" of "); ok {
			sources = append(sources, source)
		}
	}
	if len(sources) == 0 {
		return ""
	}
	return fmt.Sprintf(" What was changed in %s is not known.", strings.Join(sources, ", "))
}

func percent(n op.Number) string { return fmt.Sprintf("%.0f %%", 100*float64(n)) }

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// tidy drops digits that mean nothing, so that equal data gives equal bytes on
// every machine.
func tidy(v float64) float64 { return math.Round(v*1e4) / 1e4 }
