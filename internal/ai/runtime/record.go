package runtime

import (
	"context"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

// Record is what was asked for of one service: all that outlives the control
// plane. The states of its replicas do not.
type Record struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Generation counts what was asked for, Serial what was written.
	Generation int64 `json:"generation"`
	Serial     int64 `json:"serial"`
	// Target is the number of the revision that is rolled out, Stable that of
	// the one that was rolled out whole last; 0 is none.
	Target int `json:"target"`
	Stable int `json:"stable,omitempty"`
	// Replicas pins their number; nil leaves it to the load.
	Replicas *int `json:"replicas,omitempty"`
	Paused   bool `json:"paused,omitempty"`
	// Cause and Actor are of the last change, whatever it was.
	Cause  string  `json:"cause,omitempty"`
	Actor  string  `json:"actor,omitempty"`
	Canary *Canary `json:"canary,omitempty"`
	// Changed is when the target was changed last.
	Changed   time.Time  `json:"changed"`
	Revisions []Revision `json:"revisions"` // the oldest first
}

// Revision is one entry of a history.
type Revision struct {
	Number   int              `json:"number"`
	Manifest *plugin.Manifest `json:"manifest"`
	// Dir is the folder that it runs in: a copy that nobody changes.
	Dir string `json:"dir,omitempty"`
	// Digest is of the manifest and of the folder's content.
	Digest  string    `json:"digest"`
	Created time.Time `json:"created"`
	Reason  string    `json:"reason,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	// Restart is set where the revision was made to start everything anew.
	Restart time.Time `json:"restart,omitzero"`
	// Good says that it was rolled out whole once.
	Good bool `json:"good,omitempty"`
}

// Canary is a revision that gets a share of the calls.
type Canary struct {
	Revision int       `json:"revision"`
	Weight   int       `json:"weight"` // percent
	Since    time.Time `json:"since"`
}

// clone is a deep copy but for the manifests, which nobody changes.
func (r *Record) clone() *Record {
	out := *r
	out.Revisions = append([]Revision(nil), r.Revisions...)
	if r.Replicas != nil {
		n := *r.Replicas
		out.Replicas = &n
	}
	if r.Canary != nil {
		c := *r.Canary
		out.Canary = &c
	}
	return &out
}

// find gives a revision by its number; nil is none.
func (r *Record) find(number int) *Revision {
	for i := range r.Revisions {
		if r.Revisions[i].Number == number {
			return &r.Revisions[i]
		}
	}
	return nil
}

// newest is the one that a status is about: that of the canary, while one goes
// on, or the target.
func (r *Record) newest() *Revision {
	if r.Canary != nil {
		if c := r.find(r.Canary.Revision); c != nil {
			return c
		}
	}
	return r.find(r.Target)
}

// maxHistory bounds the revisions kept.
const maxHistory = 20

// trim forgets the oldest revisions that nothing refers to.
func (r *Record) trim() {
	for i := 0; len(r.Revisions) > maxHistory && i < len(r.Revisions); {
		n := r.Revisions[i].Number
		if n == r.Target || n == r.Stable || r.Canary != nil && n == r.Canary.Revision {
			i++
			continue
		}
		r.Revisions = append(r.Revisions[:i:i], r.Revisions[i+1:]...)
	}
}

// Store keeps records. What Save has acknowledged is durable.
type Store interface {
	LoadServices(ctx context.Context) ([]Record, error)
	// SaveService writes a record if the one that is there has the serial
	// number given (0 is none), else Stale.
	SaveService(ctx context.Context, r Record, before int64) error
	DeleteService(ctx context.Context, name string) error
}

// memory is a Store that forgets.
type memory struct {
	mu   sync.Mutex
	held map[string]Record
}

func (m *memory) LoadServices(context.Context) ([]Record, error) { return nil, nil }

func (m *memory) SaveService(_ context.Context, r Record, before int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[r.Name].Serial != before {
		return Stale(r.Name)
	}
	if m.held == nil {
		m.held = map[string]Record{}
	}
	m.held[r.Name] = r
	return nil
}

func (m *memory) DeleteService(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, name)
	return nil
}

// Stale is the error of a change that was planned from an earlier picture.
func Stale(name string) error {
	return fail.New(fail.Conflict, "service/%s changed in between", name).Hint("aictl deploy status service/%s", name)
}
