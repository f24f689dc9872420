package authz

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The whole matrix: for each noun's kind and effect, the roles that may.
func TestMatrix(t *testing.T) {
	roles := []string{"", "root", "viewer", "invoker", "operator", "admin"}
	effects := []op.Effect{op.Read, op.Invoke, op.Write, op.Destroy}
	// The index in roles from which on it is allowed.
	least := map[string][4]int{
		"services":  {2, 3, 4, 4},
		"providers": {2, 3, 4, 4},
		"predict":   {2, 3, 4, 4},
		"unheard":   {2, 3, 4, 4},
		"sessions":  {2, 2, 2, 2}, // own things
		"tokens":    {2, 2, 2, 2},
		"auth":      {2, 2, 2, 2},
		"accounts":  {5, 5, 5, 5}, // administration
		"audit":     {5, 5, 5, 5},
	}
	for noun, from := range least {
		for e, effect := range effects {
			for r, role := range roles {
				for _, c := range []struct {
					granted, asked string
					covers         bool
				}{
					{"default", "default", true},
					{"*", "default", true},
					{"*", "", true},
					{"lab", "default", false},
					{"", "default", false},
					{"default", "*", false},
				} {
					id := op.Identity{Subject: "al", Grants: []op.Grant{{Role: role, Namespace: c.granted}}}
					err := Authorize(id, noun, effect, c.asked)
					if c.covers && r >= from[e] {
						require.NoError(t, err, "%s %v %s %+v", noun, effect, role, c)
						continue
					}
					require.Equal(t, fail.Forbidden, fail.CodeOf(err), "%s %v %s %+v", noun, effect, role, c)
					require.ErrorContains(t, err, Needs(noun, effect))
					require.Contains(t, fail.From(err).Next, "aictl whoami")
				}
			}
		}
	}
}

func TestNobody(t *testing.T) {
	for _, id := range []op.Identity{{}, {Grants: []op.Grant{{Role: "admin", Namespace: "*"}}}} {
		err := Authorize(id, "services", op.Read, "default")
		require.Equal(t, fail.Auth, fail.CodeOf(err))
		require.Equal(t, "aictl login", fail.From(err).Next)
	}
	require.Equal(t, fail.Forbidden, fail.CodeOf(Authorize(op.Identity{Subject: "al"}, "auth", op.Read, "default")), "no grant, nothing")
}

func TestGrantsAddUp(t *testing.T) {
	id := op.Identity{Subject: "al", Grants: []op.Grant{{Role: "viewer", Namespace: "*"}, {Role: "operator", Namespace: "lab"}}}
	require.NoError(t, Authorize(id, "services", op.Write, "lab"))
	require.NoError(t, Authorize(id, "services", op.Read, "default"))
	require.Error(t, Authorize(id, "services", op.Write, "default"))
}

// What is neither read nor invoked is a change, also an effect that is not
// known here.
func TestAnUnknownEffectIsAChange(t *testing.T) {
	require.Equal(t, "operator", Needs("services", op.Effect("else")))
}
