package plugin

import (
	"strconv"
	"strings"
	"time"
)

// RenderOptions are what a manifest does not say.
type RenderOptions struct {
	// Revision, Reason and Actor land in annotations; Reason in the
	// change-cause too.
	Revision, Reason, Actor string
	// Replicas pins their number and leaves the HPA out; nil lets it scale.
	Replicas *int
	// Paused holds a rollout back.
	Paused bool
	// Restarted makes the pods new ones.
	Restarted time.Time
	// From is who may call the service, by the labels of namespace and pods;
	// both nil let the pods of the same namespace in only. FromAnywhere lets
	// everybody in to that one port: for calls that come through the API
	// server's proxy, whose address no selector can name.
	FromNamespace, FromPods map[string]string
	FromAnywhere            bool
	// ServiceAccount of the pods; empty is the namespace's default one. Its
	// token is not mounted in any case.
	ServiceAccount string
}

// object is one of the API, as JSON has it.
type object = map[string]any

// Labels that every rendered object bears.
const (
	labelName    = "app.kubernetes.io/name"
	labelVersion = "app.kubernetes.io/version"
	labelManaged = "app.kubernetes.io/managed-by"
	annotation   = "aictl.dev/"
)

// Render makes the Kubernetes objects of a manifest, for a server-side apply:
// Deployment, Service, NetworkPolicy (nothing comes in but calls and probes;
// what goes out is left open), and an HPA where there is a range to scale in.
// A manifest of another runtime has none. The namespace is left out where the
// manifest names none.
func Render(m *Manifest, o RenderOptions) []map[string]any {
	if m.Runtime != Kubernetes {
		return nil
	}
	m = m.Clone()
	m.normalise()
	out := []map[string]any{deployment(m, o), service(m, o), networkPolicy(m, o)}
	if o.Replicas == nil && m.MaxReplicas() > m.MinReplicas() {
		out = append(out, autoscaler(m, o))
	}
	return out
}

func meta(m *Manifest, o RenderOptions) object {
	out := object{"name": m.Name, "labels": labels(m)}
	if m.Namespace != "" {
		out["namespace"] = m.Namespace
	}
	notes := object{annotation + "service": m.Name}
	put := func(key, value string) {
		if value != "" {
			notes[key] = value
		}
	}
	put(annotation+"revision", o.Revision)
	put(annotation+"reason", o.Reason)
	put(annotation+"actor", o.Actor)
	put("kubernetes.io/change-cause", o.Reason)
	out["annotations"] = notes
	return out
}

func labels(m *Manifest) object {
	out := object{labelName: m.Name, labelManaged: "aictl"}
	if v := labelValue(m.Version); v != "" {
		out[labelVersion] = v
	}
	return out
}

// labelValue makes a version a label's value: 1.0+git is 1.0_git.
func labelValue(s string) string {
	v := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, s)
	return strings.Trim(v[:min(len(v), 63)], "._-")
}

func selector(m *Manifest) object { return object{labelName: m.Name, labelManaged: "aictl"} }

func deployment(m *Manifest, o RenderOptions) object {
	notes := object{annotation + "service": m.Name}
	if !o.Restarted.IsZero() {
		notes[annotation+"restarted-at"] = o.Restarted.UTC().Format(time.RFC3339)
	}
	if m.Metrics != "" {
		notes["prometheus.io/scrape"], notes["prometheus.io/path"], notes["prometheus.io/port"] = "true", m.Metrics, strconv.Itoa(m.ImagePort)
	}
	drain := seconds(m.Drain)
	podSpec := object{
		"automountServiceAccountToken": false,
		"enableServiceLinks":           false,
		// preStop, the drain, and a little for the end itself.
		"terminationGracePeriodSeconds": drain + preStop + 5,
		"securityContext": object{
			"runAsNonRoot":   true,
			"seccompProfile": object{"type": "RuntimeDefault"},
		},
		"containers": []any{container(m)},
		"volumes":    []any{object{"name": "tmp", "emptyDir": object{"sizeLimit": "256Mi"}}},
	}
	if o.ServiceAccount != "" {
		podSpec["serviceAccountName"] = o.ServiceAccount
	}
	spec := object{
		"revisionHistoryLimit":    10,
		"progressDeadlineSeconds": max(seconds(m.Probes.Startup.Timeout)*2+60, 120),
		"selector":                object{"matchLabels": selector(m)},
		"strategy":                object{"type": "RollingUpdate", "rollingUpdate": object{"maxUnavailable": 0, "maxSurge": "25%"}},
	}
	spec["template"] = object{"metadata": object{"labels": labels(m), "annotations": notes}, "spec": podSpec}
	if o.Paused {
		spec["paused"] = true
	}
	switch {
	case o.Replicas != nil:
		spec["replicas"] = *o.Replicas
	case m.MaxReplicas() == m.MinReplicas(): // else the HPA owns the number
		spec["replicas"] = m.MinReplicas()
	}
	return object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(m, o), "spec": spec}
}

// preStop is how long a pod goes on serving after it was taken out of the
// endpoints, in seconds: the others must hear of it first.
const preStop = 5

func container(m *Manifest) object {
	port := object{"name": "http", "containerPort": m.ImagePort, "protocol": "TCP"}
	c := object{
		"name": m.Name, "image": m.Image, "ports": []any{port}, "env": environment(m),
		"imagePullPolicy": pullPolicy(m.Image),
		"startupProbe":    startupProbe(m),
		"readinessProbe":  httpProbe(m.Probes.Readiness),
		"livenessProbe":   httpProbe(m.Probes.Liveness),
		"lifecycle":       object{"preStop": object{"sleep": object{"seconds": preStop}}},
		"securityContext": object{
			"allowPrivilegeEscalation": false,
			"readOnlyRootFilesystem":   true,
			"runAsNonRoot":             true,
			"capabilities":             object{"drop": []any{"ALL"}},
			"seccompProfile":           object{"type": "RuntimeDefault"},
		},
		"volumeMounts":             []any{object{"name": "tmp", "mountPath": "/tmp"}},
		"terminationMessagePolicy": "FallbackToLogsOnError",
	}
	if len(m.Command) > 0 {
		c["command"] = words(m.Command)
	}
	limits, requests := object{}, object{}
	if m.Limits.Memory > 0 {
		limits["memory"], requests["memory"] = m.Limits.Memory.String(), m.Limits.Memory.String()
	}
	if m.Limits.CPU != "" {
		limits["cpu"], requests["cpu"] = m.Limits.CPU, m.Limits.CPU
	} else {
		requests["cpu"] = "100m" // the HPA counts in shares of it
	}
	c["resources"] = object{"requests": requests}
	if len(limits) > 0 {
		c["resources"] = object{"requests": requests, "limits": limits}
	}
	return c
}

// pullPolicy asks the registry again only for a tag that moves.
func pullPolicy(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	if !strings.Contains(image, "@") && (!strings.Contains(name, ":") || strings.HasSuffix(name, ":latest")) {
		return "Always"
	}
	return "IfNotPresent"
}

func words(list []string) []any {
	out := make([]any, len(list))
	for i, w := range list {
		out[i] = w
	}
	return out
}

func environment(m *Manifest) []any {
	field := func(path string) object { return object{"fieldRef": object{"fieldPath": path}} }
	out := []any{
		object{"name": "AICTL_SERVICE", "value": m.Name},
		object{"name": "AICTL_HOST", "value": "0.0.0.0"},
		object{"name": "AICTL_PORT", "value": strconv.Itoa(m.ImagePort)},
		object{"name": "AICTL_DRAIN", "value": strconv.FormatFloat(m.Drain.D().Seconds(), 'f', -1, 64)},
		object{"name": "AICTL_CONCURRENCY", "value": strconv.Itoa(m.Scale.Concurrency)},
		object{"name": "AICTL_REPLICA", "valueFrom": field("metadata.name")},
		object{"name": "AICTL_REVISION", "valueFrom": field("metadata.labels['pod-template-hash']")},
	}
	for _, e := range m.Env {
		if name, key, ok := clusterSecret(e.Secret); ok {
			out = append(out, object{"name": e.Name, "valueFrom": object{"secretKeyRef": object{"name": name, "key": key}}})
			continue
		}
		out = append(out, object{"name": e.Name, "value": e.Value})
	}
	return out
}

func httpGet(path string) object { return object{"path": path, "port": "http", "scheme": "HTTP"} }

func httpProbe(p Probe) object {
	return object{
		"httpGet": httpGet(p.Path), "periodSeconds": seconds(p.Period), "timeoutSeconds": seconds(p.Timeout), "failureThreshold": p.Failures,
	}
}

// startupProbe asks every second, for as long as a start may take.
func startupProbe(m *Manifest) object {
	return object{
		"httpGet": httpGet(m.Probes.Readiness.Path), "periodSeconds": 1, "timeoutSeconds": seconds(m.Probes.Readiness.Timeout),
		"failureThreshold": seconds(m.Probes.Startup.Timeout),
	}
}

// seconds rounds up: Kubernetes knows whole ones, from one on.
func seconds(d Duration) int { return max(int((d.D()+time.Second-1)/time.Second), 1) }

func service(m *Manifest, o RenderOptions) object {
	return object{"apiVersion": "v1", "kind": "Service", "metadata": meta(m, o), "spec": object{
		"type": "ClusterIP", "selector": selector(m),
		"ports": []any{object{"name": "http", "port": m.ImagePort, "targetPort": "http", "protocol": "TCP"}},
	}}
}

// networkPolicy lets calls in from the control plane alone; probes come from
// the node, which policies let through.
func networkPolicy(m *Manifest, o RenderOptions) object {
	in := object{"ports": []any{object{"port": "http", "protocol": "TCP"}}}
	if !o.FromAnywhere {
		peer := object{}
		if o.FromNamespace != nil {
			peer["namespaceSelector"] = object{"matchLabels": plain(o.FromNamespace)}
		}
		if o.FromPods != nil || o.FromNamespace == nil {
			peer["podSelector"] = object{"matchLabels": plain(o.FromPods)}
		}
		in["from"] = []any{peer}
	}
	return object{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(m, o), "spec": object{
		"podSelector": object{"matchLabels": selector(m)},
		"policyTypes": []any{"Ingress"},
		"ingress":     []any{in},
	}}
}

func plain(m map[string]string) object {
	out := object{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// autoscaler scales by the processor: calls in flight are not a metric that
// every cluster has.
func autoscaler(m *Manifest, o RenderOptions) object {
	return object{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta(m, o), "spec": object{
		"scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": m.Name},
		"minReplicas":    m.MinReplicas(), "maxReplicas": m.MaxReplicas(),
		"metrics": []any{object{"type": "Resource", "resource": object{
			"name": "cpu", "target": object{"type": "Utilization", "averageUtilization": 75},
		}}},
		"behavior": object{
			"scaleUp":   object{"stabilizationWindowSeconds": 0},
			"scaleDown": object{"stabilizationWindowSeconds": 300},
		},
	}}
}
