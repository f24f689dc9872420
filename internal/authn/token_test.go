package authn

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSecretsAreWellFormedAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := newSecret()
		require.True(t, wellFormed(s), s)
		require.Len(t, s, len(tokenPrefix)+secretLength+checkLength)
		require.False(t, seen[s])
		seen[s] = true
	}
}

// A checksum of 32 bits finds every single wrong character and every swap of
// neighbours.
func TestTypingMistakesAreFound(t *testing.T) {
	s := newSecret()
	for i := len(tokenPrefix); i < len(s); i++ {
		for _, c := range base62Letters {
			if typo := s[:i] + string(c) + s[i+1:]; typo != s {
				require.False(t, wellFormed(typo), typo)
			}
		}
		if i+1 < len(s) && s[i] != s[i+1] {
			require.False(t, wellFormed(s[:i]+string(s[i+1])+string(s[i])+s[i+2:]))
		}
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add(newSecret())
	f.Add(tokenPrefix + strings.Repeat("0", secretLength+checkLength))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if wellFormed(s) && len(s) != len(tokenPrefix)+secretLength+checkLength {
			t.Fatal(s)
		}
	})
}

func TestGuessesAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	g := newGuesses(func() time.Time { return now })
	for i := range maxAddresses + 500 {
		g.wrong(fmt.Sprint("host", i))
	}
	require.Len(t, g.byRemote, maxAddresses)
	require.Equal(t, 1, g.byRemote[fmt.Sprint("host", maxAddresses+499)].wrong)
}
