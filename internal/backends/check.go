package backends

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Bounds of a check.
const (
	// checkWithin is how long one backend may take to answer.
	checkWithin = 5 * time.Second
	// maxSkew is the difference of clocks beyond which times of two systems
	// cannot be laid side by side.
	maxSkew = 5 * time.Second
)

// found is what a system said of itself.
type found struct {
	detail string
	skew   time.Duration
}

// Check asks every system that is named, all at once.
func (s *Set) Check(ctx context.Context) []api.BackendCheck {
	type look struct {
		name string
		ask  func(context.Context) (found, error)
	}
	var looks []look
	if open := s.Logs(); open != nil {
		looks = append(looks, look{"logs", func(ctx context.Context) (found, error) {
			store, err := open(ctx)
			if err != nil {
				return found{}, err
			}
			info, err := store.Check(ctx)
			return found{fmt.Sprintf("%s %s at %s", info.Kind, info.Version, info.URL), info.Skew}, err
		}})
	}
	if open := s.Metrics(); open != nil {
		looks = append(looks, look{"metrics", func(ctx context.Context) (found, error) {
			q, err := open(ctx)
			if err != nil {
				return found{}, err
			}
			b, err := q.Check(ctx)
			return found{detail: fmt.Sprintf("%s at %s", b.Version, b.URL)}, err
		}})
	}
	if open := s.Cluster(); open != nil {
		looks = append(looks, look{"kubernetes", func(ctx context.Context) (found, error) {
			c, err := open(ctx)
			if err != nil {
				return found{}, err
			}
			version, err := c.Ping(ctx)
			return found{detail: fmt.Sprintf("Kubernetes %s at %s, context %s", version, c.Host(), c.Name())}, err
		}})
	}
	out := make([][]api.BackendCheck, len(looks)+1)
	var wg sync.WaitGroup
	wg.Go(func() { out[len(looks)] = s.checkAlerts(ctx) })
	for i, l := range looks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkWithin)
			defer cancel()
			f, err := l.ask(ctx)
			out[i] = []api.BackendCheck{finding(l.name, "reachable", f.detail, err)}
			if err == nil && f.skew != 0 {
				var wrong error
				if f.skew > maxSkew || f.skew < -maxSkew {
					wrong = fail.New(fail.Failed, "its clock is %s off ours", f.skew.Round(time.Second)).Hint("set both clocks by NTP")
				}
				c := finding(l.name, "clock", fmt.Sprintf("%s off ours", f.skew.Round(time.Millisecond)), wrong)
				c.Skew = op.Duration(f.skew)
				out[i] = append(out[i], c)
			}
		})
	}
	wg.Wait()
	list := []api.BackendCheck{}
	for _, part := range out {
		list = append(list, part...)
	}
	return list
}

// checkAlerts asks every Alertmanager by itself.
func (s *Set) checkAlerts(ctx context.Context) []api.BackendCheck {
	open := s.Alerts()
	if open == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	m, err := open(ctx)
	if err != nil {
		return []api.BackendCheck{finding("alerts", "reachable", "", err)}
	}
	members, err := m.Check(ctx)
	if err != nil {
		return []api.BackendCheck{finding("alerts", "reachable", "", err)}
	}
	out := []api.BackendCheck{}
	for _, one := range members {
		out = append(out, finding("alerts", "reachable", fmt.Sprintf("Alertmanager %s at %s", one.Version, one.URL), one.Err))
	}
	return out
}

func finding(backend, check, detail string, err error) api.BackendCheck {
	c := api.BackendCheck{Backend: backend, Check: check, OK: err == nil, Code: fail.CodeOf(err), Detail: detail}
	if err != nil {
		e := fail.From(err)
		c.Detail, c.Next = e.Error(), e.Next
	}
	return c
}
