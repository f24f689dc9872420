package testbed

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
)

// Program is what an image consists of: one static program and a few files.
type Program struct {
	// Path is the program on this machine; in the image it is /NAME, and the
	// entry point.
	Path string
	// Files are others, by their path in the image.
	Files map[string][]byte
	// Args and Env ("NAME=value") are the image's defaults.
	Args, Env []string
	// User is the numeric user; empty is root.
	User string
}

// Image builds an image FROM scratch, with no registry and no network, and
// hands it to the node's containerd. Name it with a registry that cannot exist
// (aictl.invalid/NAME:TAG) and give its pods imagePullPolicy: Never.
func (n *Node) Image(t testing.TB, ref string, p Program) {
	t.Helper()
	program, err := os.ReadFile(p.Path)
	require.NoError(t, err)
	entry := "/" + filepath.Base(p.Path)
	layer := layerOf(t, entry, program, p.Files)
	image, err := mutate.AppendLayers(empty.Image, layer)
	require.NoError(t, err)
	file, err := image.ConfigFile()
	require.NoError(t, err)
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{Entrypoint: []string{entry}, Cmd: p.Args, Env: append([]string{"PATH=/"}, p.Env...), User: p.User, WorkingDir: "/"}
	image, err = mutate.ConfigFile(image, file)
	require.NoError(t, err)
	tag, err := name.NewTag(ref)
	require.NoError(t, err)
	archive := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, tarball.WriteToFile(archive, tag, image))
	_, err = n.ctr("images", "import", archive)
	require.NoError(t, err)
}

// layerOf is one layer with the program, the files, and a /tmp.
func layerOf(t testing.TB, entry string, program []byte, files map[string][]byte) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}))
	made := map[string]bool{"tmp": true}
	put := func(to string, content []byte, mode int64) {
		to = strings.TrimPrefix(path.Clean(to), "/")
		parts := strings.Split(to, "/")
		for i := range parts[:len(parts)-1] {
			if dir := path.Join(parts[:i+1]...); !made[dir] {
				made[dir] = true
				require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}))
			}
		}
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: mode, Size: int64(len(content))}))
		_, err := w.Write(content)
		require.NoError(t, err)
	}
	put(entry, program, 0o755)
	for to, content := range files {
		put(to, content, 0o644)
	}
	require.NoError(t, w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	require.NoError(t, err)
	return layer
}
