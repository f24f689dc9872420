package testbed

import (
	"strings"
	"time"
)

// The plays are what a kubelet of Kubernetes 1.37 with containerd reports, in
// its words: the reasons of pkg/kubelet/events and of pkg/kubelet/images, and
// the messages that its users search for. Pauses are shorter than a real
// kubelet's: its back-off of ten seconds is one.

const (
	beat      = 300 * time.Millisecond
	webField  = "spec.containers{web}"
	initField = "spec.initContainers{setup}"
)

var (
	creating = Step{Phase: "Pending", Container: &ContainerStatus{Waiting: "ContainerCreating"}}
	ready    = Step{After: beat, Log: []string{"listening on :8080"}, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true}}
	running  = Step{After: beat, Log: []string{"warming up"}, Phase: "Running", Container: &ContainerStatus{Running: true}}
)

func waiting(reason, message string) Step {
	return Step{After: beat, Phase: "Pending", Container: &ContainerStatus{Waiting: reason, Message: message}}
}

// event is about the container web; about is about the pod as a whole.
func event(reason, message string) Step {
	return Step{Event: &PodEvent{Reason: reason, Message: message, Field: webField}}
}

func about(reason, message string) Step {
	return Step{Event: &PodEvent{Reason: reason, Message: message}}
}

// autoscaler is what the cluster autoscaler says of a pod without a node.
func autoscaler(reason, message string) Step {
	return Step{After: time.Second, Event: &PodEvent{Reason: reason, Message: message, Source: "cluster-autoscaler", Normal: true}}
}

func decisive(s Step) Step {
	s.Decisive = true
	return s
}

func after(d time.Duration, s Step) Step {
	s.After = d
	return s
}

// crashes is a container that writes a line and ends by itself, n times, and is
// started again.
func crashes(n int, e Exit, words string) Play {
	p := Play{creating}
	for i := range n {
		p = append(p, Step{After: beat, Log: []string{"starting"}, Phase: "Running", Container: &ContainerStatus{Running: true, Restarts: i, Last: last(i, e)}},
			Step{After: beat, Log: []string{words}, Phase: "Running", Container: &ContainerStatus{Exit: &e, Restarts: i, Last: last(i, e)}})
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

const (
	notFound    = `rpc error: code = NotFound desc = failed to pull and unpack image "aictl.invalid/web:2": failed to resolve reference "aictl.invalid/web:2": aictl.invalid/web:2: not found`
	backOffPull = `Back-off pulling image "aictl.invalid/web:2": ErrImagePull: ` + notFound
	reset       = `rpc error: code = Unavailable desc = failed to pull and unpack image "aictl.invalid/web:2": read: connection reset by peer`
	noName      = `Failed to apply default image tag "web:": couldn't parse image name "web:": invalid reference format`
	unready     = "Readiness probe failed: HTTP probe failed with statuscode: 503"
	noAnswer    = `Liveness probe failed: Get "http://10.244.0.1:8080/livez": dial tcp 10.244.0.1:8080: connect: connection refused`
	killing     = "Container web failed liveness probe, will be restarted"
	noConfig    = `configmap "web-config" not found`
	noSecret    = `MountVolume.SetUp failed for volume "keys" : secret "web-keys" not found`
	slowSecret  = `MountVolume.SetUp failed for volume "keys" : failed to sync secret cache: timed out waiting for the condition`
	noScaleUp   = "pod didn't trigger scale-up: 1 max node group size reached"
)

// probe is a readiness probe with a budget of seconds.
func probe(failures string) string {
	return strings.ReplaceAll("readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1, failureThreshold: N}", "N", failures)
}

const (
	fromConfig = "envFrom: [{configMapRef: {name: web-config}}]"
	fromSecret = "volumeMounts: [{name: keys, mountPath: /keys}]"
	keys       = "volumes: [{name: keys, secret: {secretName: web-keys}}]"
)

// Failures are the rollouts that fail for good, by name.
var Failures = map[string]Fixture{
	"image-not-found": {Class: "image_pull", Decisive: "the first pull's Failed event with the registry's NotFound, and ErrImagePull", Play: Play{
		creating,
		event("Failed", `Failed to pull image "aictl.invalid/web:2": `+notFound),
		event("Failed", "Error: ErrImagePull"),
		decisive(waiting("ErrImagePull", notFound)),
		event("BackOff", `Back-off pulling image "aictl.invalid/web:2"`),
		event("Failed", "Error: ImagePullBackOff"),
		waiting("ImagePullBackOff", backOffPull),
		after(5*beat, waiting("ErrImagePull", notFound)),
		waiting("ImagePullBackOff", backOffPull),
	}},
	"image-name-wrong": {Class: "image_pull", Decisive: "InvalidImageName", Play: Play{
		creating, event("InspectFailed", noName), decisive(waiting("InvalidImageName", noName)),
	}},
	"crash":  {Class: "crash_loop", Decisive: "CrashLoopBackOff after exit code 1, twice", Play: crashes(2, Exit{1, "Error"}, "fatal: cannot reach db:5432")},
	"memory": {Class: "crash_loop", Decisive: "CrashLoopBackOff after OOMKilled, twice", Container: "resources: {limits: {memory: 64Mi}}", Play: crashes(2, Exit{137, "OOMKilled"}, "loading the model")},
	"signal": {Class: "crash_loop", Decisive: "CrashLoopBackOff after exit code 139 (SIGSEGV), twice", Play: crashes(2, Exit{139, "Error"}, "segmentation fault")},
	"init-crash": {Class: "crash_loop", Decisive: "Init:CrashLoopBackOff after exit code 2, twice", Pod: `initContainers: [{name: setup, image: "aictl.invalid/setup:1"}]`, Play: Play{
		{Phase: "Pending", Init: &ContainerStatus{Waiting: "PodInitializing"}},
		{After: beat, Log: []string{"migration 7 failed"}, Phase: "Pending", Init: &ContainerStatus{Exit: &Exit{2, "Error"}}},
		{After: beat, Phase: "Pending", Init: &ContainerStatus{Running: true, Restarts: 1, Last: &Exit{2, "Error"}}},
		{After: beat, Log: []string{"migration 7 failed"}, Phase: "Pending", Init: &ContainerStatus{Exit: &Exit{2, "Error"}, Restarts: 1, Last: &Exit{2, "Error"}}},
		decisive(Step{After: beat, Phase: "Pending", Init: &ContainerStatus{
			Waiting: "CrashLoopBackOff", Message: "back-off 10s restarting failed container=setup pod=web", Restarts: 1, Last: &Exit{2, "Error"},
		}}),
		{Event: &PodEvent{Reason: "BackOff", Message: "Back-off restarting failed container setup in pod web", Field: initField}},
	}},
	"not-ready": {Class: "probe_failing", Decisive: "the third Unhealthy event in a row of a readiness probe with a failureThreshold of 3", Container: probe("3"), Play: Play{
		creating, running,
		after(time.Second, event("Unhealthy", unready)), after(time.Second, event("Unhealthy", unready)),
		decisive(after(time.Second, event("Unhealthy", unready))),
		after(time.Second, event("Unhealthy", unready)), after(time.Second, event("Unhealthy", unready)),
	}},
	"not-alive": {Class: "probe_failing", Decisive: "CrashLoopBackOff of a container that its liveness probe had killed", Play: Play{
		creating, running,
		event("Unhealthy", noAnswer), event("Killing", killing),
		{After: beat, Log: []string{"warming up"}, Phase: "Running", Container: &ContainerStatus{Running: true, Restarts: 1, Last: &Exit{137, "Error"}}},
		event("Unhealthy", noAnswer), event("Killing", killing),
		decisive(Step{After: beat, Phase: "Running", Container: &ContainerStatus{
			Waiting: "CrashLoopBackOff", Message: "back-off 10s restarting failed container=web pod=web", Restarts: 1, Last: &Exit{137, "Error"},
		}}),
		event("BackOff", "Back-off restarting failed container web in pod web"),
	}},
	"config-missing": {Class: "missing_config", Decisive: "CreateContainerConfigError", Container: fromConfig, Play: Play{
		creating, event("Failed", "Error: "+noConfig), decisive(waiting("CreateContainerConfigError", noConfig)),
	}},
	"secret-missing": {Class: "missing_config", Decisive: "the first FailedMount event", Container: fromSecret, Pod: keys, Play: Play{
		creating,
		decisive(after(beat, about("FailedMount", noSecret))), after(time.Second, about("FailedMount", noSecret)),
	}},
	"no-cpu": {
		Class: "unschedulable", Decisive: "the autoscaler's NotTriggerScaleUp after the scheduler's FailedScheduling",
		Container: `resources: {requests: {cpu: "1000"}}`, Play: Play{decisive(autoscaler("NotTriggerScaleUp", noScaleUp))},
	},
	"no-label": {
		Class: "unschedulable", Decisive: "as no-cpu, by a node selector", Pod: "nodeSelector: {aictl.test/disk: fast}",
		Play: Play{decisive(autoscaler("NotTriggerScaleUp", noScaleUp))},
	},
	"tainted": {
		Class: "unschedulable", Decisive: "as no-cpu, by a taint", Pod: "nodeSelector: {aictl.test/namespace: NAMESPACE}", Around: ownNode,
		Play: Play{decisive(autoscaler("NotTriggerScaleUp", noScaleUp))},
	},
	"quota": {
		Class: "quota", Decisive: "the ReplicaSet's FailedCreate: ReplicaFailure on the Deployment", Around: onePod, enforced: "exceeded quota",
		decides: [2]string{"ReplicaFailure", "True"},
	},
	"admission": {
		Class: "admission", Decisive: "as quota, by a ValidatingAdmissionPolicy", Around: policy, enforced: "only tag 1 is signed",
		decides: [2]string{"ReplicaFailure", "True"},
	},
	"no-progress": {
		Class: "deadline", Decisive: "ProgressDeadlineExceeded on the Deployment, after 2 s", Deployment: "progressDeadlineSeconds: 2",
		Play: Play{creating}, decides: [2]string{"Progressing", "False"},
	},
}

// Transients are the rollouts that look bad for a moment and succeed.
var Transients = map[string]Fixture{
	"pull-again": {Decisive: "none: the pull that a registry broke off is done again after 1 s", Play: Play{
		creating,
		event("Failed", `Failed to pull image "aictl.invalid/web:2": `+reset), event("Failed", "Error: ErrImagePull"),
		waiting("ErrImagePull", reset),
		after(time.Second, waiting("ContainerCreating", "")), ready,
	}},
	"one-restart": {Decisive: "none: one end with code 1, and the next start is good", Play: Play{
		creating, running,
		{After: beat, Log: []string{"db is not there yet"}, Phase: "Running", Container: &ContainerStatus{Exit: &Exit{1, "Error"}}},
		{After: beat, Log: []string{"warming up"}, Phase: "Running", Container: &ContainerStatus{Running: true, Restarts: 1, Last: &Exit{1, "Error"}}},
		{After: beat, Log: []string{"listening on :8080"}, Phase: "Running", Container: &ContainerStatus{Running: true, Ready: true, Restarts: 1, Last: &Exit{1, "Error"}}},
	}},
	"slow-ready": {Decisive: "none: ready after 4 s of a readiness budget of 10 s", Container: probe("10"), Play: Play{
		creating, running,
		after(time.Second, event("Unhealthy", unready)), after(time.Second, event("Unhealthy", unready)), after(time.Second, event("Unhealthy", unready)),
		after(time.Second, ready),
	}},
	"config-late": {Decisive: "none: the ConfigMap comes a second after the workload", Container: fromConfig, Play: Play{
		creating, event("Failed", "Error: "+noConfig), waiting("CreateContainerConfigError", noConfig),
		{After: time.Second, Apply: "{apiVersion: v1, kind: ConfigMap, metadata: {name: web-config}, data: {a: b}}"},
		waiting("ContainerCreating", ""), ready,
	}},
	"mount-late": {
		Decisive: "none: the kubelet's cache of Secrets is late", Container: fromSecret, Pod: keys,
		Around: "{apiVersion: v1, kind: Secret, metadata: {name: web-keys}, stringData: {a: b}}", Play: Play{
			creating, about("FailedMount", slowSecret), after(time.Second, ready),
		},
	},
	"ready-and-not": {Decisive: "none: ready, not ready for a second, ready", Container: probe("10"), Deployment: "minReadySeconds: 2", Play: Play{
		creating, ready, running, event("Unhealthy", unready), after(time.Second, ready),
	}},
	"node-blinks": {
		Decisive: "none: the pod's node is silent for 2 s", Deployment: "minReadySeconds: 3", Around: ownNode,
		Pod: "nodeSelector: {aictl.test/namespace: NAMESPACE}, tolerations: [{key: aictl.test/own, operator: Exists}]", Play: Play{
			creating, ready, {After: beat, NodeReady: new(false)}, {After: 2 * time.Second, NodeReady: new(true)}, after(time.Second, ready),
		},
	},
	"node-late": {Decisive: "none: the autoscaler adds the node that the pod waits for", Pod: "nodeSelector: {aictl.test/namespace: NAMESPACE}, tolerations: [{key: aictl.test/own, operator: Exists}]", Play: Play{
		autoscaler("TriggeredScaleUp", "pod triggered scale-up: [{small 1->2 (max: 5)}]"), {After: 2 * time.Second, Apply: ownNode},
	}, kwok: true},
}
