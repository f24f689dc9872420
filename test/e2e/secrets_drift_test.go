//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/aws"
	"github.com/aictl/aictl/internal/secrets/github/githubtest"
	"github.com/aictl/aictl/internal/secrets/secretstest"
	"github.com/aictl/aictl/internal/secrets/vault"
	"github.com/aictl/aictl/internal/store"
	"github.com/aictl/aictl/test/testbed"
)

// Policies of the control plane's user at AWS: the second one takes away what
// it needs to read a value, and leaves it what it needs to look at a secret.
const (
	awsAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}]}`
	awsNoRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"},{"Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	awsUser   = "control-plane"
)

// inCluster lets the caller's role do what it wants with a namespace.
const inCluster = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: aictl}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: Group, name: "aictl:admin", apiGroup: rbac.authorization.k8s.io}]
`

// TestDriftMatrixOnRealStores plays the matrix of the unit tests through
// `aictl secrets diff` of a running control plane: its vault, a real API server
// of Kubernetes, AWS by moto with policies that are enforced, and GitHub by the
// strict stand-in.
func TestDriftMatrixOnRealStores(t *testing.T) {
	r := &realStores{cluster: testbed.Kubernetes(t)}
	moto := testbed.StartMoto(t)
	r.iam = newIAM(t, moto)
	moto = frontOfMoto(t, moto)
	key := r.iam.user(t, awsUser, awsAll)
	r.amazon = asUser(t, moto, r.iam.admin.AccessKeyID, r.iam.admin.SecretAccessKey)
	r.hub = githubtest.New(t, func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) })

	dir := t.TempDir()
	token, file := filepath.Join(dir, "token"), filepath.Join(dir, "server.yaml")
	require.NoError(t, os.WriteFile(token, []byte(githubtest.Token), 0o600))
	require.NoError(t, os.WriteFile(file, encode(map[string]any{
		"limits":   map[string]any{"rps": 0},
		"backends": map[string]any{"kubernetes": map[string]any{"kubeconfig": r.cluster.Kubeconfig}},
		"secrets": map[string]any{"stores": []any{
			map[string]any{"kind": "aws", "region": "eu-central-1", "endpoint": moto},
			map[string]any{"kind": "github", "url": r.hub.URL, "token_file": token},
		}},
	}), 0o600))
	p := testbed.UpWith(t, []string{
		"AWS_ACCESS_KEY_ID=" + key.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + key.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true",
	}, "--server-config", file)
	r.person = &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}
	r.dataDir = p.DataDir

	n := 0
	cells := secretstest.DriftMatrix(t, []string{secrets.KindAWS}, func(t *testing.T, kind string) (secretstest.Drift, secrets.Ref, secrets.Ref) {
		t.Helper()
		n++
		other := secrets.Ref{Store: kind, Path: fmt.Sprintf("acme/shop/DB_%d", n)}
		switch kind {
		case secrets.KindKubernetes:
			ns := r.cluster.Namespace(t)
			r.cluster.Apply(t, ns, inCluster)
			r.mayRead(t, ns, true)
			other.Path = ns + "/db/DB"
		case secrets.KindAWS:
			r.iam.allow(t, awsUser, "may", awsAll)
		}
		return r, secrets.Ref{Store: "vault", Path: fmt.Sprintf("ref/DB_%d", n)}, other
	})
	require.Equal(t, 4*6+6, cells)
}

// asUser opens AWS's adapter as somebody.
func asUser(t *testing.T, url, id, secret string) *aws.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", id)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s, err := aws.Open(t.Context(), aws.Options{Region: "eu-central-1", Endpoint: url})
	require.NoError(t, err)
	return s
}

// realStores implement secretstest.Drift.
type realStores struct {
	*person
	dataDir string
	cluster *testbed.Cluster
	iam     *iam
	amazon  *aws.Store // as another program of the account
	hub     *githubtest.Server
	ahead   atomic.Int64 // of the hub's clock, so that no test waits for a second to pass
}

func (r *realStores) Set(t *testing.T, ref secrets.Ref, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.bin, "secrets", "set", ref.String(), "--yes")
	cmd.Env, cmd.Stdin = r.env, strings.NewReader(value)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func (r *realStores) Outside(t *testing.T, ref secrets.Ref, value string) {
	t.Helper()
	switch ref.Store {
	case secrets.KindVault:
		rows, key := r.vaultRows(t)
		v, err := vault.Open(t.Context(), rows, key, vault.Options{})
		require.NoError(t, err)
		_, err = v.Put(t.Context(), ref.Path, secrets.CopyOf([]byte(value)), secrets.PutOptions{Actor: "mallory"})
		require.NoError(t, err)
	case secrets.KindKubernetes:
		ns, _, _ := strings.Cut(ref.Path, "/")
		r.cluster.Apply(t, ns, fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: db}, stringData: {DB: %q}}", value))
	case secrets.KindAWS:
		_, err := r.amazon.Put(t.Context(), ref.Path, secrets.CopyOf([]byte(value)), secrets.PutOptions{})
		require.NoError(t, err)
	case secrets.KindGitHub:
		r.ahead.Add(int64(2 * time.Second))
		r.hub.Outside("repos/acme/shop", strings.TrimPrefix(ref.Path, "acme/shop/"), value, "")
	}
}

func (r *realStores) Deny(t *testing.T, ref secrets.Ref) {
	t.Helper()
	switch ref.Store {
	case secrets.KindVault:
		// Who has the key can read all of the vault. What can't be read there is a
		// version that was revoked, and the vault revokes none that is current:
		// somebody with a hand on the database does.
		rows, _ := r.vaultRows(t)
		require.NoError(t, rows.Change(t.Context(), ref.Path, func(h *vault.Head, _ []vault.Row) (*vault.Edit, error) {
			return &vault.Edit{Head: *h, Flags: []vault.Row{{Version: h.Current, Revoked: true}}}, nil
		}))
	case secrets.KindKubernetes:
		ns, _, _ := strings.Cut(ref.Path, "/")
		r.cluster.Kubectl(t, "delete", "rolebinding", "aictl", "-n", ns)
		r.mayRead(t, ns, false)
	case secrets.KindAWS:
		r.iam.allow(t, awsUser, "may", awsNoRead)
	case secrets.KindGitHub: // nobody can read it
	}
}

func (r *realStores) Diff(t *testing.T, left, right secrets.Ref) secretstest.Seen {
	t.Helper()
	out, errs, exit := r.run(t, "secrets", "diff", left.String(), right.String(), "-o", "json")
	seen := secretstest.Seen{Exit: exit, Text: out + errs}
	require.Contains(t, []int{0, 10, 11}, exit, seen.Text)
	all := decoded[api.SecretDiff](t, out).Secrets
	require.Len(t, all, 1, seen.Text)
	seen.State, seen.Reason = secrets.State(all[0].State), all[0].Reason
	table, more, again := r.run(t, "secrets", "diff", left.String(), right.String())
	require.Equal(t, exit, again)
	seen.Text += table + more
	return seen
}

// vaultRows are the vault's in the database of the running control plane, and
// the key.
func (r *realStores) vaultRows(t *testing.T) (store.Vault, *vault.Key) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(r.dataDir, "aictl.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	key, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: filepath.Join(r.dataDir, "vault.key")})
	require.NoError(t, err)
	return store.Vault{Store: db}, key
}

// mayRead waits until the API server's rules say so.
func (r *realStores) mayRead(t *testing.T, ns string, want bool) {
	t.Helper()
	testbed.Eventually(t, 10*time.Second, "the rules of "+ns+" hold", func(context.Context) error {
		out, _ := r.cluster.TryKubectl(t, "auth", "can-i", "get", "secrets", "-n", ns, "--as", "aictl:admin", "--as-group", "aictl:admin") // "no" is an exit code too
		if got := strings.TrimSpace(out) == "yes"; got != want {
			return fmt.Errorf("get secrets: %s", out)
		}
		return nil
	})
}
