package deploy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

func template() deploy.Template {
	return deploy.Template{
		Containers: []deploy.Container{
			{Name: "migrate", Init: true, Image: "migrate:1"},
			{
				Name: "app", Image: "app:1", Command: []string{"/bin/app", "a b"}, Args: []string{"-v"},
				Env:     []deploy.EnvVar{{Name: "MODE", Source: "value sha256:aa"}, {Name: "TOKEN", Source: "secret/app:token"}},
				Request: map[string]string{"cpu": "100m"}, Limits: map[string]string{"memory": "64Mi"},
				Probes: map[string]string{"readiness": "GET :8080/ready"}, Mounts: []string{"/etc/app from settings"}, Ports: []int32{8080},
			},
		},
		Volumes: []deploy.Volume{{Name: "settings", Source: "configmap/app"}}, ServiceAccount: "app",
		NodeSelector: map[string]string{"disk": "ssd"}, Annotations: map[string]string{"team": "a"},
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*deploy.Template)
		want   []api.DeployChange
		text   string
	}{
		{"nothing", func(*deploy.Template) {}, nil, ""},
		{
			"an image", func(t *deploy.Template) { t.Containers[1].Image = "app:2" },
			[]api.DeployChange{{Kind: "image", Action: "changed", Where: "app", Old: "app:1", New: "app:2"}},
			"app image: app:1 → app:2",
		},
		{
			"a command's words stay apart", func(t *deploy.Template) { t.Containers[1].Command = []string{"/bin/app", "a", "b"} },
			[]api.DeployChange{{Kind: "command", Action: "changed", Where: "app", Old: `["/bin/app","a b"]`, New: `["/bin/app","a","b"]`}},
			`app command: ["/bin/app","a b"] → ["/bin/app","a","b"]`,
		},
		{"no args", func(t *deploy.Template) { t.Containers[1].Args = nil }, []api.DeployChange{{Kind: "args", Action: "removed", Where: "app", Old: `["-v"]`}}, `app args removed: ["-v"]`},
		{
			"another value of a variable", func(t *deploy.Template) { t.Containers[1].Env[0].Source = "value sha256:bb" },
			[]api.DeployChange{{Kind: "env", Action: "changed", Where: "app", Name: "MODE", Old: "value sha256:aa", New: "value sha256:bb"}},
			"app env MODE: another value",
		},
		{
			"another source of a variable", func(t *deploy.Template) { t.Containers[1].Env[1].Source = "value sha256:cc" },
			[]api.DeployChange{{Kind: "env", Action: "changed", Where: "app", Name: "TOKEN", Old: "secret/app:token", New: "value sha256:cc"}},
			"app env TOKEN: secret/app:token → a value",
		},
		{
			"the order of variables", func(t *deploy.Template) {
				e := t.Containers[1].Env
				e[0], e[1] = e[1], e[0]
			}, nil, "",
		},
		{"a limit", func(t *deploy.Template) { t.Containers[1].Limits = nil }, []api.DeployChange{{Kind: "limit", Action: "removed", Where: "app", Name: "memory", Old: "64Mi"}}, "app limit memory removed: 64Mi"},
		{
			"a request", func(t *deploy.Template) { t.Containers[1].Request["memory"] = "1Gi" },
			[]api.DeployChange{{Kind: "request", Action: "added", Where: "app", Name: "memory", New: "1Gi"}},
			"app request memory added: 1Gi",
		},
		{
			"a probe", func(t *deploy.Template) { t.Containers[1].Probes["liveness"] = "exec true" },
			[]api.DeployChange{{Kind: "probe", Action: "added", Where: "app", Name: "liveness", New: "exec true"}},
			"app probe liveness added: exec true",
		},
		{
			"a mount", func(t *deploy.Template) { t.Containers[1].Mounts = []string{"/etc/app from other"} },
			[]api.DeployChange{{Kind: "mount", Action: "changed", Where: "app", Name: "/etc/app", Old: "settings", New: "other"}},
			"app mount /etc/app: settings → other",
		},
		{"a port", func(t *deploy.Template) { t.Containers[1].Ports = nil }, []api.DeployChange{{Kind: "port", Action: "removed", Where: "app", Name: "8080"}}, "app port 8080 removed"},
		{
			"a volume", func(t *deploy.Template) { t.Volumes[0].Source = "configmap/app-2" },
			[]api.DeployChange{{Kind: "volume", Action: "changed", Name: "settings", Old: "configmap/app", New: "configmap/app-2"}},
			"volume settings: configmap/app → configmap/app-2",
		},
		{"a service account", func(t *deploy.Template) { t.ServiceAccount = "" }, []api.DeployChange{{Kind: "service_account", Action: "removed", Old: "app"}}, "service_account removed: app"},
		{
			"a node selector", func(t *deploy.Template) { t.NodeSelector["disk"] = "hdd" },
			[]api.DeployChange{{Kind: "node_selector", Action: "changed", Name: "disk", Old: "ssd", New: "hdd"}},
			"node_selector disk: ssd → hdd",
		},
		{
			"an annotation without a value", func(t *deploy.Template) { t.Annotations["x"] = "" },
			[]api.DeployChange{{Kind: "annotation", Action: "added", Name: "x"}},
			"annotation x added",
		},
		{
			"a container in place of another", func(t *deploy.Template) { t.Containers[0].Init = false },
			[]api.DeployChange{{Kind: "container", Action: "added", Where: "migrate", New: "migrate:1"}, {Kind: "container", Action: "removed", Where: "migrate", Old: "migrate:1"}},
			"container migrate added: migrate:1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := template(), template()
			c.change(&to)
			got := deploy.Diff(from, to)
			require.Empty(t, cmp.Diff(c.want, got))
			if c.text != "" {
				require.Equal(t, c.text, deploy.ChangeText(got[0]))
			}
			require.Len(t, deploy.Diff(to, from), len(c.want), "the way back has as many differences")
			require.Equal(t, from.Digest() == to.Digest(), cmp.Equal(from, to))
		})
	}
}

func history(now time.Time) []deploy.Revision {
	at := func(d time.Duration) time.Time { return now.Add(-d) }
	return []deploy.Revision{
		{Name: "9", Created: at(time.Minute), Current: true, Template: template()},
		{Name: "8", Created: at(time.Hour), Template: template()},
		{Name: "7", Created: at(2 * time.Hour), Good: true, Template: template()},
		{Name: "6", Created: at(3 * time.Hour), Good: true, Template: template()},
	}
}

func TestTarget(t *testing.T) {
	w := api.Workload{Kind: deploy.Deployment, Name: "web"}
	list, live := history(timelineStart), history(timelineStart)
	live[3].Ready = 2
	for _, c := range []struct {
		name, revision string
		list           []deploy.Revision
		want           string
		code           fail.Code
	}{
		{"the newest that worked", "", list, "7", ""},
		{"the one that runs beside it", "", live, "6", ""},
		{"a chosen one", "8", list, "8", ""},
		{"the current one", "9", list, "", fail.Usage},
		{"an unknown one", "12", list, "", fail.NotFound},
		{"none before", "", list[:1], "", fail.NotFound},
		{"none that worked", "", list[:2], "", fail.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			to, from, err := deploy.Target(w, c.list, c.revision)
			if c.code != "" {
				require.Equal(t, c.code, fail.CodeOf(err))
				require.NotEmpty(t, fail.From(err).Next)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, to.Name)
			require.Equal(t, "9", from.Name)
		})
	}
}

func TestCompare(t *testing.T) {
	now := timelineStart
	list := history(now)
	list[0].Template.Containers[1].Image = "app:9"
	s := &deploy.Snapshot{Version: "v1", Paused: true, Workload: api.Workload{Kind: deploy.StatefulSet, Name: "web"}, Replicas: []deploy.Replica{{Current: true}}}
	around := &deploy.Related{
		Config: []deploy.Fingerprint{
			{Object: "configmap/old", Hash: "a", Changed: now.Add(-5 * time.Hour)},
			{Object: "configmap/new", Hash: "b", Changed: now.Add(-time.Minute), By: "kubectl"},
			{Object: "secret/gone"},
		},
		Scaler: &deploy.Scaler{Name: "web", Min: 3, Max: 9, Changed: now.Add(-30 * time.Minute)},
		Budget: &deploy.Budget{Name: "web", Wanted: 2, Healthy: 2, Changed: now.Add(-9 * time.Hour)},
	}
	d := deploy.Compare(s, list[0], list[2], around)
	require.Equal(t, "v1", d.Version)
	require.Equal(t, []string{"9", "7"}, []string{d.From, d.To})
	require.Len(t, d.Changes, 1)
	var since, effects []string
	for _, a := range d.Since {
		since = append(since, a.Kind+" "+a.Object)
	}
	for _, a := range d.Effects {
		effects = append(effects, a.Object+": "+a.Message)
	}
	require.Equal(t, []string{"config configmap/new", "scaler hpa/web", "missing secret/gone"}, since)
	require.Equal(t, []string{
		"pdb/web: allows 0 disruptions (2 of 2 healthy): drains wait, and a rollout has no room to spare",
		"statefulset/web: it is paused: nothing is rolled out until it is resumed",
		"statefulset/web: a StatefulSet does not replace a pod that never became ready: delete it when the new template is in place",
	}, effects)
}

func TestEffectsOfScaling(t *testing.T) {
	s := &deploy.Snapshot{Workload: api.Workload{Kind: deploy.Deployment, Name: "web"}}
	around := &deploy.Related{Scaler: &deploy.Scaler{Name: "web", Min: 3, Max: 9, Wanted: 4}, Budget: &deploy.Budget{Name: "web", Wanted: 2, Allowed: 1}}
	for n, want := range map[int]string{
		0: "switched off", 1: "min 3: a scale to 1 would be undone", 12: "max 9: a scale to 12 would be undone", 5: "will go on from 5",
	} {
		got := deploy.Effects(s, around, &n)
		require.Contains(t, got[0].Message, want)
		require.Equal(t, n < 2, len(got) == 2, "the budget wants two healthy ones")
	}
	require.Empty(t, deploy.Effects(s, nil, nil))
}

func TestParseRef(t *testing.T) {
	for text, want := range map[string]deploy.Ref{
		"web": {Name: "web", Namespace: "n"}, "sts/db": {Kind: deploy.StatefulSet, Name: "db", Namespace: "n"}, "Deployment/web": {Kind: deploy.Deployment, Name: "web", Namespace: "n"},
		"deployments.apps/web": {Kind: deploy.Deployment, Name: "web", Namespace: "n"}, "svc/chat": {Kind: deploy.Service, Name: "chat", Namespace: "n"},
	} {
		got, err := deploy.ParseRef(text, "n")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "/", "pod/x", "/web", "deployment/", "a b", "deployment/a/b"} {
		_, err := deploy.ParseRef(text, "")
		require.Equal(t, fail.Usage, fail.CodeOf(err), text)
	}
}
