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
		out.Volumes = append(out.Volumes, deploy.Volume{Name: v.Name, Source: volumeSource(v)})
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

func volumeSource(v core.Volume) string {
	switch {
	case v.ConfigMap != nil:
		return "configmap/" + v.ConfigMap.Name
	case v.Secret != nil:
		return "secret/" + v.Secret.SecretName
	case v.PersistentVolumeClaim != nil:
		return "pvc/" + v.PersistentVolumeClaim.ClaimName
	case v.EmptyDir != nil:
		return "emptyDir"
	case v.HostPath != nil:
		return "hostPath " + v.HostPath.Path
	case v.CSI != nil:
		return "csi " + v.CSI.Driver
	case v.Projected != nil:
		var from []string
		for _, s := range v.Projected.Sources {
			switch {
			case s.ConfigMap != nil:
				from = append(from, "configmap/"+s.ConfigMap.Name)
			case s.Secret != nil:
				from = append(from, "secret/"+s.Secret.Name)
			case s.ServiceAccountToken != nil:
				from = append(from, "token")
			}
		}
		return "projected " + strings.Join(from, ", ")
	}
	return "other"
}

// references are the ConfigMaps and Secrets that a pod of the template reads:
// "configmap/NAME" and "secret/NAME", each once, in order.
func references(s core.PodSpec) []string {
	seen := map[string]bool{}
	add := func(kind, name string) {
		if name != "" {
			seen[kind+"/"+name] = true
		}
	}
	for _, k := range slices.Concat(s.InitContainers, s.Containers) {
		for _, f := range k.EnvFrom {
			if f.ConfigMapRef != nil {
				add("configmap", f.ConfigMapRef.Name)
			}
			if f.SecretRef != nil {
				add("secret", f.SecretRef.Name)
			}
		}
		for _, e := range k.Env {
			if e.ValueFrom == nil {
				continue
			}
			if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
				add("configmap", r.Name)
			}
			if r := e.ValueFrom.SecretKeyRef; r != nil {
				add("secret", r.Name)
			}
		}
	}
	for _, v := range s.Volumes {
		switch {
		case v.ConfigMap != nil:
			add("configmap", v.ConfigMap.Name)
		case v.Secret != nil:
			add("secret", v.Secret.SecretName)
		case v.Projected != nil:
			for _, p := range v.Projected.Sources {
				if p.ConfigMap != nil {
					add("configmap", p.ConfigMap.Name)
				}
				if p.Secret != nil {
					add("secret", p.Secret.Name)
				}
			}
		}
	}
	for _, p := range s.ImagePullSecrets {
		add("secret", p.Name)
	}
	return slices.Sorted(maps.Keys(seen))
}
