//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheChecksNotice: a suite that finds nothing proves nothing, so the
// checks are tried on faults that are known to be there.
func TestTheChecksNotice(t *testing.T) {
	want := words("a", 3)
	for name, tc := range map[string]struct {
		result result
		ok     bool
	}{
		"whole":            {result{pieces: want, done: true, finish: "stop"}, true},
		"typed error":      {result{pieces: want[:1], failed: "upstream gone"}, true},
		"nothing but why":  {result{failed: "upstream gone"}, true},
		"silent":           {result{pieces: want[:2]}, false},
		"short but done":   {result{pieces: want[:2], done: true, finish: "stop"}, false},
		"twice":            {result{pieces: []string{want[0], want[0]}, failed: "x"}, false},
		"reordered":        {result{pieces: []string{want[1], want[0], want[2]}, done: true, finish: "stop"}, false},
		"another's pieces": {result{pieces: words("b", 3), done: true, finish: "stop"}, false},
	} {
		require.Equal(t, tc.ok, tc.result.check(want) == nil, name)
	}
}

// TestABareUpstreamIsSilent: without a gateway the cuts of this suite do show
// as silent or malformed ends, and uncut streams are whole.
func TestABareUpstreamIsSilent(t *testing.T) {
	up := newUpstream(t)
	a := newAsker(t, up.URL, "none", "echo-model")
	run := func() (count int, first []string) {
		var bad faults
		a.many(t.Context(), 500, always, func(i int, r result, err error) {
			if err == nil {
				err = r.check(words(fmt.Sprintf("s%d", i), streamWords))
			}
			if err != nil {
				bad.add("%v", err)
			}
		})
		return bad.count, bad.first
	}
	count, first := run()
	require.Zero(t, count, "%v", first)
	var seed atomic.Uint64
	up.setFault(func(w http.ResponseWriter, _ *http.Request, ask question) bool {
		random := rand.New(rand.NewPCG(1, seed.Add(1)))
		return cutAfter(w, ask, random.Float64(), random.IntN(2) == 0)
	})
	count, _ = run()
	require.Greater(t, count, 400)
}
