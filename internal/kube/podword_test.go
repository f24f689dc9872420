package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/api"
)

// TestStatesAreKubectlsWords has what `kubectl get pods` v1.37 prints for the
// same pods.
func TestStatesAreKubectlsWords(t *testing.T) {
	always, yes := core.ContainerRestartPolicyAlways, true
	waiting := func(reason string, restarts int32) core.ContainerStatus {
		return core.ContainerStatus{Name: "main", RestartCount: restarts, State: core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: reason}}}
	}
	running := core.ContainerStatus{Name: "main", Ready: true, State: core.ContainerState{Running: &core.ContainerStateRunning{}}}
	ended := func(code, signal int32, reason string) core.ContainerStatus {
		return core.ContainerStatus{Name: "main", State: core.ContainerState{Terminated: &core.ContainerStateTerminated{ExitCode: code, Signal: signal, Reason: reason}}}
	}
	named := func(s core.ContainerStatus, name string) core.ContainerStatus { s.Name = name; return s }
	condition := func(kind core.PodConditionType, status core.ConditionStatus, reason string) core.PodCondition {
		return core.PodCondition{Type: kind, Status: status, Reason: reason}
	}
	now := meta.NewTime(time.Now())
	one := core.PodSpec{Containers: []core.Container{{Name: "main"}}}
	withInit := core.PodSpec{Containers: one.Containers, InitContainers: []core.Container{{Name: "first"}, {Name: "second"}}}
	withSidecar := core.PodSpec{Containers: one.Containers, InitContainers: []core.Container{{Name: "side", RestartPolicy: &always}}}
	side := named(running, "side")
	side.Started, side.RestartCount = &yes, 2
	for name, tc := range map[string]struct {
		spec     core.PodSpec
		status   core.PodStatus
		deleted  bool
		state    string
		ready    int
		of       int
		restarts int
	}{
		"pending":       {one, core.PodStatus{Phase: "Pending"}, false, "Pending", 0, 1, 0},
		"evicted":       {one, core.PodStatus{Phase: "Failed", Reason: "Evicted"}, false, "Evicted", 0, 1, 0},
		"gated":         {one, core.PodStatus{Phase: "Pending", Conditions: []core.PodCondition{condition(core.PodScheduled, "False", "SchedulingGated")}}, false, "SchedulingGated", 0, 1, 0},
		"running":       {one, core.PodStatus{Phase: "Running", ContainerStatuses: []core.ContainerStatus{running}}, false, "Running", 1, 1, 0},
		"crash loop":    {one, core.PodStatus{Phase: "Running", ContainerStatuses: []core.ContainerStatus{waiting("CrashLoopBackOff", 7)}}, false, "CrashLoopBackOff", 0, 1, 7},
		"pull":          {one, core.PodStatus{Phase: "Pending", ContainerStatuses: []core.ContainerStatus{waiting("ImagePullBackOff", 0)}}, false, "ImagePullBackOff", 0, 1, 0},
		"completed":     {one, core.PodStatus{Phase: "Succeeded", ContainerStatuses: []core.ContainerStatus{ended(0, 0, "Completed")}}, false, "Completed", 0, 1, 0},
		"killed":        {one, core.PodStatus{Phase: "Failed", ContainerStatuses: []core.ContainerStatus{ended(137, 0, "OOMKilled")}}, false, "OOMKilled", 0, 1, 0},
		"by a signal":   {one, core.PodStatus{Phase: "Failed", ContainerStatuses: []core.ContainerStatus{ended(0, 9, "")}}, false, "Signal:9", 0, 1, 0},
		"by a code":     {one, core.PodStatus{Phase: "Failed", ContainerStatuses: []core.ContainerStatus{ended(3, 0, "")}}, false, "ExitCode:3", 0, 1, 0},
		"one of two":    {core.PodSpec{Containers: make([]core.Container, 2)}, core.PodStatus{Phase: "Running", ContainerStatuses: []core.ContainerStatus{ended(0, 0, "Completed"), running}}, false, "NotReady", 1, 2, 0},
		"ready anyway":  {core.PodSpec{Containers: make([]core.Container, 2)}, core.PodStatus{Phase: "Running", Conditions: []core.PodCondition{condition(core.PodReady, "True", "")}, ContainerStatuses: []core.ContainerStatus{ended(0, 0, "Completed"), running}}, false, "Running", 1, 2, 0},
		"terminating":   {one, core.PodStatus{Phase: "Running", ContainerStatuses: []core.ContainerStatus{running}}, true, "Terminating", 1, 1, 0},
		"ended already": {one, core.PodStatus{Phase: "Succeeded", ContainerStatuses: []core.ContainerStatus{ended(0, 0, "Completed")}}, true, "Completed", 0, 1, 0},
		"node lost":     {one, core.PodStatus{Phase: "Running", Reason: "NodeLost"}, true, "Unknown", 0, 1, 0},
		"first init": {withInit, core.PodStatus{
			Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(running, "first"), waiting("PodInitializing", 0)},
			ContainerStatuses: []core.ContainerStatus{waiting("PodInitializing", 0)},
		}, false, "Init:0/2", 0, 1, 0},
		"second init": {withInit, core.PodStatus{
			Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(ended(0, 0, "Completed"), "first"), waiting("PodInitializing", 0)},
			ContainerStatuses: []core.ContainerStatus{waiting("PodInitializing", 0)},
		}, false, "Init:1/2", 0, 1, 0},
		"init fails": {withInit, core.PodStatus{
			Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(ended(1, 0, "Error"), "first")},
			ContainerStatuses: []core.ContainerStatus{waiting("PodInitializing", 0)},
		}, false, "Init:Error", 0, 1, 0},
		"init loops": {
			withInit,
			core.PodStatus{Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(waiting("CrashLoopBackOff", 4), "first")}},
			false, "Init:CrashLoopBackOff", 0, 1, 4,
		},
		"init by a code":   {withInit, core.PodStatus{Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(ended(2, 0, ""), "first")}}, false, "Init:ExitCode:2", 0, 1, 0},
		"init by a signal": {withInit, core.PodStatus{Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(ended(1, 9, ""), "first")}}, false, "Init:Signal:9", 0, 1, 0},
		"initialized": {withInit, core.PodStatus{
			Phase: "Running", InitContainerStatuses: []core.ContainerStatus{named(ended(0, 0, "Completed"), "first"), named(ended(0, 0, "Completed"), "second")},
			ContainerStatuses: []core.ContainerStatus{running},
		}, false, "Running", 1, 1, 0},
		"with a sidecar": {withSidecar, core.PodStatus{Phase: "Running", InitContainerStatuses: []core.ContainerStatus{side}, ContainerStatuses: []core.ContainerStatus{running}}, false, "Running", 2, 2, 2},
		"sidecar starts": {withSidecar, core.PodStatus{Phase: "Pending", InitContainerStatuses: []core.ContainerStatus{named(waiting("PodInitializing", 0), "side")}}, false, "Init:0/1", 0, 2, 0},
	} {
		p := &core.Pod{Spec: tc.spec, Status: tc.status}
		if tc.deleted {
			p.DeletionTimestamp = &now
		}
		var r api.Replica
		describePod(p, &r)
		require.Equal(t, []any{tc.state, tc.ready, tc.of, tc.restarts}, []any{r.State, r.ReadyContainers, r.Containers, r.Restarts}, name)
	}
}
