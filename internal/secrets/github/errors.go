package github

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	sdk "github.com/google/go-github/v88/github"

	"github.com/aictl/aictl/internal/fail"
)

// limited says when to try again.
type limited struct{ after time.Duration }

// Error implements error.
func (l *limited) Error() string { return "try again in " + l.after.Round(time.Second).String() }

// RetryAfter is what fail.RetryAfter looks for.
func (l *limited) RetryAfter() time.Duration { return l.after }

// explain gives GitHub's errors a code and the next step.
func (s *Store) explain(ctx context.Context, err error, what string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fail.From(ctx.Err())
	}
	var ours *fail.Error
	if errors.As(err, &ours) {
		return err
	}
	var rate *sdk.RateLimitError
	var abuse *sdk.AbuseRateLimitError
	var res *sdk.ErrorResponse
	switch {
	case errors.As(err, &rate):
		return later("GitHub's rate limit is used up", time.Until(rate.Rate.Reset.Time))
	case errors.As(err, &abuse):
		after := time.Minute
		if abuse.RetryAfter != nil {
			after = *abuse.RetryAfter
		}
		return later("GitHub limits the requests", after)
	case errors.As(err, &res) && res.Response != nil:
		return s.status(res, s.o.Name+":"+what)
	}
	// The text of a transport's error has the URL, which holds no secret.
	return fail.Wrap(fail.Unavailable, err, "GitHub can't be reached").Hint("aictl doctor")
}

func (s *Store) status(res *sdk.ErrorResponse, what string) error {
	switch code := res.Response.StatusCode; code {
	case http.StatusUnauthorized:
		return fail.New(fail.Auth, "GitHub does not accept the token").Hint("make a new one: https://github.com/settings/tokens")
	case http.StatusForbidden:
		return fail.New(fail.Forbidden, "GitHub does not allow %s to this token", what).
			Hint("a fine-grained token needs \"Secrets: write\" (and \"Environments: write\"), a classic one repo and admin:org")
	case http.StatusNotFound:
		return fail.New(fail.NotFound, "%s is not there, or the token may not see it", what).Hint("aictl secrets list %s:OWNER/REPO/", s.o.Name)
	case http.StatusTooManyRequests:
		after, err := strconv.Atoi(res.Response.Header.Get("Retry-After"))
		if err != nil {
			after = 60
		}
		return later("GitHub limits the requests", time.Duration(after)*time.Second)
	case http.StatusConflict:
		return fail.New(fail.Conflict, "%s is being changed by somebody else", what).Hint("repeat the command")
	default:
		if code >= 500 {
			return fail.New(fail.Unavailable, "GitHub has a fault (%d)", code).Hint("try again; https://www.githubstatus.com")
		}
		return fail.New(fail.Failed, "GitHub refuses %s (%d)", what, code).Hint("aictl secrets list %s:OWNER/REPO/", s.o.Name)
	}
}

func later(what string, after time.Duration) error {
	after = max(after, time.Second)
	return fail.Wrap(fail.Limited, &limited{after}, "%s", what).Hint("try again in %s", after.Round(time.Second))
}
