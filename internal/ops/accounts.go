package ops

import (
	"context"
	"fmt"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func bindAccounts(r *op.Registry, d Deps) {
	op.BindQuery(r, api.AccountsList, func(ctx context.Context, _ api.None) ([]api.Account, error) {
		return d.Accounts.List(ctx)
	})
	op.BindChange(r, api.AccountsCreate, func(ctx context.Context, in api.AccountInput) (op.Planned[api.Account], error) {
		if _, err := d.Accounts.Get(ctx, in.Name); err == nil {
			return op.Planned[api.Account]{}, fail.New(fail.Conflict, "the account %s exists already", in.Name).
				Hint("aictl accounts grant %s --role %s", in.Name, in.Role)
		} else if fail.CodeOf(err) != fail.NotFound {
			return op.Planned[api.Account]{}, err
		}
		g := op.Grant{Role: in.Role, Namespace: in.Namespace}
		return op.Planned[api.Account]{
			Plan: op.Plan{
				Target: in.Name, Summary: "Create the account " + in.Name,
				Steps: []op.Step{{Action: "create", Object: "account/" + in.Name, Detail: grantWords(g)}},
			},
			Apply: func(ctx context.Context) (api.Account, error) { return d.Accounts.Create(ctx, in.Name, g) },
		}, nil
	})
	op.BindChange(r, api.AccountsGrant, func(ctx context.Context, in api.AccountInput) (op.Planned[api.Account], error) {
		now, err := d.Accounts.Get(ctx, in.Name)
		if err != nil {
			return op.Planned[api.Account]{}, err
		}
		g := op.Grant{Role: in.Role, Namespace: in.Namespace}
		step := op.Step{Action: "grant", Object: "account/" + in.Name, Detail: grantWords(g)}
		for _, had := range now.Grants {
			if had.Namespace == g.Namespace {
				step.Detail += ", in place of " + had.Role
			}
		}
		return op.Planned[api.Account]{
			Plan:  op.Plan{Target: in.Name, Summary: "Change the role of " + in.Name, Steps: []op.Step{step}},
			Apply: func(ctx context.Context) (api.Account, error) { return d.Accounts.Grant(ctx, in.Name, g) },
		}, nil
	})
	op.BindChange(r, api.AccountsDelete, func(ctx context.Context, in api.AccountName) (op.Planned[api.Deleted], error) {
		a, err := d.Accounts.Get(ctx, in.Name)
		if err != nil {
			return op.Planned[api.Deleted]{}, err
		}
		if in.Name == caller(ctx).Subject {
			return op.Planned[api.Deleted]{}, fail.New(fail.Refused, "an account cannot delete itself").
				Hint("sign in as another administrator")
		}
		return op.Planned[api.Deleted]{
			Plan: op.Plan{
				Target: in.Name, Summary: "Delete the account " + in.Name,
				Steps: []op.Step{
					{Action: "revoke", Object: "account/" + in.Name, Detail: plural(a.Tokens, "token")},
					{Action: "delete", Object: "account/" + in.Name},
				},
			},
			Apply: func(ctx context.Context) (api.Deleted, error) {
				return api.Deleted{Name: in.Name, Deleted: true}, d.Accounts.Delete(ctx, in.Name)
			},
		}, nil
	})
	bindTokens(r, d)
	op.BindQuery(r, api.AuthWhoami, func(ctx context.Context, _ api.None) (api.Whoami, error) {
		id := caller(ctx)
		return api.Whoami{Subject: id.Subject, TokenID: id.TokenID, Grants: id.Grants, Server: d.Version}, nil
	})
}

func bindTokens(r *op.Registry, d Deps) {
	op.BindQuery(r, api.TokensList, func(ctx context.Context, in api.TokenFilter) ([]api.Token, error) {
		account := in.Account
		if id := caller(ctx); !admin(id) { // others see their own only
			if account != "" && account != id.Subject {
				return nil, fail.New(fail.Forbidden, "only an administrator sees the tokens of %s", account).Hint("aictl whoami")
			}
			account = id.Subject
		}
		return d.Accounts.Tokens(ctx, account)
	})
	op.BindChange(r, api.TokensCreate, func(ctx context.Context, in api.TokenInput) (op.Planned[api.NewToken], error) {
		id := caller(ctx)
		if in.Account == "" {
			in.Account = id.Subject
		}
		if in.Account != id.Subject && !admin(id) {
			return op.Planned[api.NewToken]{}, fail.New(fail.Forbidden, "only an administrator makes tokens for %s", in.Account).
				Hint("aictl whoami")
		}
		if in.TTL <= 0 || time.Duration(in.TTL) > 2*366*24*time.Hour {
			return op.Planned[api.NewToken]{}, fail.New(fail.Usage, "a token is valid for more than nothing and at most two years").
				Hint("--ttl 90d")
		}
		if _, err := d.Accounts.Get(ctx, in.Account); err != nil {
			return op.Planned[api.NewToken]{}, err
		}
		return op.Planned[api.NewToken]{
			Plan: op.Plan{
				Target: in.Account, Summary: "Create a token for " + in.Account,
				Steps: []op.Step{{Action: "create", Object: "token of account/" + in.Account, Detail: "valid for " + time.Duration(in.TTL).String()}},
			},
			Apply: func(ctx context.Context) (api.NewToken, error) {
				return d.Accounts.CreateToken(ctx, in.Account, in.Note, time.Duration(in.TTL))
			},
		}, nil
	})
	op.BindChange(r, api.TokensRevoke, func(ctx context.Context, in api.TokenID) (op.Planned[api.Token], error) {
		return revoke(ctx, d, in.ID)
	})
	op.BindChange(r, api.AuthLogout, func(ctx context.Context, _ api.None) (op.Planned[api.Token], error) {
		return revoke(ctx, d, caller(ctx).TokenID)
	})
}

func revoke(ctx context.Context, d Deps, id string) (op.Planned[api.Token], error) {
	t, err := d.Accounts.Token(ctx, id)
	me := caller(ctx)
	if err == nil && t.Account != me.Subject && !admin(me) {
		err = fail.New(fail.NotFound, "no token with the id %q", id) // whose it is stays unsaid
	}
	if err != nil {
		return op.Planned[api.Token]{}, fail.From(err).Hint("aictl tokens list")
	}
	plan := op.Plan{Target: t.ID, Summary: fmt.Sprintf("Revoke the token %s of %s", t.ID, t.Account)}
	if t.Revoked == nil {
		plan.Steps = []op.Step{{Action: "revoke", Object: "token/" + t.ID, Detail: t.Note}}
	}
	return op.Planned[api.Token]{
		Plan: plan,
		Apply: func(ctx context.Context) (api.Token, error) {
			if t.Revoked != nil {
				return t, nil
			}
			return d.Accounts.RevokeToken(ctx, t.ID)
		},
	}, nil
}

func admin(id op.Identity) bool {
	for _, g := range id.Grants {
		if g.Role == "admin" && g.Namespace == "*" {
			return true
		}
	}
	return false
}

func grantWords(g op.Grant) string {
	if g.Namespace == "*" {
		return "role " + g.Role + " everywhere"
	}
	return "role " + g.Role + " in " + g.Namespace
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
