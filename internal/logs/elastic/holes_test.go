package elastic

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHolesAreASet(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5))
		var h holes
		want := map[int64]bool{}
		for range 300 {
			lo := r.Int64N(200)
			if r.IntN(2) == 0 {
				hi := lo + r.Int64N(12)
				h.add(lo, hi, time.Unix(r.Int64N(100), 0))
				for n := lo; n <= hi; n++ {
					want[n] = true
				}
			} else {
				h.remove(lo)
				delete(want, lo)
			}
			for i := 1; i < len(h); i++ {
				require.Greater(t, h[i].lo, h[i-1].hi)
			}
		}
		for n := range int64(220) {
			require.Equal(t, want[n], h.has(n), n)
		}
		b, err := json.Marshal(h)
		require.NoError(t, err)
		var back holes
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, h, back)
	}
}

func TestHolesAreBounded(t *testing.T) {
	var h holes
	for n := int64(0); n < 100; n += 2 {
		h.add(n, n, time.Unix(n, 0))
	}
	require.EqualValues(t, 30, h.bound(20))
	require.False(t, h.has(58))
	require.True(t, h.has(60))
	h.expire(time.Unix(90, 0))
	require.Len(t, h, 5)
	require.True(t, holes(nil).query(10).is("match_none"))
	h = nil
	h.add(0, 1_000_000, time.Unix(0, 0))
	require.Equal(t, dsl{"range": dsl{"_seq_no": dsl{"gte": int64(990_001), "lte": int64(1_000_000)}}}, h.query(near))
}

func FuzzPosition(f *testing.F) {
	f.Add([]byte(`{"v":1,"at":"2026-11-23T08:00:00Z","i":{"u":{"n":"a","s":{"0":{"m":5,"z":-1,"h":[1,0,5]}}}}}`))
	f.Add([]byte(`{"v":1,"t":{"why":"x","after":[1,"a"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePosition(b)
		if err != nil {
			return
		}
		again, err := parsePosition(p.bytes(time.Unix(0, 0)))
		require.NoError(t, err)
		require.Len(t, again.Indices, len(p.Indices))
	})
}
