package yamlfile

import (
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

type doc struct {
	Boards []struct {
		Name      string    `yaml:"name"`
		Threshold []float64 `yaml:"threshold"`
	} `yaml:"boards"`
}

func TestDecode(t *testing.T) {
	var d doc
	require.NoError(t, Decode([]byte("boards: [{name: a, threshold: [1]}]"), &d, yaml.Strict()))
	require.Equal(t, "a", d.Boards[0].Name)
	require.NoError(t, Decode(nil, &d, yaml.Strict()), "empty")
	require.Error(t, Decode([]byte("boards: [{nam: a}]"), &d, yaml.Strict()))
}

// TestAPanicIsAnError: the library has a nil pointer here.
func TestAPanicIsAnError(t *testing.T) {
	var d doc
	require.ErrorContains(t, Decode([]byte("boards:\n- name: a\n  threshold: !00 "), &d, yaml.Strict()), "malformed")
}
