package deployments

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
)

// replicaStream is the state of one context's stream.
type replicaStream struct {
	in     api.ReplicaFilter
	epoch  int
	synced map[string]bool // engines that told all since the last opening
	cut    bool            // the stream broke, and is opened again
	err    error
	done   bool
	failed map[string]api.BackendFailure // by backend
}

// again begins a new opening of a stream.
func (s *replicaStream) again() {
	s.epoch++
	s.synced = map[string]bool{}
}

func (r *replicas) update(msg tea.Msg) tea.Cmd {
	b, ok := msg.(feed.Batch)
	name, mine := strings.CutPrefix(b.Slot, replicaSlot)
	s := r.streams[name]
	if !ok || !mine || s == nil {
		return nil
	}
	items := feed.Items[api.ReplicaEvent](b)
	if len(items) > 0 {
		if s.cut {
			s.again()
			s.cut, s.err = false, nil
		}
		r.take(name, s, items)
	}
	if b.Err != nil {
		s.err, s.cut = b.Err, true
	}
	s.done = s.done || b.Done
	return nil
}

// take brings what a stream told into the table, at once.
func (r *replicas) take(name string, s *replicaStream, items []api.ReplicaEvent) {
	rows := make([]replicaRow, 0, len(items))
	for i := range items {
		e := &items[i]
		switch {
		case e.Type == api.ReplicaSeen && e.Replica != nil:
			row := replicaRow{Replica: *e.Replica, asked: name, epoch: s.epoch}
			row.key = keyOf(name, e.Replica)
			was, known := r.all[row.key]
			if known && was.Ready {
				r.ready--
			}
			if row.Ready {
				r.ready++
			}
			r.all[row.key] = row
			if !r.trouble || row.troubled() {
				rows = append(rows, row)
			} else if known {
				r.table.Remove(row.key)
			}
		case e.Type == api.ReplicaGone && e.Replica != nil:
			// What waits for the table must not come back after it.
			r.table.Upsert(rows...)
			rows = rows[:0]
			key := keyOf(name, e.Replica)
			if row, known := r.all[key]; known {
				r.forget(key, row)
			}
		case e.Type == api.ReplicaSynced:
			r.table.Upsert(rows...)
			rows = rows[:0]
			r.synced(name, s, e)
		case e.Type == api.ReplicaNotice:
			s.notice(e)
		}
	}
	r.table.Upsert(rows...)
}

// synced drops what an engine has no more, the first time after its stream was
// opened; later it tells what goes.
func (r *replicas) synced(name string, s *replicaStream, e *api.ReplicaEvent) {
	delete(s.failed, e.Engine)
	engine := e.Engine + "\x00" + e.Context
	if s.synced[engine] {
		return
	}
	s.synced[engine] = true
	if s.epoch == 1 {
		return
	}
	for k, row := range r.all {
		if row.asked == name && row.Engine == e.Engine && row.Context == e.Context && row.epoch < s.epoch {
			r.forget(k, row)
		}
	}
}

func (s *replicaStream) notice(e *api.ReplicaEvent) {
	f := api.BackendFailure{Backend: e.Engine, Message: e.Message}
	if e.Failure != nil {
		f = *e.Failure
	}
	s.failed[f.Backend] = f
}
