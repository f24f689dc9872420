package op

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		n    float64
		json string
	}{
		{1.5, "1.5"}, {0, "0"}, {-1e300, "-1e+300"}, {math.NaN(), `"NaN"`}, {math.Inf(1), `"+Inf"`}, {math.Inf(-1), `"-Inf"`},
	} {
		b, err := json.Marshal(Number(c.n))
		require.NoError(t, err)
		require.Equal(t, c.json, string(b))
		var back Number
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, math.Float64bits(c.n), math.Float64bits(float64(back)))
	}
	var n Number
	require.NoError(t, json.Unmarshal([]byte(`"2.5"`), &n))
	require.InDelta(t, 2.5, float64(n), 0)
	require.NoError(t, json.Unmarshal([]byte(`null`), &n))
	require.False(t, n.Finite())
	for _, bad := range []string{`"x"`, `{}`, `[1]`, `true`, `""`} {
		require.Error(t, json.Unmarshal([]byte(bad), &n), bad)
	}
	s, err := Schema(reflect.TypeFor[Number]())
	require.NoError(t, err)
	require.Equal(t, []string{"number", "string"}, s.Types)
}
