package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheKubernetesCasesAreWhole(t *testing.T) {
	list, err := LoadKube("kubernetes")
	require.NoError(t, err)
	classes := map[string]int{}
	for _, c := range list {
		classes[c.Class]++
		require.Equal(t, c.Truth, c.Plain().Truth)
	}
	for _, class := range []string{"bad_image", "bad_config", "secret_rotation", "node_loss", "traffic_surge", "no_fault"} {
		require.Positive(t, classes[class], class)
	}
}

func TestLoadKubeIsStrict(t *testing.T) {
	const good = "- name: a\n  class: x\n  services: [{name: web, replicas: 1, rate: 1, capacity: 9, millis: 5}]\n  steps: [{at: 1s, do: image, service: web}]\n  ask: {service: web}\n  truth: {kind: none}\n"
	load := func(text string) error {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(text), 0o600))
		_, err := LoadKube(dir)
		return err
	}
	require.NoError(t, load(good))
	for name, text := range map[string]string{
		"no cases": "[]", "unknown key": good + "  colour: red\n", "twice": good + good, "unknown kind": strings.Replace(good, "kind: none", "kind: moon", 1),
		"bad step": strings.Replace(good, "do: image", "do: dance", 1), "unknown service": strings.Replace(good, "service: web}]", "service: cart}]", 1),
		"nobody calls": strings.Replace(good, "rate: 1", "rate: 0", 1), "no capacity": strings.Replace(good, "capacity: 9", "capacity: 0", 1),
		"a callee that is not there": strings.Replace(good, "millis: 5", "millis: 5, calls: [db]", 1),
	} {
		require.Error(t, load(text), name)
	}
}
