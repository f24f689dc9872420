package testbed

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

// KubeVersion is the Kubernetes that the suites run against.
const KubeVersion = "v1.37.2"

// kubePrograms are what the one program answers to.
var kubePrograms = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl", "kwok"}

// KubeBinaries builds Kubernetes, etcd and kwok from source, once per content
// of test/kubebin, and gives the directory with them: about seven minutes on
// two cores from an empty build cache, then nothing.
func KubeBinaries(t testing.TB) string {
	t.Helper()
	source := filepath.Join(Root(t), "test", "kubebin")
	h := sha256.New()
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(source, name))
		require.NoError(t, err)
		h.Write(b)
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "aictl-e2e", "kube-"+hex.EncodeToString(h.Sum(nil)[:8]))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	guard := flock.New(dir + ".lock")
	require.NoError(t, guard.Lock())
	defer func() { _ = guard.Unlock() }()
	done := filepath.Join(dir, ".done")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	start := time.Now()
	t.Logf("building Kubernetes %s, etcd and kwok", KubeVersion)
	version := "k8s.io/component-base/version.gitVersion=" + KubeVersion
	build := exec.CommandContext(t.Context(), Find(t, "go"), "build", "-trimpath", "-buildvcs=false", "-ldflags",
		"-s -w -X "+version+" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"+
			" -X k8s.io/component-base/version.gitTreeState=clean", "-o", filepath.Join(dir, "kubebin"), ".")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	Run(t, build)
	for _, name := range kubePrograms {
		link := filepath.Join(dir, name)
		_ = os.Remove(link)
		require.NoError(t, os.Symlink("kubebin", link))
	}
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	t.Logf("built in %s", time.Since(start).Round(time.Second))
	return dir
}
