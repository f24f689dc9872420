// Package kube speaks to Kubernetes: it is the adapter of deployments
// (deploy.Cluster), of secrets, of permissions, and finds the other backends by
// their Services. It is the only package that imports client-go.
//
// It promises that it acts as the person of the kubeconfig (or as whom they
// impersonate) and never as somebody else, that what the API server forbids is
// told by the rule that is missing, that every list is read in pages and every
// watch taken up again, and that it writes nothing but what a deploy.Change
// says. It holds no rules about what a state means: internal/deploy does.
//
// It links no clientset: of the API groups only those that it uses, because
// every aictl that starts pays for the rest.
package kube

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	authz "k8s.io/api/authorization/v1"
	hpa "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	knet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aictl/aictl/internal/fail"
)

// FieldManager owns the fields that aictl sets.
const FieldManager = "aictl"

// Options say which cluster, and as whom.
type Options struct {
	// Kubeconfig is the file; empty is KUBECONFIG or ~/.kube/config. Context is
	// one of it; empty is the current one.
	Kubeconfig, Context string
	// InCluster uses the account of the pod that this process runs in.
	InCluster bool
	// Namespace is the default one; empty is the context's.
	Namespace string
	// As and AsGroups are whom to impersonate.
	As       string
	AsGroups []string
	// Wrap is put around the transport: a recorder, a guard. It sees requests
	// before credentials are added to them.
	Wrap func(http.RoundTripper) http.RoundTripper
	// ReadOnly refuses in the transport whatever would change the cluster.
	ReadOnly bool
	// Key is of the fingerprints; empty makes one for this process.
	Key []byte
	// UserAgent names the program in the cluster's audit.
	UserAgent string
}

// Client is a cluster. It is safe for concurrent use.
type Client struct {
	name      string // the context's
	host      string
	namespace string
	as        string
	inCluster bool
	config    *rest.Config
	transport http.RoundTripper // with the credentials
	http      *http.Client      // the same with what is put around it
	groups    map[schema.GroupVersion]*rest.RESTClient
	codec     runtime.ParameterCodec
	o         Options
	key       []byte // of the fingerprints
	now       func() time.Time
}

// New reads the kubeconfig; it does not connect. A kubeconfig that is missing
// or wrong is a fail.Usage.
func New(o Options) (*Client, error) {
	config, name, namespace, err := load(&o)
	if err != nil {
		return nil, err
	}
	switch {
	case o.As != "": // else the kubeconfig may name somebody
		config.Impersonate = rest.ImpersonationConfig{UserName: o.As, Groups: o.AsGroups}
	case len(o.AsGroups) > 0:
		return nil, fail.New(fail.Usage, "groups are impersonated together with a user").Hint("--as USER --as-group %s", o.AsGroups[0])
	}
	config.QPS, config.Burst = 100, 200
	config.UserAgent = cmp.Or(o.UserAgent, "aictl")
	config.WarningHandler = rest.NoWarnings{}
	config.Wrap(inTime)
	c := &Client{
		name: name, host: config.Host, namespace: cmp.Or(o.Namespace, namespace, "default"), as: config.Impersonate.UserName, inCluster: o.InCluster, config: config,
		groups: map[schema.GroupVersion]*rest.RESTClient{}, now: time.Now, key: o.Key, o: o,
	}
	if len(c.key) == 0 {
		c.key = make([]byte, 32)
		_, _ = rand.Read(c.key) // it cannot fail (crypto/rand)
	}
	return c, c.open(o)
}

func load(o *Options) (config *rest.Config, name, namespace string, err error) {
	if o.InCluster {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", "", fail.Wrap(fail.Usage, err, "there is no cluster around this process").Hint("set backends.kubernetes.kubeconfig")
		}
		ns, _ := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace") // best effort: it has a default
		return config, "in-cluster", strings.TrimSpace(string(ns)), nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	raw, err := loaded.RawConfig()
	if err != nil {
		return nil, "", "", fail.Wrap(fail.Usage, err, "reading the kubeconfig").Hint("kubectl config view")
	}
	name = cmp.Or(o.Context, raw.CurrentContext)
	if name == "" && o.Kubeconfig == "" && len(raw.Clusters) == 0 && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		o.InCluster = true // as kubectl does in a pod
		return load(o)
	}
	if raw.Contexts[name] == nil {
		e := fail.New(fail.NotFound, "the kubeconfig has no context %q", name)
		if name == "" {
			e = fail.New(fail.Usage, "there is no kubeconfig with a current context")
		}
		return nil, "", "", e.Hint("kubectl config get-contexts")
	}
	if config, err = loaded.ClientConfig(); err != nil {
		return nil, "", "", fail.Wrap(fail.Usage, err, "context %s of the kubeconfig", name).Hint("kubectl config view --minify --context %s", name)
	}
	namespace, _, err = loaded.Namespace()
	if err != nil {
		return nil, "", "", fail.Wrap(fail.Usage, err, "context %s of the kubeconfig", name)
	}
	return config, name, namespace, nil
}

func (c *Client) open(o Options) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, hpa.AddToScheme, policy.AddToScheme, rbac.AddToScheme, authz.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	codecs := serializer.NewCodecFactory(scheme).WithoutConversion()
	c.codec = runtime.NewParameterCodec(scheme)
	var err error
	c.transport, err = rest.TransportFor(c.config)
	if err != nil {
		return fail.Wrap(fail.Usage, err, "the credentials of context %s", c.name)
	}
	// The outermost is the guard: what it refuses nobody sees. Neither it nor
	// what is put around sees credentials, which are added further in.
	client := &http.Client{Transport: c.transport}
	if o.Wrap != nil {
		client.Transport = o.Wrap(client.Transport)
	}
	if o.ReadOnly {
		client.Transport = guard(client.Transport)
	}
	c.http = client
	for _, gv := range []schema.GroupVersion{
		apps.SchemeGroupVersion, core.SchemeGroupVersion, hpa.SchemeGroupVersion, policy.SchemeGroupVersion, rbac.SchemeGroupVersion, authz.SchemeGroupVersion,
	} {
		one := rest.CopyConfig(c.config)
		one.GroupVersion, one.APIPath, one.NegotiatedSerializer = &gv, "/apis", codecs
		if gv.Group == "" {
			one.APIPath = "/api"
		}
		// Protobuf decodes a page of pods in a third of JSON's time.
		one.AcceptContentTypes, one.ContentType = "application/vnd.kubernetes.protobuf,application/json", "application/json"
		if c.groups[gv], err = rest.RESTClientForConfigAndClient(one, client); err != nil {
			return fail.Wrap(fail.Usage, err, "context %s of the kubeconfig", c.name)
		}
	}
	return nil
}

// Name is the kubeconfig's context; Host is the API server's URL.
func (c *Client) Name() string { return c.name }

// Host is the API server's URL.
func (c *Client) Host() string { return c.host }

// Namespace is the default one.
func (c *Client) Namespace() string { return c.namespace }

// Engine implements deploy.Cluster.
func (*Client) Engine() string { return "kubernetes" }

// Close lets go of idle connections.
func (c *Client) Close() {
	if c.transport != nil {
		knet.CloseIdleConnectionsFor(c.transport)
	}
}

func (c *Client) apps() *rest.RESTClient { return c.groups[apps.SchemeGroupVersion] }
func (c *Client) core() *rest.RESTClient { return c.groups[core.SchemeGroupVersion] }

// Ping asks for the server's version: is it there, and does it take the
// credentials.
func (c *Client) Ping(ctx context.Context) (version string, err error) {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	body, err := content(c.core().Get().AbsPath("/version").Do(ctx))
	if err != nil {
		return "", c.explain(err, "get", "version", "", "")
	}
	if err := decodeJSON(body, &v); err != nil {
		return "", fail.Wrap(fail.Failed, err, "%s does not answer as a Kubernetes API server", c.host)
	}
	return v.GitVersion, nil
}

// content is the body of an answer as it came; an error is the server's own
// word, which rest's DoRaw would lose.
func content(r rest.Result) ([]byte, error) {
	body, err := r.Raw()
	if err != nil {
		return nil, r.Error()
	}
	return body, nil
}

// page is how many objects one request lists.
const page = 500

// listAll reads a list page by page.
func listAll[L any](ctx context.Context, c *Client, client *rest.RESTClient, resource, namespace string, o meta.ListOptions, into func(*L) (next, version string)) (version string, err error) {
	o.Limit = page
	for {
		var l L
		object, ok := any(&l).(runtime.Object)
		if !ok {
			return "", fail.New(fail.Internal, "%s is no list", resource)
		}
		err := client.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).VersionedParams(&o, c.codec).Do(ctx).Into(object)
		if token := continued(err); token != "" && o.Continue != "" {
			o.Continue = token // the list took so long that its moment is forgotten: the rest is of a later one
			continue
		}
		if err != nil {
			return "", c.explain(err, "list", resource, namespace, "")
		}
		next, version := into(&l)
		if next == "" {
			return version, nil
		}
		o.Continue = next
	}
}

// continued is the token by which a list whose moment is forgotten goes on.
func continued(err error) string {
	var status apierrors.APIStatus
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return ""
	}
	s := status.Status()
	return s.Continue
}

// all reads the whole list of a resource.
func all[L, T any](ctx context.Context, c *Client, client *rest.RESTClient, resource, namespace string, o meta.ListOptions, items func(*L) ([]T, meta.ListMeta)) ([]T, error) {
	var out []T
	_, err := listAll(ctx, c, client, resource, namespace, o, func(l *L) (string, string) {
		some, m := items(l)
		out = slices.Concat(out, some)
		return m.Continue, m.ResourceVersion
	})
	return out, err
}
