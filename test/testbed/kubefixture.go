package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Fixture is a rollout that a verdict is asked about: from a good revision to
// one with the fixture's trouble.
type Fixture struct {
	// Class is the code of the verdict; empty is of one that succeeds.
	Class string
	// Decisive says which event decides.
	Decisive string
	// Play is the life of the new revision's pods; none is kwok's, ready at
	// once where they are created.
	Play Play
	// Around is applied before the new revision, with NAMESPACE replaced. What
	// is no part of the namespace has the label aictl.test/namespace.
	Around string
	// Deployment, Pod and Container are added to the new revision's
	// specifications, as members of a YAML mapping in flow style.
	Deployment, Pod, Container string

	// enforced is what the API server says once Around is in force.
	enforced string
	// decides is the condition of the Deployment that decides, where the
	// cluster itself does and no play.
	decides [2]string
	// kwok says that the pods are kwok's where they have a node, and the play
	// has events alone.
	kwok bool
}

// ownNode is a node for one namespace.
var ownNode = node("own-NAMESPACE", "aictl.test/namespace: NAMESPACE", "{taints: [{key: aictl.test/own, effect: NoSchedule}]}")

const onePod = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: one-pod}, spec: {hard: {pods: 1}}}"

const policy = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: signed-NAMESPACE, labels: {aictl.test/namespace: NAMESPACE}}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations: [{expression: "object.spec.containers.all(c, c.image.endsWith(':1'))", message: only tag 1 is signed}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: signed-NAMESPACE, labels: {aictl.test/namespace: NAMESPACE}}
spec: {policyName: signed-NAMESPACE, validationActions: [Deny]}
`

// Break rolls out a good revision of the Deployment name, waits until it is
// ready, and begins the rollout of the fixture's (a name of Failures or
// Transients). decided is told the time of the decisive event, once; never by
// one that succeeds.
func (c *Cluster) Break(t testing.TB, namespace, name, fixture string) (decided <-chan time.Time) {
	t.Helper()
	c.Apply(t, namespace, Good(name))
	c.Kubectl(t, "rollout", "status", "-n", namespace, "deployment/"+name, "--timeout=30s")
	return c.Worsen(t, namespace, name, fixture)
}

// Good is the manifest of a Deployment that becomes ready at once: one replica
// of the image aictl.invalid/web:1.
func Good(name string) string { return (Fixture{kwok: true}).manifest(name, "", "1") }

// Worsen begins the rollout of the fixture's revision over what is there.
func (c *Cluster) Worsen(t testing.TB, namespace, name, fixture string) (decided <-chan time.Time) {
	t.Helper()
	f, ok := Failures[fixture]
	if !ok {
		f, ok = Transients[fixture]
	}
	require.True(t, ok, "there is no fixture %s", fixture)
	here := func(s string) string { return strings.ReplaceAll(s, "NAMESPACE", namespace) }
	t.Cleanup(func() {
		_, _ = c.kubectl(context.Background(), "", "delete", "--wait=false", "-l", "aictl.test/namespace="+namespace,
			"nodes,validatingadmissionpolicies,validatingadmissionpolicybindings")
	})
	if f.Around != "" {
		c.Apply(t, namespace, here(f.Around))
	}
	if f.enforced != "" {
		Eventually(t, 30*time.Second, "the rule is in force", func(ctx context.Context) error { return c.refuses(ctx, namespace, f.enforced) })
	}
	decided = c.Stage(t, namespace, map[string]Play{fixture: f.Play})
	if f.decides[0] != "" {
		decided = c.decides(t, namespace, name, f.decides)
	}
	c.Apply(t, namespace, here(f.manifest(name, fixture, "2")))
	return decided
}

// manifest is the Deployment of a revision.
func (f Fixture) manifest(name, play, tag string) string {
	add := func(s string) string {
		if s == "" {
			return ""
		}
		return ", " + s
	}
	annotation := PlayAnnotation
	if f.kwok || f.Play == nil {
		annotation = EventsAnnotation
	}
	deadline := ", progressDeadlineSeconds: 600"
	if strings.Contains(f.Deployment, "progressDeadlineSeconds") {
		deadline = ""
	}
	return strings.NewReplacer("NAME", name, "PLAY", play, "ANNOTATION", annotation, "TAG", tag,
		"DEPLOYMENT", deadline+add(f.Deployment), "POD", add(f.Pod), "CONTAINER", add(f.Container)).Replace(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec: {replicas: 1, selector: {matchLabels: {app: NAME}}, template: {
  metadata: {labels: {app: NAME}, annotations: {ANNOTATION: "PLAY"}},
  spec: {containers: [{name: web, image: "aictl.invalid/web:TAG"CONTAINER}]POD}}DEPLOYMENT}
`)
}

// refuses is nil when the API server refuses a pod of the new revision in
// these words.
func (c *Cluster) refuses(ctx context.Context, namespace, words string) error {
	body, _ := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "asked"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "web", "image": "aictl.invalid/web:2"}}},
	})
	_, err := c.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/pods?dryRun=All", "", body)
	if err == nil {
		return errors.New("a pod is still let in")
	}
	if !strings.Contains(err.Error(), words) {
		return err
	}
	return nil
}

// decides tells when a condition of a Deployment has a status.
func (c *Cluster) decides(t testing.TB, namespace, name string, want [2]string) <-chan time.Time {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	first, done := make(chan time.Time, 1), make(chan struct{})
	go func() {
		defer close(done)
		_ = c.watch(ctx, "/apis/apps/v1/namespaces/"+namespace+"/deployments?fieldSelector=metadata.name="+name, func(_ string, raw json.RawMessage) {
			var o struct {
				Status struct {
					Conditions []struct{ Type, Status string } `json:"conditions"`
				} `json:"status"`
			}
			_ = json.Unmarshal(raw, &o)
			for _, one := range o.Status.Conditions {
				if one.Type == want[0] && one.Status == want[1] {
					select {
					case first <- time.Now():
					default:
					}
				}
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return first
}

// nodeReady makes a node of kwok's ready or not, for as long as it is told.
func (c *Cluster) nodeReady(ctx context.Context, name string, is bool) {
	patch := func(path string, body any) {
		b, _ := json.Marshal(body)
		_, _ = c.Do(ctx, http.MethodPatch, "/api/v1/nodes/"+name+path, "application/strategic-merge-patch+json", b)
	}
	var held any = "true"
	status, reason, message := "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."
	if is {
		held, status, reason, message = nil, "True", "KubeletReady", "kubelet is posting ready status"
	}
	patch("", map[string]any{"metadata": map[string]any{"annotations": map[string]any{"aictl.test/not-ready": held}}})
	patch("/status", map[string]any{"status": map[string]any{"conditions": []any{map[string]any{
		"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp(), "lastHeartbeatTime": stamp(),
	}}}})
}
