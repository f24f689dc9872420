package kube

import (
	"fmt"

	core "k8s.io/api/core/v1"

	"github.com/aictl/aictl/internal/api"
)

// describePod sets what kubectl's columns READY, STATUS and RESTARTS show, by
// the rules of its printer (printPod in pkg/printers/internalversion), which
// are in no package that can be imported: people compare the two.
func describePod(p *core.Pod, r *api.Replica) {
	s := &p.Status
	r.State = string(s.Phase)
	if s.Reason != "" {
		r.State = s.Reason
	}
	for i := range s.Conditions {
		if k := &s.Conditions[i]; k.Type == core.PodScheduled && k.Reason == core.PodReasonSchedulingGated {
			r.State = k.Reason
		}
	}
	r.Containers = len(p.Spec.Containers)
	for i := range p.Spec.InitContainers {
		if sidecar(&p.Spec.InitContainers[i]) {
			r.Containers++
		}
	}
	initializing, sidecarRestarts := describeInit(p, r)
	if !initializing || conditionTrue(s, core.PodInitialized) {
		r.Restarts = sidecarRestarts
		describeContainers(s, r)
	}
	switch {
	case p.DeletionTimestamp == nil:
	case s.Reason == "NodeLost":
		r.State = "Unknown"
	case s.Phase != core.PodSucceeded && s.Phase != core.PodFailed:
		r.State = "Terminating"
	}
}

// describeInit looks at the containers that run before, or beside, the others.
func describeInit(p *core.Pod, r *api.Replica) (initializing bool, sidecarRestarts int) {
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		beside := besideOthers(p, c.Name)
		r.Restarts += int(c.RestartCount)
		if beside {
			sidecarRestarts += int(c.RestartCount)
		}
		end, wait := c.State.Terminated, c.State.Waiting
		switch {
		case end != nil && end.ExitCode == 0:
			continue
		case beside && c.Started != nil && *c.Started:
			if c.Ready {
				r.ReadyContainers++
			}
			continue
		case end != nil:
			r.State = "Init:" + endWord(end)
		case wait != nil && wait.Reason != "" && wait.Reason != "PodInitializing":
			r.State = "Init:" + wait.Reason
		default:
			r.State = fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
		}
		return true, sidecarRestarts
	}
	return false, sidecarRestarts
}

func describeContainers(s *core.PodStatus, r *api.Replica) {
	running := false
	for i := len(s.ContainerStatuses) - 1; i >= 0; i-- {
		c := &s.ContainerStatuses[i]
		r.Restarts += int(c.RestartCount)
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			r.State = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			r.State = endWord(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
			r.ReadyContainers++
		}
	}
	if r.State == "Completed" && running {
		r.State = "NotReady"
		if conditionTrue(s, core.PodReady) {
			r.State = "Running"
		}
	}
}

func endWord(t *core.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

func sidecar(c *core.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == core.ContainerRestartPolicyAlways
}

func besideOthers(p *core.Pod, name string) bool {
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; c.Name == name {
			return sidecar(c)
		}
	}
	return false
}

func conditionTrue(s *core.PodStatus, kind core.PodConditionType) bool {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return s.Conditions[i].Status == core.ConditionTrue
		}
	}
	return false
}
