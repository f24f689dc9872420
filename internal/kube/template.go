package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/aictl/aictl/internal/deploy"
)

// template gives what a pod template runs, without the values of variables.
func (c *Client) template(t core.PodTemplateSpec) deploy.Template {
	out := deploy.Template{ServiceAccount: t.Spec.ServiceAccountName, NodeSelector: t.Spec.NodeSelector}
	for _, one := range t.Spec.InitContainers {
		out.Containers = append(out.Containers, c.container(one, true))
	}
	for _, one := range t.Spec.Containers {
		out.Containers = append(out.Containers, c.container(one, false))
	}
	for _, v := range t.Spec.Volumes {
		out.Volumes = append(out.Volumes, volumes(v)...)
	}
	// What pulls the images is named as a volume, for whoever looks for the
	// uses of a Secret.
	for _, s := range t.Spec.ImagePullSecrets {
		out.Volumes = append(out.Volumes, deploy.Volume{Name: "image pull " + s.Name, Source: "secret/" + s.Name})
	}
	for k, v := range t.Annotations {
		if k == restartedAt || strings.HasPrefix(k, "kubectl.kubernetes.io/") {
			continue
		}
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[k] = v
	}
	return out
}

func (c *Client) container(k core.Container, init bool) deploy.Container {
	out := deploy.Container{
		Name: k.Name, Init: init, Image: k.Image, Command: k.Command, Args: k.Args,
		Request: quantities(k.Resources.Requests), Limits: quantities(k.Resources.Limits),
	}
	for _, from := range k.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			out.Env = append(out.Env, deploy.EnvVar{Name: from.Prefix + "*", Source: "configmap/" + from.ConfigMapRef.Name})
		case from.SecretRef != nil:
			out.Env = append(out.Env, deploy.EnvVar{Name: from.Prefix + "*", Source: "secret/" + from.SecretRef.Name})
		}
	}
	for _, e := range k.Env {
		out.Env = append(out.Env, deploy.EnvVar{Name: e.Name, Source: c.envSource(e)})
	}
	for _, p := range k.Ports {
		out.Ports = append(out.Ports, p.ContainerPort)
	}
	for _, m := range k.VolumeMounts {
		out.Mounts = append(out.Mounts, m.MountPath+" from "+m.Name)
	}
	for name, p := range map[string]*core.Probe{"startup": k.StartupProbe, "readiness": k.ReadinessProbe, "liveness": k.LivenessProbe} {
		if p == nil {
			continue
		}
		if out.Probes == nil {
			out.Probes, out.Timing = map[string]string{}, map[string]deploy.ProbeTiming{}
		}
		out.Probes[name] = probe(p)
		out.Timing[name] = deploy.ProbeTiming{
			Delay: seconds(p.InitialDelaySeconds), Period: seconds(max(p.PeriodSeconds, 1)), Failures: int(max(p.FailureThreshold, 1)),
		}
	}
	return out
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// envSource says where a value comes from. A literal value is shown as its
// keyed fingerprint: it may be a password that somebody wrote there.
func (c *Client) envSource(e core.EnvVar) string {
	f := e.ValueFrom
	switch {
	case f == nil:
		return "value " + c.fingerprint([]byte(e.Value))[:12]
	case f.ConfigMapKeyRef != nil:
		return "configmap/" + f.ConfigMapKeyRef.Name + ":" + f.ConfigMapKeyRef.Key
	case f.SecretKeyRef != nil:
		return "secret/" + f.SecretKeyRef.Name + ":" + f.SecretKeyRef.Key
	case f.FieldRef != nil:
		return "field " + f.FieldRef.FieldPath
	case f.ResourceFieldRef != nil:
		return "resource " + f.ResourceFieldRef.Resource
	}
	return "other"
}

// fingerprint tells two contents apart and says nothing of either: it is keyed.
func (c *Client) fingerprint(parts ...[]byte) string {
	h := hmac.New(sha256.New, c.key)
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func quantities(l core.ResourceList) map[string]string {
	if len(l) == 0 {
		return nil
	}
	out := map[string]string{}
	for k, v := range l {
		out[string(k)] = v.String()
	}
	return out
}

func probe(p *core.Probe) string {
	var b strings.Builder
	switch {
	case p.HTTPGet != nil:
		fmt.Fprintf(&b, "GET %s on %s", p.HTTPGet.Path, p.HTTPGet.Port.String())
	case p.TCPSocket != nil:
		fmt.Fprintf(&b, "connect to %s", p.TCPSocket.Port.String())
	case p.GRPC != nil:
		fmt.Fprintf(&b, "grpc on %d", p.GRPC.Port)
	case p.Exec != nil:
		fmt.Fprintf(&b, "run %s", strings.Join(p.Exec.Command, " "))
	}
	if p.InitialDelaySeconds > 0 {
		fmt.Fprintf(&b, ", after %ds", p.InitialDelaySeconds)
	}
	fmt.Fprintf(&b, ", every %ds, within %ds, %d failures", max(p.PeriodSeconds, 1), max(p.TimeoutSeconds, 1), max(p.FailureThreshold, 1))
	return b.String()
}

// volumes are a volume by its source; a projected one has several, each of
// which stands alone.
func volumes(v core.Volume) []deploy.Volume {
	one := func(source string) []deploy.Volume { return []deploy.Volume{{Name: v.Name, Source: source}} }
	switch {
	case v.ConfigMap != nil:
		return one("configmap/" + v.ConfigMap.Name)
	case v.Secret != nil:
		return one("secret/" + v.Secret.SecretName)
	case v.PersistentVolumeClaim != nil:
		return one("pvc/" + v.PersistentVolumeClaim.ClaimName)
	case v.EmptyDir != nil:
		return one("emptyDir")
	case v.HostPath != nil:
		return one("hostPath " + v.HostPath.Path)
	case v.DownwardAPI != nil:
		return one("downwardAPI")
	case v.Ephemeral != nil:
		return one("ephemeral")
	case v.NFS != nil:
		return one("nfs " + v.NFS.Server + ":" + v.NFS.Path)
	case v.Image != nil:
		return one("image " + v.Image.Reference)
	case v.CSI != nil:
		out := one("csi " + v.CSI.Driver)
		if r := v.CSI.NodePublishSecretRef; r != nil {
			out = append(out, deploy.Volume{Name: v.Name + "/credentials", Source: "secret/" + r.Name})
		}
		return out
	case v.Projected != nil:
		out := []deploy.Volume{}
		for _, s := range v.Projected.Sources {
			name, source := "other", "other"
			switch {
			case s.ConfigMap != nil:
				name, source = s.ConfigMap.Name, "configmap/"+s.ConfigMap.Name
			case s.Secret != nil:
				name, source = s.Secret.Name, "secret/"+s.Secret.Name
			case s.ServiceAccountToken != nil:
				name, source = "token", "token"
			case s.DownwardAPI != nil:
				name, source = "downwardAPI", "downwardAPI"
			}
			out = append(out, deploy.Volume{Name: v.Name + "/" + name, Source: source})
		}
		return out
	}
	return one("other")
}

// reference is an object that a pod reads.
type reference struct {
	object   string // "configmap/NAME" or "secret/NAME"
	required bool   // the pod does not start without it
}

// references are the ConfigMaps and Secrets that a pod of the template reads,
// each once, in order.
func references(s core.PodSpec) []reference {
	seen := map[string]bool{}
	add := func(kind, name string, optional *bool) {
		if name != "" {
			seen[kind+"/"+name] = seen[kind+"/"+name] || optional == nil || !*optional
		}
	}
	for _, k := range slices.Concat(s.InitContainers, s.Containers) {
		for _, f := range k.EnvFrom {
			if r := f.ConfigMapRef; r != nil {
				add("configmap", r.Name, r.Optional)
			}
			if r := f.SecretRef; r != nil {
				add("secret", r.Name, r.Optional)
			}
		}
		for _, e := range k.Env {
			if e.ValueFrom == nil {
				continue
			}
			if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
				add("configmap", r.Name, r.Optional)
			}
			if r := e.ValueFrom.SecretKeyRef; r != nil {
				add("secret", r.Name, r.Optional)
			}
		}
	}
	for _, v := range s.Volumes {
		switch {
		case v.ConfigMap != nil:
			add("configmap", v.ConfigMap.Name, v.ConfigMap.Optional)
		case v.Secret != nil:
			add("secret", v.Secret.SecretName, v.Secret.Optional)
		case v.Projected != nil:
			for _, p := range v.Projected.Sources {
				if p.ConfigMap != nil {
					add("configmap", p.ConfigMap.Name, p.ConfigMap.Optional)
				}
				if p.Secret != nil {
					add("secret", p.Secret.Name, p.Secret.Optional)
				}
			}
		}
	}
	optional := true // a pod starts without; an image that is public is pulled
	for _, p := range s.ImagePullSecrets {
		add("secret", p.Name, &optional)
	}
	out := []reference{}
	for _, object := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, reference{object, seen[object]})
	}
	return out
}
