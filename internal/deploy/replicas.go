package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
)

// ReplicaQuery picks replicas; the zero value picks those of the default
// namespace.
type ReplicaQuery struct {
	Namespace     string
	AllNamespaces bool
	Selector      string // of the replicas' own labels, as kubectl's -l
	// Workload is the only one whose replicas are picked, where it has a name.
	// Its namespace is the query's.
	Workload Ref
	// Watch goes on with what changes.
	Watch bool
}

// Of says in which namespace; empty is all.
func (q ReplicaQuery) Of(standard string) string {
	if q.AllNamespaces {
		return ""
	}
	return cmp.Or(q.Namespace, standard)
}

// ReplicaRow is a replica of a workload as lists of replicas show it.
func ReplicaRow(w api.Workload, r Replica) api.Replica {
	out := api.Replica{
		Engine: w.Engine, Context: w.Context, Namespace: w.Namespace, Name: r.Name, Workload: Title(w), Revision: r.Revision,
		State: podWord(r), Ready: r.Ready, Node: r.Node, Created: r.Created,
	}
	for _, c := range r.Containers {
		if c.Init {
			continue
		}
		out.Containers++
		out.Restarts += c.Restarts
		if c.Ready && c.State == "running" {
			out.ReadyContainers++
		}
	}
	return out
}

// podWord is the state of a replica in the word that kubectl has for a pod
// like it. (The Kubernetes engine reads the pod itself, which says more.)
func podWord(r Replica) string {
	if r.Deleting && r.Phase != "Succeeded" && r.Phase != "Failed" {
		return "Terminating"
	}
	word := cmp.Or(r.Reason, r.Phase)
	inits, done := 0, 0
	for _, c := range r.Containers {
		if c.Init {
			inits++
			if c.State == "terminated" && c.Exit != nil && c.Exit.Code == 0 {
				done++
			}
		}
	}
	running := false
	for _, c := range slices.Backward(r.Containers) {
		switch {
		case c.Init:
		case c.State == "waiting" && c.Reason != "", c.State == "terminated" && c.Reason != "":
			word = c.Reason
		case c.State == "terminated" && c.Exit != nil && c.Exit.Code == 0:
			word = "Completed"
		case c.State == "terminated" && c.Exit != nil:
			word = fmt.Sprintf("ExitCode:%d", c.Exit.Code)
		case c.State == "running" && c.Ready:
			running = true
		}
	}
	if done < inits && !running && (word == "Pending" || word == "PodInitializing") {
		return fmt.Sprintf("Init:%d/%d", done, inits)
	}
	if word == "Completed" && running {
		return "Running"
	}
	return word
}

type toldKey struct{ namespace, workload, name string }

type toldReplica struct {
	r     api.Replica
	round int
}

// Told is what a watcher of replicas has been told, so that a list that is
// read anew tells what differs and nothing else. It is not safe for concurrent
// use.
type Told struct {
	round int
	known map[toldKey]toldReplica
}

// Begin starts a list: what is not told until End is gone.
func (t *Told) Begin() {
	if t.known == nil {
		t.known = map[toldKey]toldReplica{}
	}
	t.round++
}

// Seen notes a replica, and says whether it is new or has changed.
func (t *Told) Seen(r api.Replica) bool {
	if t.known == nil {
		t.Begin()
	}
	k := toldKey{r.Namespace, r.Workload, r.Name}
	was, ok := t.known[k]
	t.known[k] = toldReplica{r, t.round}
	return !ok || was.r != r
}

// Gone forgets a replica; false says that it was not known.
func (t *Told) Gone(r api.Replica) bool {
	k := toldKey{r.Namespace, r.Workload, r.Name}
	_, ok := t.known[k]
	delete(t.known, k)
	return ok
}

// End ends a list, and gives what is there no more, by name.
func (t *Told) End() []api.Replica {
	var out []api.Replica
	for k, one := range t.known {
		if one.round != t.round {
			out = append(out, one.r)
			delete(t.known, k)
		}
	}
	slices.SortFunc(out, func(a, b api.Replica) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return out
}
