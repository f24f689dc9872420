package kube

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// Secrets is the store of a cluster: the path NAMESPACE/NAME/KEY is one key of
// one Secret. The version of a key is its object's: a write of another key of
// the same Secret changes it too. It keeps no earlier versions.
type Secrets struct{ c *Client }

// Secrets gives the cluster's Secrets as a store.
func (c *Client) Secrets() *Secrets { return &Secrets{c} }

// helmRelease Secrets are Helm's bookkeeping, not values of anybody.
const helmRelease = "helm.sh/release.v1"

// secretsAtMost bounds a list.
const secretsAtMost = 10_000

// Kind implements secrets.Store.
func (*Secrets) Kind() string { return secrets.KindKubernetes }

// Capabilities implements secrets.Store.
func (*Secrets) Capabilities() secrets.Capabilities {
	return secrets.Capabilities{Readable: true, Conditional: true}
}

// Check implements secrets.Store.
func (*Secrets) Check(path string) error {
	_, err := split(path)
	return err
}

type address struct{ namespace, name, key string }

func (a address) path() string { return a.namespace + "/" + a.name + "/" + a.key }

func split(path string) (address, error) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return address{}, fail.New(fail.Usage, "%q is no path of a Kubernetes Secret", path).Hint("kubernetes:NAMESPACE/NAME/KEY")
	}
	a := address{parts[0], parts[1], parts[2]}
	for what, list := range map[string][]string{
		"namespace": validation.IsDNS1123Label(a.namespace), "name": validation.IsDNS1123Subdomain(a.name), "key": validation.IsConfigMapKey(a.key),
	} {
		if len(list) > 0 {
			return address{}, fail.New(fail.Usage, "the %s of %q is wrong: %s", what, path, list[0]).Hint("kubernetes:NAMESPACE/NAME/KEY")
		}
	}
	return a, nil
}

// List implements secrets.Store.
func (s *Secrets) List(ctx context.Context, prefix string) ([]secrets.Info, error) {
	namespace, _, whole := strings.Cut(prefix, "/")
	if !whole {
		namespace = ""
	}
	out := []secrets.Info{}
	_, err := listAll(ctx, s.c, s.c.core(), "secrets", namespace, meta.ListOptions{FieldSelector: "type!=" + helmRelease}, func(l *core.SecretList) (string, string) {
		for i := range l.Items {
			one := &l.Items[i]
			for key, value := range one.Data {
				clear(value)
				if a := (address{one.Namespace, one.Name, key}); strings.HasPrefix(a.path(), prefix) && len(out) <= secretsAtMost {
					out = append(out, info(a, &one.ObjectMeta, one.Type, one.Immutable))
				}
			}
		}
		if len(out) > secretsAtMost {
			return "", l.ResourceVersion
		}
		return l.Continue, l.ResourceVersion
	})
	if err != nil {
		return nil, err
	}
	if len(out) > secretsAtMost {
		return nil, fail.New(fail.TooLarge, "more than %d secrets begin with %q", secretsAtMost, prefix).Hint("give a longer prefix: kubernetes:NAMESPACE/NAME")
	}
	slices.SortFunc(out, func(a, b secrets.Info) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

func info(a address, m *meta.ObjectMeta, kind core.SecretType, immutable *bool) secrets.Info {
	out := secrets.Info{Path: a.path(), Version: m.ResourceVersion, Created: m.CreationTimestamp.UTC(), Note: string(kind)}
	if kind == core.SecretTypeOpaque {
		out.Note = ""
	}
	if immutable != nil && *immutable {
		out.Note = strings.TrimSpace(out.Note + " immutable")
	}
	out.Updated, out.By = keyWrite(m, a.key)
	for _, o := range m.OwnerReferences {
		if o.Controller != nil && *o.Controller {
			out.Managed = o.Kind + "/" + o.Name
		}
	}
	return out
}

// keyWrite is the last write of a key that the field managers tell of.
func keyWrite(m *meta.ObjectMeta, key string) (at time.Time, by string) {
	at = m.CreationTimestamp.UTC()
	for _, f := range m.ManagedFields {
		if f.FieldsV1 == nil || f.Time == nil {
			continue
		}
		var owned struct {
			Data       map[string]json.RawMessage `json:"f:data"`
			StringData map[string]json.RawMessage `json:"f:stringData"`
		}
		if json.Unmarshal(f.FieldsV1.GetRawBytes(), &owned) != nil {
			continue
		}
		if owned.Data["f:"+key] == nil && owned.StringData["f:"+key] == nil {
			continue
		}
		if t := f.Time.UTC(); !t.Before(at) {
			at, by = t, f.Manager
		}
	}
	return at, by
}

func (s *Secrets) read(ctx context.Context, path string) (address, *core.Secret, error) {
	a, err := split(path)
	if err != nil {
		return a, nil, err
	}
	var one core.Secret
	err = s.c.core().Get().Namespace(a.namespace).Resource("secrets").Name(a.name).Do(ctx).Into(&one)
	return a, &one, s.c.explain(err, "get", "secrets", a.namespace, a.name)
}

func absent(a address) error {
	return fail.New(fail.NotFound, "the Secret %s/%s has no key %s", a.namespace, a.name, a.key).Hint("aictl secrets list kubernetes:%s/%s", a.namespace, a.name)
}

// Stat implements secrets.Store.
func (s *Secrets) Stat(ctx context.Context, path string) (*secrets.Info, error) {
	v, i, err := s.Get(ctx, path, "")
	if err != nil {
		return nil, err
	}
	v.Close()
	return i, nil
}

// Get implements secrets.Store.
func (s *Secrets) Get(ctx context.Context, path, version string) (secrets.Value, *secrets.Info, error) {
	a, one, err := s.read(ctx, path)
	if err != nil {
		return secrets.Value{}, nil, err
	}
	value, ok := one.Data[a.key]
	for k, v := range one.Data {
		if k != a.key {
			clear(v)
		}
	}
	if !ok {
		return secrets.Value{}, nil, absent(a)
	}
	i := info(a, &one.ObjectMeta, one.Type, one.Immutable)
	if version != "" && version != i.Version {
		clear(value)
		return secrets.Value{}, nil, fail.New(fail.NotFound, "Kubernetes keeps no earlier versions of %s", path).Hint("keep the source in the vault and sync it here")
	}
	return secrets.NewValue(value), &i, nil
}

// Put implements secrets.Store.
func (s *Secrets) Put(ctx context.Context, path string, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	switch {
	case v.Len() > secrets.MaxValue:
		return nil, fail.New(fail.TooLarge, "the value has %d bytes, and can have %d", v.Len(), secrets.MaxValue)
	case len(o.Tags) > 0:
		return nil, fail.New(fail.Refused, "a key of a Kubernetes Secret has no tags").Hint("leave the tags out, or tag the secret's source")
	case o.Staged:
		return nil, fail.New(fail.Refused, "Kubernetes keeps one version of a secret: a new one cannot wait").Hint("stage it in the vault or in AWS, and sync")
	}
	a, one, err := s.read(ctx, path)
	missing := fail.CodeOf(err) == fail.NotFound
	if err != nil && !missing {
		return nil, err
	}
	_, has := one.Data[a.key]
	version, immutable := one.ResourceVersion, one.Immutable != nil && *one.Immutable
	for _, value := range one.Data {
		clear(value)
	}
	switch {
	case immutable:
		return nil, fail.New(fail.Refused, "the Secret %s/%s is immutable", a.namespace, a.name).Hint("make a Secret of another name and point its consumers there")
	case o.IfAbsent && has:
		return nil, fail.New(fail.Conflict, "kubernetes:%s exists", path)
	case o.IfVersion != "" && (!has || o.IfVersion != version):
		return nil, fail.New(fail.Conflict, "kubernetes:%s changed since it was looked at", path)
	}
	body := patchBody(a, v, version, missing, o)
	defer clear(body)
	request := s.c.core().Patch(types.MergePatchType).Name(a.name)
	verb := "patch"
	if missing {
		request, verb = s.c.core().Post(), "create"
	}
	// The answer is asked for without the values.
	raw, err := content(request.Namespace(a.namespace).Resource("secrets").Param("fieldManager", FieldManager).
		SetHeader("Accept", metadataOnly).Body(body).Do(ctx))
	if err := s.c.explain(err, verb, "secrets", a.namespace, a.name); err != nil {
		return nil, err
	}
	var m meta.PartialObjectMetadata
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the answer about kubernetes:%s", path)
	}
	i := info(a, &m.ObjectMeta, cmp.Or(one.Type, core.SecretTypeOpaque), nil)
	return &i, nil
}

// patchBody writes the JSON by hand: encoding/json would leave copies of the
// value that nobody can overwrite.
func patchBody(a address, v secrets.Value, version string, fresh bool, o secrets.PutOptions) []byte {
	notes := map[string]string{changedAtNote: time.Now().UTC().Format(time.RFC3339)}
	if o.Actor != "" {
		notes[actorNote] = o.Actor
	}
	if o.Reason != "" {
		notes["aictl.dev/reason"] = o.Reason
	}
	m := map[string]any{"annotations": notes}
	if fresh {
		m["name"], m["namespace"], m["labels"] = a.name, a.namespace, map[string]string{"app.kubernetes.io/managed-by": FieldManager}
	} else {
		m["resourceVersion"] = version
	}
	head, _ := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": m}) // strings alone: it cannot fail
	body := make([]byte, 0, len(head)+len(a.key)+32+base64.StdEncoding.EncodedLen(v.Len()))
	body = append(body, head[:len(head)-1]...)
	body = append(body, `,"data":{"`...)
	body = append(body, a.key...)
	body = append(body, `":"`...)
	body = base64.StdEncoding.AppendEncode(body, v.Bytes())
	return append(body, `"}}`...)
}

// Delete implements secrets.Store: the key, and the Secret with its last one.
func (s *Secrets) Delete(ctx context.Context, path string, o secrets.DeleteOptions) error {
	a, one, err := s.read(ctx, path)
	if err != nil {
		return err
	}
	_, has := one.Data[a.key]
	last := len(one.Data) == 1
	for _, value := range one.Data {
		clear(value)
	}
	switch {
	case !has:
		return absent(a)
	case o.IfVersion != "" && o.IfVersion != one.ResourceVersion:
		return fail.New(fail.Conflict, "kubernetes:%s changed since it was looked at", path)
	case last:
		options := meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &one.UID, ResourceVersion: &one.ResourceVersion}}
		err := s.c.core().Delete().Namespace(a.namespace).Resource("secrets").Name(a.name).Body(&options).Do(ctx).Error()
		return s.c.explain(err, "delete", "secrets", a.namespace, a.name)
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": one.ResourceVersion}, "data": map[string]any{a.key: nil},
	})
	if err != nil {
		return err
	}
	err = s.c.core().Patch(types.MergePatchType).Namespace(a.namespace).Resource("secrets").Name(a.name).Param("fieldManager", FieldManager).
		SetHeader("Accept", metadataOnly).Body(body).Do(ctx).Error()
	return s.c.explain(err, "patch", "secrets", a.namespace, a.name)
}
