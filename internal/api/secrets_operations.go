package api

import (
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The operations of secrets. None needs a control plane, but for the vault.
var (
	SecretsList = &op.Query[SecretFilter, SecretList]{Spec: op.Spec{
		ID: "secrets.list", Route: "GET /api/v1/secrets", Effect: op.Read, Idempotent: true,
		Summary: "List secrets with their age, and what is overdue",
		Doc: "No value is read. A secret is overdue when it was not rotated within its tag max-age (90d, 12h),\n" +
			"or within secrets.max_age of the configuration, or when its store's own rotation is late.",
		Examples: []op.Example{
			{Command: "aictl secrets list", Note: "of all stores"},
			{Command: "aictl secrets list vault:app/ --consumers", Note: "a folder, with the workloads that refer to each"},
			{Command: "aictl secrets list --overdue -o json --jq '.secrets[].ref'", Note: "what should have been rotated, for a script"},
		},
	}}
	SecretsGet = &op.Query[SecretGetInput, SecretValue]{Spec: op.Spec{
		ID: "secrets.get", Route: "GET /api/v1/secrets/value", Effect: op.Read, Idempotent: true, Audited: true,
		Summary: "Show a secret, masked unless --reveal",
		Doc: "On a terminal --reveal prints the value alone. It needs the role operator, and is in the audit record.\n" +
			"GitHub gives no value back: compare it with `aictl secrets diff`.",
		Errors: []fail.Code{fail.NotFound, fail.Refused},
		Examples: []op.Example{
			{Command: "aictl secrets get app/db-password", Note: "of the vault: everything but the value"},
			{Command: "aictl secrets get app/db-password --reveal", Note: "the value alone"},
			{Command: "aictl secrets get app/config#password --reveal --version 1 -o json --jq .value", Note: "a member of a JSON object, in an earlier version"},
		},
	}}
	SecretsHistory = &op.Query[SecretHistoryInput, SecretHistory]{Spec: op.Spec{
		ID: "secrets.history", Route: "GET /api/v1/secrets/history", Effect: op.Read, Idempotent: true,
		Summary: "Show the versions of a secret and who wrote it",
		Doc:     "The versions are the store's; the writes are those through aictl, by fingerprint.",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl secrets history app/db-password", Note: "versions, writes, reasons"},
			{Command: "aictl secrets history app/db-password -o json --jq '.versions[] | select(.current) | .version'", Note: "the current version"},
		},
	}}
	SecretsDiff = &op.Query[SecretDiffInput, SecretDiff]{Spec: op.Spec{
		ID: "secrets.diff", Route: "GET /api/v1/secrets/diff", Effect: op.Read, Idempotent: true,
		Summary: "Compare secrets of two stores by fingerprint",
		Doc: "Values are compared by keyed fingerprints and never shown. Stores that can't be read back are judged by\n" +
			"what aictl wrote there last and when. Exit 10 on drift; 11 when nothing differs but something is unknown.\n" +
			"Two folders (they end with a slash) are matched by name; GitHub's are in upper case with underscores.\n" +
			"With two --context the left one is in the first and the right one in the second; both must let you see values.",
		Errors: []fail.Code{fail.NotFound, fail.False, fail.Inconclusive},
		Examples: []op.Example{
			{Command: "aictl secrets diff vault:app/ vault:staging/", Note: "two folders"},
			{Command: "aictl secrets diff vault:app/db-password vault:app/db-old", Note: "two secrets"},
			{Command: "aictl secrets diff vault:app/ vault:staging/ --map db-password=DB_PASS -o json --jq .drift", Note: "names that differ; how many drift"},
			{Command: "aictl secrets diff vault:app/ vault:app/ --context local --context staging", Note: "the same folder of two control planes"},
		},
	}}
	SecretsPrints = &op.Query[SecretPrintsInput, []SecretPrint]{Spec: op.Spec{
		ID: "secrets.prints", Route: "POST /api/v1/secrets/prints", Command: "-", Effect: op.Read, Audited: true, Idempotent: true,
		Summary: "Give fingerprints of secrets under a key of the caller's",
		Doc:     "It needs the right to see the values: under a key that one knows, a short secret can be guessed.",
		Errors:  []fail.Code{fail.NotFound, fail.Forbidden},
		Examples: []op.Example{
			{Command: "aictl secrets diff vault:app/ vault:app/ --context local --context staging", Note: "of two control planes"},
			{Command: "aictl secrets diff vault:app/ vault:app/ --context local --context staging -o json --jq .drift", Note: "how many drift"},
		},
	}}
	SecretsSet = &op.Change[SecretSetInput, Secret]{Spec: op.Spec{
		ID: "secrets.set", Route: "POST /api/v1/secrets", Effect: op.Write,
		Summary: "Write a secret from a prompt, standard input or a file",
		Doc: "The value never stands on the command line: it is asked for, read from standard input (one line feed at\n" +
			"the end is dropped), taken from --from-file as it is, or made by --generate.",
		Errors: []fail.Code{fail.Conflict, fail.TooLarge, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl secrets set app/db-password --yes < password.txt", Note: "from standard input"},
			{Command: "aictl secrets set app/session-key --generate 48 --tag max-age=90d --yes", Note: "a random one, to be rotated every 90 days"},
			{Command: "aictl secrets set app/tls --from-file tls.pem --reason 'new certificate' --yes", Note: "from a file, byte by byte"},
		},
	}}
	SecretsDelete = &op.Change[SecretDeleteInput, Deleted]{Spec: op.Spec{
		ID: "secrets.delete", Route: "DELETE /api/v1/secrets", Effect: op.Destroy,
		Summary: "Delete a secret with all its versions",
		Errors:  []fail.Code{fail.NotFound, fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl secrets delete app/db-old --dry-run=server", Note: "what it would delete, and who uses it"},
			{Command: "aictl secrets delete app/db-old --yes --reason 'service retired'", Note: "without a question"},
		},
	}}
	SecretsSync = &op.Change[SecretSyncInput, SecretSync]{Spec: op.Spec{
		ID: "secrets.sync", Route: "POST /api/v1/secrets/sync", Effect: op.Write, Idempotent: true,
		Summary: "Copy secrets from one store to another",
		Doc:     "Only what differs is written, and nothing is deleted without --prune. The plan names fingerprints only.",
		Errors:  []fail.Code{fail.NotFound, fail.Conflict, fail.Partial},
		Examples: []op.Example{
			{Command: "aictl secrets sync --from vault:app/ --to vault:staging/ --dry-run=server", Note: "the plan only"},
			{Command: "aictl secrets sync --from vault:app/ --to vault:staging/ --prefix db- --yes", Note: "some of a folder"},
			{Command: "aictl secrets sync --from vault:app/db-password --to vault:staging/db-password --yes", Note: "one secret"},
		},
	}}
	SecretsRotate = &op.Change[SecretRotateInput, SecretRotation]{Spec: op.Spec{
		ID: "secrets.rotate", Route: "POST /api/v1/secrets/rotate", Effect: op.Destroy,
		Summary: "Rotate a secret in stages, and revoke the old value when nobody uses it",
		Doc: "The new version is written, copied to --to, the workloads that refer to it are restarted, every replica is\n" +
			"proven to have begun after that, --verify must hold, and only then is the old version revoked. Any failure\n" +
			"restores the old value everywhere. A rotation that was cut off (kill -9) goes on with --resume or back with --abort.",
		Errors: []fail.Code{fail.NotFound, fail.Conflict, fail.False, fail.Inconclusive},
		Examples: []op.Example{
			{Command: "aictl secrets rotate app/db-password --generate 32 --keep-old --yes", Note: "a random value; the old version stays readable"},
			{Command: "aictl secrets rotate app/db-password --to vault:staging/db-password --generate 32 --dry-run=server", Note: "every stage, and who would be restarted"},
			{Command: "aictl secrets rotate app/db-password --generate 32 --keep-old --verify 'sum(up) > 0' --for 1s --yes", Note: "with a gate"},
		},
	}}
	SecretsRotations = &op.Query[SecretRotationFilter, []SecretRotation]{Spec: op.Spec{
		ID: "secrets.rotations", Route: "GET /api/v1/secrets/rotations", Effect: op.Read, Idempotent: true,
		Summary: "List rotations, and those that were cut off",
		Examples: []op.Example{
			{Command: "aictl secrets rotations", Note: "the newest first"},
			{Command: "aictl secrets rotations --open -o json --jq '.[].id'", Note: "what is to be resumed or aborted"},
		},
	}}
)
