package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
)

// Digest tells templates apart: equal ones have equal digests, on any engine
// and at any time.
func (t Template) Digest() string {
	body, err := json.Marshal(t)
	if err != nil { // strings, numbers and maps of them always encode
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

// Diff gives what differs between two templates, in the order in which a
// person asks: images first. Equal templates give none. Nothing is said about
// the order of variables, volumes or mounts: it means nothing.
func Diff(from, to Template) []api.DeployChange {
	var d differ
	d.containers(from.Containers, to.Containers)
	d.names("volume", "", volumes(from), volumes(to))
	d.one("service_account", "", "", from.ServiceAccount, to.ServiceAccount)
	d.names("node_selector", "", from.NodeSelector, to.NodeSelector)
	d.names("annotation", "", from.Annotations, to.Annotations)
	return d.out
}

type differ struct{ out []api.DeployChange }

// one compares a value; the empty one is absent.
func (d *differ) one(kind, where, name, old, now string) {
	if old == now {
		return
	}
	action := "changed"
	switch {
	case old == "":
		action = "added"
	case now == "":
		action = "removed"
	}
	d.out = append(d.out, api.DeployChange{Kind: kind, Action: action, Where: where, Name: name, Old: old, New: now})
}

// names compares values by name. A name without a value is there all the same.
func (d *differ) names(kind, where string, old, now map[string]string) {
	all := map[string]bool{}
	for name := range old {
		all[name] = true
	}
	for name := range now {
		all[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, was := old[name]
		b, is := now[name]
		c := api.DeployChange{Kind: kind, Where: where, Name: name, Old: a, New: b}
		switch {
		case was && is && a == b:
			continue
		case !was:
			c.Action = "added"
		case !is:
			c.Action = "removed"
		default:
			c.Action = "changed"
		}
		d.out = append(d.out, c)
	}
}

func (d *differ) containers(from, to []Container) {
	old, now := byName(from), byName(to)
	for _, c := range to {
		if was, ok := old[c.Name]; ok && was.Init == c.Init {
			d.container(was, c)
			continue
		}
		d.out = append(d.out, api.DeployChange{Kind: "container", Action: "added", Where: c.Name, New: c.Image})
	}
	for _, c := range from {
		if is, ok := now[c.Name]; !ok || is.Init != c.Init {
			d.out = append(d.out, api.DeployChange{Kind: "container", Action: "removed", Where: c.Name, Old: c.Image})
		}
	}
}

func (d *differ) container(a, b Container) {
	d.one("image", b.Name, "", a.Image, b.Image)
	d.one("command", b.Name, "", words(a.Command), words(b.Command))
	d.one("args", b.Name, "", words(a.Args), words(b.Args))
	d.names("env", b.Name, variables(a), variables(b))
	d.names("request", b.Name, a.Request, b.Request)
	d.names("limit", b.Name, a.Limits, b.Limits)
	d.names("probe", b.Name, a.Probes, b.Probes)
	d.names("mount", b.Name, mountPaths(a), mountPaths(b))
	d.names("port", b.Name, ports(a), ports(b))
}

func byName(list []Container) map[string]Container {
	out := make(map[string]Container, len(list))
	for _, c := range list {
		out[c.Name] = c
	}
	return out
}

func words(list []string) string {
	if len(list) == 0 {
		return ""
	}
	b, err := json.Marshal(list) // words with spaces stay words
	if err != nil {
		return strings.Join(list, " ")
	}
	return string(b)
}

func variables(c Container) map[string]string {
	out := make(map[string]string, len(c.Env))
	for _, e := range c.Env {
		out[e.Name] = e.Source
	}
	return out
}

func volumes(t Template) map[string]string {
	out := make(map[string]string, len(t.Volumes))
	for _, v := range t.Volumes {
		out[v.Name] = v.Source
	}
	return out
}

func mountPaths(c Container) map[string]string {
	out := make(map[string]string, len(c.Mounts))
	for _, m := range c.Mounts {
		path, volume, _ := strings.Cut(m, " from ")
		out[path] = volume
	}
	return out
}

func ports(c Container) map[string]string {
	out := make(map[string]string, len(c.Ports))
	for _, p := range c.Ports {
		out[fmt.Sprint(p)] = ""
	}
	return out
}

// ChangeText is a change in one line: "web image: app:1 → app:2". Values of
// variables are fingerprints, and are told apart as "a value".
func ChangeText(c api.DeployChange) string {
	head := c.Kind
	if c.Name != "" {
		head += " " + c.Name
	}
	if c.Where != "" && c.Kind != "container" {
		head = c.Where + " " + head
	}
	if c.Kind == "container" {
		head = "container " + c.Where
	}
	old, now := sourceText(c.Old), sourceText(c.New)
	switch {
	case c.Action == "added" && now == "":
		return head + " added"
	case c.Action == "added":
		return head + " added: " + now
	case c.Action == "removed" && old == "":
		return head + " removed"
	case c.Action == "removed":
		return head + " removed: " + old
	case old == now: // fingerprints of two values
		return head + ": another value"
	}
	return fmt.Sprintf("%s: %s → %s", head, blank(old), blank(now))
}

func blank(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// sourceText hides fingerprints, which say nothing to a person.
func sourceText(s string) string {
	if strings.HasPrefix(s, "value sha256:") || strings.HasPrefix(s, "value hmac:") {
		return "a value"
	}
	return s
}
