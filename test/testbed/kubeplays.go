package testbed

import "time"

// The plays are what a kubelet of Kubernetes 1.37 with containerd reports, in
// its words: the reasons of pkg/kubelet/events and of pkg/kubelet/images, and
// the messages that its users search for. Pauses are shorter than a real
// kubelet's: its back-off of ten seconds is one.

const beat = 300 * time.Millisecond

var (
	creating = Step{Phase: "Pending", Container: &ContainerStatus{Waiting: "ContainerCreating"}}
	ready    = Step{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true}}
	running  = Step{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true}}
)

func waiting(reason, message string) Step {
	return Step{After: beat, Phase: "Pending", Container: &ContainerStatus{Waiting: reason, Message: message}}
}

func event(reason, message string) Step {
	return Step{Event: &PodEvent{reason, message}}
}

func decisive(s Step) Step {
	s.Decisive = true
	return s
}

// crashes is a container that ends by itself, n times, and is started again.
func crashes(n int, e Exit) Play {
	p := Play{creating}
	for i := range n {
		p = append(p, Step{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true, Restarts: i, Last: last(i, e)}},
			Step{After: beat, Phase: "Running", Container: &ContainerStatus{Exit: &e, Restarts: i, Last: last(i, e)}})
	}
	back := Step{After: beat, Phase: "Running", Container: &ContainerStatus{
		Waiting: "CrashLoopBackOff", Message: "back-off 10s restarting failed container=web pod=web", Restarts: n - 1, Last: &e,
	}}
	return append(p, decisive(back), event("BackOff", "Back-off restarting failed container web in pod web"))
}

func last(i int, e Exit) *Exit {
	if i == 0 {
		return nil
	}
	return &e
}

// Failures are the plays of rollouts that fail for good, by name, with the
// class that a verdict must give them.
var Failures = map[string]struct {
	Class string
	Play  Play
}{
	"image-not-found": {"image_pull", Play{
		creating,
		event("Failed", `Failed to pull image "aictl.invalid/web:2": rpc error: code = NotFound desc = failed to pull and unpack image "aictl.invalid/web:2": not found`),
		waiting("ErrImagePull", "rpc error: code = NotFound desc = failed to pull and unpack image \"aictl.invalid/web:2\": not found"),
		event("BackOff", `Back-off pulling image "aictl.invalid/web:2"`),
		decisive(waiting("ImagePullBackOff", `Back-off pulling image "aictl.invalid/web:2": ErrImagePull: not found`)),
		{After: 5 * beat, Phase: "Pending", Container: &ContainerStatus{Waiting: "ErrImagePull", Message: "not found"}},
		waiting("ImagePullBackOff", `Back-off pulling image "aictl.invalid/web:2": ErrImagePull: not found`),
	}},
	"image-name-wrong": {"image_pull", Play{
		creating,
		event("InspectFailed", `Failed to apply default image tag "web:": couldn't parse image name "web:": invalid reference format`),
		decisive(waiting("InvalidImageName", `Failed to apply default image tag "web:": couldn't parse image name "web:": invalid reference format`)),
	}},
	"crash":  {"crash_loop", crashes(2, Exit{1, "Error"})},
	"memory": {"crash_loop", crashes(2, Exit{137, "OOMKilled"})},
	"signal": {"crash_loop", crashes(2, Exit{139, "Error"})},
	"init-crash": {"crash_loop", Play{
		{Phase: "Pending", Init: &ContainerStatus{Waiting: "PodInitializing"}},
		{After: beat, Phase: "Pending", Init: &ContainerStatus{Exit: &Exit{2, "Error"}}},
		{After: beat, Phase: "Pending", Init: &ContainerStatus{Running: true, Restarts: 1, Last: &Exit{2, "Error"}}},
		{After: beat, Phase: "Pending", Init: &ContainerStatus{Exit: &Exit{2, "Error"}, Restarts: 1, Last: &Exit{2, "Error"}}},
		decisive(Step{After: beat, Phase: "Pending", Init: &ContainerStatus{
			Waiting: "CrashLoopBackOff", Message: "back-off 10s restarting failed container=setup pod=web", Restarts: 1, Last: &Exit{2, "Error"},
		}}),
		event("BackOff", "Back-off restarting failed container setup in pod web"),
	}},
	"not-ready": {"probe_failing", Play{
		creating, running,
		event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
		{After: time.Second, Event: &PodEvent{"Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"}},
		{After: time.Second, Event: &PodEvent{"Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"}, Decisive: true},
		{After: time.Second, Event: &PodEvent{"Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"}},
	}},
	"not-alive": {"probe_failing", Play{
		creating, running,
		event("Unhealthy", "Liveness probe failed: Get \"http://10.0.0.1:8080/livez\": dial tcp 10.0.0.1:8080: connect: connection refused"),
		event("Killing", "Container web failed liveness probe, will be restarted"),
		{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true, Restarts: 1, Last: &Exit{137, "Error"}}},
		event("Unhealthy", "Liveness probe failed: Get \"http://10.0.0.1:8080/livez\": dial tcp 10.0.0.1:8080: connect: connection refused"),
		event("Killing", "Container web failed liveness probe, will be restarted"),
		decisive(Step{After: beat, Phase: "Running", Container: &ContainerStatus{
			Waiting: "CrashLoopBackOff", Message: "back-off 10s restarting failed container=web pod=web", Restarts: 1, Last: &Exit{137, "Error"},
		}}),
		event("BackOff", "Back-off restarting failed container web in pod web"),
	}},
	"config-missing": {"missing_config", Play{
		creating,
		event("Failed", `Error: configmap "web-config" not found`),
		decisive(waiting("CreateContainerConfigError", `configmap "web-config" not found`)),
	}},
	"secret-missing": {"missing_config", Play{
		creating,
		decisive(Step{After: beat, Event: &PodEvent{"FailedMount", `MountVolume.SetUp failed for volume "keys" : secret "web-keys" not found`}}),
		{After: time.Second, Event: &PodEvent{"FailedMount", `MountVolume.SetUp failed for volume "keys" : secret "web-keys" not found`}},
	}},
	"no-progress": {"deadline", Play{creating}}, // with progressDeadlineSeconds: the controller says when
}

// Transients are the plays of rollouts that look bad for a moment and succeed.
var Transients = map[string]Play{
	"pull-again": {
		creating,
		event("Failed", `Failed to pull image "aictl.invalid/web:2": rpc error: code = Unavailable desc = connection reset by peer`),
		waiting("ErrImagePull", "rpc error: code = Unavailable desc = connection reset by peer"),
		{After: time.Second, Phase: "Pending", Container: &ContainerStatus{Waiting: "ContainerCreating"}}, ready,
	},
	"one-restart": {
		creating, running,
		{After: beat, Phase: "Running", Container: &ContainerStatus{Exit: &Exit{1, "Error"}}},
		{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true, Restarts: 1, Last: &Exit{1, "Error"}}},
		{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true, Restarts: 1, Last: &Exit{1, "Error"}}},
	},
	"slow-ready": {
		creating, running,
		event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
		{After: 3 * time.Second, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true}},
	},
	"config-late": {
		creating,
		event("Failed", `Error: configmap "web-config" not found`),
		waiting("CreateContainerConfigError", `configmap "web-config" not found`),
		{After: time.Second, Phase: "Pending", Container: &ContainerStatus{Waiting: "ContainerCreating"}}, ready,
	},
	"mount-late": {
		creating,
		event("FailedMount", `MountVolume.SetUp failed for volume "keys" : failed to sync secret cache: timed out waiting for the condition`),
		{After: time.Second, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true}},
	},
	"ready-and-not": {
		creating, ready,
		{After: beat, Phase: "Running", Container: &ContainerStatus{Running: true}},
		event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
		{After: time.Second, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true}},
	},
}
