// Package authz holds the rules of who may do what: four roles, each of which
// includes the ones before it, in one namespace or in all.
//
//	viewer    reads, but not tokens, accounts and the audit
//	invoker   and calls AI services
//	operator  and changes things
//	admin     and manages accounts and tokens, and reads the audit
//
// Everybody may see and manage what is their own: who they are, their chat
// sessions, their tokens (the handlers bound those to the caller). The default
// is to refuse.
package authz

import (
	"slices"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The roles, by rank.
var ranks = map[string]int{"viewer": 1, "invoker": 2, "operator": 3, "admin": 4}

// administrative nouns are for admins, whatever the effect.
func administrative(noun string) bool {
	return slices.Contains([]string{"accounts", "audit"}, noun)
}

// own nouns are about the caller's own things; the handlers see to that.
func own(noun string) bool {
	return slices.Contains([]string{"auth", "sessions", "tokens"}, noun)
}

// Needs gives the least role that may run an operation of the noun with the
// effect.
func Needs(noun string, effect op.Effect) string {
	switch {
	case administrative(noun):
		return "admin"
	case own(noun), effect == op.Read:
		return "viewer"
	case effect == op.Invoke:
		return "invoker"
	}
	return "operator"
}

// Authorize returns nil, fail.Auth for nobody, or fail.Forbidden with the role
// that is missing.
func Authorize(id op.Identity, noun string, effect op.Effect, namespace string) error {
	if id.Subject == "" {
		return fail.New(fail.Auth, "not signed in").Hint("aictl login")
	}
	need := Needs(noun, effect)
	if slices.ContainsFunc(id.Grants, func(g op.Grant) bool {
		return ranks[g.Role] >= ranks[need] && (g.Namespace == "*" || g.Namespace == namespace)
	}) {
		return nil
	}
	return fail.New(fail.Forbidden, "%s may not do this: it needs the role %s in namespace %s", id.Subject, need, namespace).
		Hint("aictl whoami; an administrator can: aictl accounts grant %s --role %s", id.Subject, need)
}
