package aws

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/aictl/aictl/internal/fail"
)

func isCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// explain gives the SDK's error a code and the next step. AWS repeats what a
// request held in some of its messages, a value too: only those that can't are
// passed on.
func (s *Store) explain(ctx context.Context, err error, action, path string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fail.From(ctx.Err())
	}
	what := s.name
	if path != "" {
		what += ":" + path
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		text := oneLine(err.Error())
		if strings.Contains(text, "get identity") || strings.Contains(text, "credentials") {
			return fail.New(fail.Auth, "no credentials of AWS were found").Hint("aws sso login, or export AWS_PROFILE=…")
		}
		return fail.New(fail.Unavailable, "AWS Secrets Manager can't be reached for %s: %s", what, text).Hint("aictl doctor")
	}
	switch code := api.ErrorCode(); code {
	case "ResourceNotFoundException":
		return fail.New(fail.NotFound, "there is no secret %s", what).Hint("aictl secrets list %s:", s.name)
	case "ResourceExistsException":
		return fail.New(fail.Conflict, "%s exists already, or the token was used for another value", what).Hint("look again, and repeat the command")
	case "AccessDeniedException", "AccessDenied", "NotAuthorized":
		return fail.New(fail.Forbidden, "AWS does not allow %s", what).Hint("ask for secretsmanager:%s", action)
	case "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken":
		return fail.New(fail.Auth, "AWS does not accept the credentials (%s)", code).Hint("aws sso login, or export AWS_PROFILE=…")
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException":
		return fail.New(fail.Limited, "AWS limits the requests (%s)", code).Hint("try again in a minute")
	case "InvalidRequestException":
		return fail.New(fail.Refused, "AWS refuses %s of %s: it is being deleted, or managed by another service", action, what).Hint("aws secretsmanager describe-secret --secret-id %s", path)
	case "DecryptionFailure", "EncryptionFailure":
		return fail.New(fail.Forbidden, "AWS can't use the key that encrypts %s", what).Hint("ask for kms:Decrypt and kms:GenerateDataKey on its key")
	case "InternalServiceError", "ServiceUnavailable", "InternalFailure":
		return fail.New(fail.Unavailable, "AWS Secrets Manager has a fault (%s)", code).Hint("try again")
	default: // the message may repeat the request
		return fail.New(fail.Failed, "AWS refuses %s of %s (%s)", action, what, oneLine(code)).Hint("aws secretsmanager describe-secret --secret-id %s", path)
	}
}

// oneLine makes foreign text fit for a message.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
