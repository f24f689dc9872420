package alerts

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Keeper looks after the silences that carry the mark of Managed: it renews
// acknowledgements while their alerts fire, ends what has resolved, and lets
// lapse what its owner may no longer hold. It also records what changes in the
// logger, which is the control plane's record of alerts. After a restart it
// finds its silences again by their mark.
//
// What is not there has resolved only when it has not been there for several
// looks, and every Alertmanager could be asked: one that has just started knows
// no alert until Prometheus has sent it again, which it does once a minute.
type Keeper struct {
	Manager func(context.Context) (Manager, error)
	// Owner says whether an account still exists; nil believes all.
	Owner func(ctx context.Context, name string) bool
	// Log gets one record a change, with event.dataset aictl.alerts.
	Log *slog.Logger
	Now func() time.Time
	// Every is the time between two looks (20 s). It must be well below AckFor.
	Every time.Duration

	last map[string]api.Alert
	// gone counts the looks in a row at which a silence hit nothing.
	gone map[string]int
	down bool
}

// goneLooks is how many looks in a row must find nothing: two minutes, with
// looks every 20 seconds.
const goneLooks = 6

// Dataset marks the records of the keeper.
const Dataset = "aictl.alerts"

// Run looks after the silences until ctx ends. The first look is after Every:
// at a start the Alertmanagers may be starting, too.
func (k *Keeper) Run(ctx context.Context) {
	if k.Every <= 0 {
		k.Every = 20 * time.Second
	}
	tick := time.NewTicker(k.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		within, cancel := context.WithTimeout(ctx, k.Every)
		err := k.Look(within)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != k.down { // said once, and once when it is over
			k.down = err != nil
			if err != nil {
				k.Log.Warn("alerts cannot be looked after", slog.String("error.message", err.Error()), slog.String("event.dataset", Dataset))
			} else {
				k.Log.Info("alerts are looked after again", slog.String("event.dataset", Dataset))
			}
		}
	}
}

// Look does one round.
func (k *Keeper) Look(ctx context.Context) error {
	m, err := k.Manager(ctx)
	if err != nil {
		return err
	}
	list, failed, err := m.Alerts(ctx)
	if err != nil {
		return err
	}
	silences, _, err := m.Silences(ctx)
	if err != nil {
		return err
	}
	now := k.Now()
	is := map[string]api.Alert{}
	for _, a := range list {
		is[a.Fingerprint] = a
	}
	unseen(is, k.last, list, failed)
	for _, e := range Changes(k.last, is, now) {
		if e.Type != "snapshot" { // what was there before we looked is no news
			k.record(ctx, e.Type, *e.Alert)
		}
	}
	k.last = is
	var first error
	was := k.gone
	k.gone = map[string]int{}
	for _, s := range silences {
		until, ours := ManagedUntil(s.Comment)
		if !ours || s.State(now) != Active {
			continue
		}
		firing := slices.ContainsFunc(list, func(a api.Alert) bool { return s.Matchers.Hit(a.Labels) })
		if !firing {
			k.gone[s.ID] = was[s.ID]
			if !Blind(failed) {
				k.gone[s.ID]++
			}
		}
		err := k.look(ctx, m, s, until, firing, now)
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

// look renews a silence that is managed, or ends it.
func (k *Keeper) look(ctx context.Context, m Manager, s Silence, until time.Time, firing bool, now time.Time) error {
	if k.gone[s.ID] >= goneLooks {
		if err := m.Expire(ctx, s.ID); err != nil && fail.CodeOf(err) != fail.NotFound {
			return err
		}
		k.Log.InfoContext(ctx, "silence ended: what it kept quiet has resolved", k.about(s)...)
		return nil
	}
	if !IsAck(s.Comment) || !firing || s.Ends.Sub(now) > AckFor*2/3 || !s.Ends.Before(until) {
		return nil
	}
	if k.Owner != nil && !k.Owner(ctx, s.By) {
		return nil // it lapses
	}
	s.Ends = now.Add(AckFor)
	if s.Ends.After(until) {
		s.Ends = until
	}
	_, err := m.Set(ctx, s)
	return err
}

func (k *Keeper) about(s Silence) []any {
	return []any{
		slog.String("event.dataset", Dataset), slog.String("event.action", "unsilence"), slog.String("aictl.silence", s.ID),
		slog.String("aictl.matchers", s.Matchers.String()), slog.String("user.name", s.By), slog.String("aictl.comment", s.Comment),
	}
}

func (k *Keeper) record(ctx context.Context, kind string, a api.Alert) {
	k.Log.InfoContext(ctx, "alert changed", slog.String("event.dataset", Dataset), slog.String("event.action", kind),
		slog.String("aictl.alert", a.Name), slog.String("aictl.fingerprint", a.Fingerprint), slog.String("aictl.severity", a.Severity),
		slog.String("aictl.service", a.Service), slog.String("aictl.summary", a.Summary), slog.Time("aictl.started", a.Started))
}
