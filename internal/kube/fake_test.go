package kube

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

type object = map[string]any

// change is one entry of the fake's watch log.
type change struct {
	version int
	kind    string
	path    string
	body    []byte
}

// fake is an API server in memory: it lists in pages, watches, patches with
// optimistic concurrency, and rolls a Deployment out at once as its controllers
// would.
type fake struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex // guards what follows
	objects  map[string]object
	log      []change
	version  int
	floor    int           // watches from before it have to list again
	changed  chan struct{} // closed, and made anew, at every change
	cut      chan struct{} // closed, and made anew, to end all streams
	requests []string
	// handle may answer a request itself.
	handle func(w http.ResponseWriter, r *http.Request) bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, objects: map[string]object{}, changed: make(chan struct{}), cut: make(chan struct{})}
	f.Server = httptest.NewUnstartedServer(f)
	f.EnableHTTP2 = true
	f.StartTLS() // clientcmd gives no credentials to others
	t.Cleanup(func() {
		f.hangUp()
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "URL", insecure-skip-tls-verify: true}}]
users: [{name: ann, user: {token: s3cr3t}}]
contexts: [{name: test, context: {cluster: test, user: ann, namespace: shop}}]
`

// client reaches the fake.
func (f *fake) client(o Options) *Client {
	f.t.Helper()
	if o.Kubeconfig == "" {
		o.Kubeconfig = filepath.Join(f.t.TempDir(), "config")
		require.NoError(f.t, os.WriteFile(o.Kubeconfig, []byte(strings.ReplaceAll(kubeconfig, "URL", f.URL)), 0o600))
	}
	c, err := New(o)
	require.NoError(f.t, err)
	f.t.Cleanup(c.Close)
	return c
}

var (
	namespaced = regexp.MustCompile(`^/(api/v1|apis/[^/]+/[^/]+)/namespaces/([^/]+)/([a-z]+)(?:/([^/]+))?(?:/([^/]+))?$`)
	everywhere = regexp.MustCompile(`^/(api/v1|apis/[^/]+/[^/]+)/([a-z]+)$`)
	kindOf     = map[string]string{
		"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "replicasets": "ReplicaSet", "controllerrevisions": "ControllerRevision",
		"pods": "Pod", "events": "Event", "services": "Service", "secrets": "Secret", "configmaps": "ConfigMap", "roles": "Role", "rolebindings": "RoleBinding",
		"clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding", "horizontalpodautoscalers": "HorizontalPodAutoscaler", "poddisruptionbudgets": "PodDisruptionBudget",
		"networkpolicies": "NetworkPolicy", "serviceaccounts": "ServiceAccount",
	}
)

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	handle := f.handle
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if handle != nil && handle(w, r) {
		return
	}
	group, ns, resource, name := "", "", "", ""
	if m := namespaced.FindStringSubmatch(r.URL.Path); m != nil {
		group, ns, resource, name = m[1], m[2], m[3], m[4]
	} else if m := everywhere.FindStringSubmatch(r.URL.Path); m != nil {
		group, resource = m[1], m[2]
	}
	switch {
	case kindOf[resource] == "":
		status(w, http.StatusNotFound, meta.StatusReasonNotFound, "the server could not find the requested resource")
	case name == "" && r.URL.Query().Get("watch") != "":
		f.watch(w, r, group, ns, resource)
	case name == "":
		f.list(w, r, group, ns, resource)
	default:
		f.one(w, r, resource)
	}
}

func status(w http.ResponseWriter, code int, reason meta.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(meta.Status{
		TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: reason, Message: message, Code: int32(code), //nolint:gosec // a status
	})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// in says whether a path is of a collection.
func in(path, group, ns, resource string) bool {
	m := namespaced.FindStringSubmatch(path)
	return m != nil && m[1] == group && m[3] == resource && (ns == "" || m[2] == ns)
}

func selected(r *http.Request, o object) bool {
	s, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	set := labels.Set{}
	for k, v := range field(o, "metadata", "labels") {
		set[k] = fmt.Sprint(v)
	}
	name, one := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	return err == nil && s.Matches(set) && (!one || field(o, "metadata")["name"] == name)
}

func field(o object, names ...string) object {
	for _, n := range names {
		next, ok := o[n].(object)
		if !ok {
			return object{}
		}
		o = next
	}
	return o
}

func (f *fake) list(w http.ResponseWriter, r *http.Request, group, ns, resource string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := []object{}
	for _, path := range slices.Sorted(maps.Keys(f.objects)) {
		if in(path, group, ns, resource) && selected(r, f.objects[path]) {
			items = append(items, f.objects[path])
		}
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	list := object{"resourceVersion": strconv.Itoa(f.version)}
	items = items[min(from, len(items)):]
	if limit > 0 && len(items) > limit {
		items = items[:limit]
		list["continue"] = strconv.Itoa(from + limit)
	}
	version := strings.TrimPrefix(strings.TrimPrefix(group, "apis/"), "api/")
	answer(w, object{"apiVersion": version, "kind": kindOf[resource] + "List", "metadata": list, "items": items})
}

func (f *fake) watch(w http.ResponseWriter, r *http.Request, group, ns, resource string) {
	since, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	w.Header().Set("Content-Type", "application/json")
	w.(http.Flusher).Flush()
	for {
		f.mu.Lock()
		log, changed, cut, floor := f.log, f.changed, f.cut, f.floor
		f.mu.Unlock()
		if since < floor {
			body, _ := json.Marshal(meta.Status{TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Status"}, Code: http.StatusGone, Reason: meta.StatusReasonExpired, Message: "too old"})
			_, _ = fmt.Fprintf(w, `{"type":"ERROR","object":%s}`+"\n", body)
			return
		}
		for _, c := range log {
			var o object
			if c.version <= since || !in(c.path, group, ns, resource) || json.Unmarshal(c.body, &o) != nil || !selected(r, o) {
				continue
			}
			_, _ = fmt.Fprintf(w, `{"type":%q,"object":%s}`+"\n", c.kind, c.body)
		}
		if len(log) > 0 {
			since = max(since, log[len(log)-1].version)
		}
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// hangUp ends all streams.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.cut)
	f.cut = make(chan struct{})
}

// expire forgets what was before now.
func (f *fake) expire() {
	f.mu.Lock()
	f.version++
	f.floor, f.log = f.version, nil
	f.mu.Unlock()
	f.hangUp()
}

func (f *fake) one(w http.ResponseWriter, r *http.Request, resource string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.objects[r.URL.Path]
	name := filepath.Base(r.URL.Path)
	if o == nil {
		status(w, http.StatusNotFound, meta.StatusReasonNotFound, fmt.Sprintf("%s.apps %q not found", resource, name))
		return
	}
	switch r.Method {
	case http.MethodGet:
		answer(w, o)
	case http.MethodDelete:
		var options meta.DeleteOptions
		_ = json.NewDecoder(r.Body).Decode(&options)
		if len(options.DryRun) == 0 {
			f.drop(r.URL.Path)
			f.deploy()
		}
		answer(w, meta.Status{TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Success"})
	case http.MethodPatch:
		f.patch(w, r, o)
	}
}

func (f *fake) patch(w http.ResponseWriter, r *http.Request, o object) {
	var wanted object
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		status(w, http.StatusBadRequest, meta.StatusReasonBadRequest, err.Error())
		return
	}
	if v := field(wanted, "metadata")["resourceVersion"]; v != nil && v != field(o, "metadata")["resourceVersion"] {
		status(w, http.StatusConflict, meta.StatusReasonConflict, "the object has been modified; please apply your changes to the latest version and try again")
		return
	}
	before, _ := json.Marshal(o)
	diff, _ := json.Marshal(wanted)
	after, err := strategicpatch.StrategicMergePatch(before, diff, apps.Deployment{})
	if err != nil {
		status(w, http.StatusUnprocessableEntity, meta.StatusReasonInvalid, err.Error())
		return
	}
	var fresh object
	_ = json.Unmarshal(after, &fresh)
	a, _ := json.Marshal(o["spec"])
	b, _ := json.Marshal(fresh["spec"])
	if string(a) != string(b) {
		m := field(fresh, "metadata")
		m["generation"] = number(m["generation"]) + 1
	}
	if r.URL.Query().Get("dryRun") == "" {
		f.put(r.URL.Path, fresh)
		f.deploy()
		fresh = f.objects[r.URL.Path]
	}
	answer(w, fresh)
}

func number(v any) int {
	switch n := v.(type) {
	case int:
		return n
	case float64:
		return int(n)
	}
	return 0
}

// has puts objects there, each with its path.
func (f *fake) has(path string, o object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(path, o)
	f.deploy()
}

// put writes an object and tells the watchers. f.mu is held.
func (f *fake) put(path string, o object) {
	f.version++
	m := field(o, "metadata")
	o["metadata"] = m
	part := namespaced.FindStringSubmatch(path)
	kind := "ADDED"
	if f.objects[path] != nil {
		kind = "MODIFIED"
	}
	m["name"], m["namespace"], m["resourceVersion"] = part[4], part[2], strconv.Itoa(f.version)
	if m["uid"] == nil {
		m["uid"], m["generation"], m["creationTimestamp"] = fmt.Sprintf("uid-%d", f.version), 1, time.Now().UTC().Format(time.RFC3339)
	}
	o["apiVersion"], o["kind"] = strings.TrimPrefix(strings.TrimPrefix(part[1], "apis/"), "api/"), kindOf[part[3]]
	body, err := json.Marshal(o)
	require.NoError(f.t, err)
	var fresh object
	require.NoError(f.t, json.Unmarshal(body, &fresh)) // one form, whoever wrote it
	f.objects[path] = fresh
	f.tell(change{f.version, kind, path, body})
}

func (f *fake) drop(path string) {
	f.version++
	field(f.objects[path], "metadata")["resourceVersion"] = strconv.Itoa(f.version)
	body, _ := json.Marshal(f.objects[path])
	delete(f.objects, path)
	f.tell(change{f.version, "DELETED", path, body})
}

func (f *fake) tell(c change) {
	f.log = append(slices.Clip(f.log), c)
	close(f.changed)
	f.changed = make(chan struct{})
}

const (
	deployments = "/apis/apps/v1/namespaces/shop/deployments/"
	sets        = "/apis/apps/v1/namespaces/shop/replicasets/"
	podsPath    = "/api/v1/namespaces/shop/pods/"
)

// deploy does what the controllers and the kubelets do, at once. f.mu is held.
func (f *fake) deploy() {
	for path := range f.objects {
		owner := field(f.objects[path], "metadata")["owner"]
		if owner, ok := owner.(string); ok && f.objects[owner] == nil {
			f.drop(path) // the garbage collector
		}
	}
	for path, o := range f.objects {
		if strings.HasPrefix(path, deployments) && !f.settled(o) && field(o, "spec")["paused"] != true {
			f.roll(path, o)
		}
	}
}

func (f *fake) settled(o object) bool {
	return number(field(o, "status")["observedGeneration"]) == number(field(o, "metadata")["generation"])
}

func owned(by object, path, kind string) object {
	m := field(by, "metadata")
	return object{"owner": path, "ownerReferences": []any{object{"apiVersion": "apps/v1", "kind": kind, "name": m["name"], "uid": m["uid"], "controller": true}}}
}

func (f *fake) roll(path string, o object) {
	template, _ := json.Marshal(field(o, "spec", "template"))
	hash := fmt.Sprintf("%x", sha256.Sum256(template))[:8]
	name := fmt.Sprint(field(o, "metadata")["name"])
	set := sets + name + "-" + hash
	newest := 0
	for p, s := range f.objects {
		if strings.HasPrefix(p, sets+name+"-") {
			n, _ := strconv.Atoi(fmt.Sprint(field(s, "metadata", "annotations")[revisionNote]))
			newest = max(newest, n)
			if p == set && n == newest {
				newest = n - 1 // it is rolled out already
			}
		}
	}
	notes := maps.Clone(field(o, "metadata", "annotations"))
	notes[revisionNote] = strconv.Itoa(newest + 1)
	podLabels := maps.Clone(field(o, "spec", "template", "metadata", "labels"))
	podLabels["pod-template-hash"] = hash
	if s := f.objects[set]; s != nil && fmt.Sprint(field(s, "metadata", "annotations")[revisionNote]) >= notes[revisionNote].(string) {
		notes[revisionNote] = field(s, "metadata", "annotations")[revisionNote]
	}
	s := f.objects[set]
	if s == nil {
		m := owned(o, path, "Deployment")
		m["labels"] = podLabels
		s = object{"metadata": m, "spec": object{"template": field(o, "spec", "template"), "selector": field(o, "spec", "selector")}}
	}
	field(s, "metadata")["annotations"] = notes
	replicas := number(field(o, "spec")["replicas"])
	s["status"] = object{"replicas": replicas, "readyReplicas": replicas}
	f.put(set, s)
	s = f.objects[set]
	have := 0
	for _, p := range slices.Sorted(maps.Keys(f.objects)) {
		if strings.HasPrefix(p, podsPath+name+"-") {
			if field(f.objects[p], "metadata")["owner"] == set && have < replicas {
				have++
			} else {
				f.drop(p)
			}
		}
	}
	for p, other := range f.objects {
		if p != set && strings.HasPrefix(p, sets+name+"-") {
			other["status"] = object{}
			f.put(p, other)
		}
	}
	containers, _ := field(o, "spec", "template", "spec")["containers"].([]any)
	for ; have < replicas; have++ {
		var states []any
		for _, one := range containers {
			c, _ := one.(object)
			states = append(states, object{"name": c["name"], "image": c["image"], "ready": true, "state": object{"running": object{"startedAt": time.Now().UTC().Format(time.RFC3339)}}})
		}
		m := owned(s, set, "ReplicaSet")
		m["labels"] = podLabels
		f.put(fmt.Sprintf("%s%s-%s-%d", podsPath, name, hash, f.version), object{
			"metadata": m, "spec": field(o, "spec", "template", "spec"),
			"status": object{"phase": "Running", "conditions": []any{object{"type": "Ready", "status": "True"}}, "containerStatuses": states},
		})
	}
	field(o, "metadata")["annotations"] = notes
	o["status"] = object{
		"observedGeneration": number(field(o, "metadata")["generation"]), "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
	}
	f.put(path, o)
}

// deployment is a workload of one container.
func deployment(name, image string, replicas int) object {
	return object{
		"metadata": object{"labels": object{"app": name}, "annotations": object{}},
		"spec": object{
			"replicas": replicas, "selector": object{"matchLabels": object{"app": name}},
			"template": object{"metadata": object{"labels": object{"app": name}}, "spec": object{"containers": []any{object{"name": "main", "image": cmp.Or(image, name+":1")}}}},
		},
	}
}
