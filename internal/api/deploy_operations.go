package api

import (
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// DeployScaleInput changes the number of replicas.
type DeployScaleInput struct {
	WorkloadName
	Replicas *int `json:"replicas" flag:"replicas" required:"true" jsonschema:"how many replicas to run"`
}

// Validate implements op.Validator.
func (in *DeployScaleInput) Validate() error {
	if *in.Replicas < 0 || *in.Replicas > 10_000 {
		return fail.New(fail.Usage, "--replicas %d is not between 0 and 10000", *in.Replicas)
	}
	return nil
}

// DeployUndoInput goes back to an earlier revision.
type DeployUndoInput struct {
	WorkloadName
	ToRevision string `json:"to_revision,omitempty" jsonschema:"the revision to go back to; the newest earlier one that worked where absent"`
}

// DeployDiffInput compares two revisions.
type DeployDiffInput struct {
	WorkloadName
	From       string `json:"from,omitempty" flag:"from-revision" jsonschema:"compare from this revision; the current one where absent"`
	ToRevision string `json:"to_revision,omitempty" jsonschema:"compare to this revision; the one that undo would choose where absent"`
}

// DeployImagesInput changes images.
type DeployImagesInput struct {
	WorkloadName
	Images string `json:"images" arg:"IMAGE..." jsonschema:"pairs of CONTAINER=IMAGE, or an IMAGE alone for the only container"`
}

// DeployCanaryInput begins, ends or shows a canary.
type DeployCanaryInput struct {
	WorkloadName
	Revision string `json:"revision,omitempty" jsonschema:"the revision that gets a share of the calls"`
	Weight   int    `json:"weight,omitempty" jsonschema:"percent of the calls that it gets"`
	Promote  bool   `json:"promote,omitempty" jsonschema:"end it: the canary gets all calls"`
	Abort    bool   `json:"abort,omitempty" jsonschema:"end it: the canary gets none"`
}

// Validate implements op.Validator.
func (in *DeployCanaryInput) Validate() error {
	begin := in.Revision != "" || in.Weight != 0
	switch {
	case in.Promote && in.Abort, begin && (in.Promote || in.Abort):
		return fail.New(fail.Usage, "begin a canary, promote it or abort it: one of them").Hint("--revision 8 --weight 10, --promote or --abort")
	case in.Promote || in.Abort:
		return nil
	case in.Revision == "" || in.Weight < 1 || in.Weight > 99:
		return fail.New(fail.Usage, "a canary needs a revision, and a weight from 1 to 99 percent").Hint("--revision 8 --weight 10")
	}
	return nil
}

// DeployApplyInput brings in a service by its manifest.
type DeployApplyInput struct {
	Manifest  string `json:"manifest" flag:"-" required:"true" jsonschema:"the manifest (plugin.yaml) as text; -f reads it"`
	Origin    string `json:"origin,omitempty" flag:"-" jsonschema:"the folder that the manifest's command is relative to"`
	Namespace string `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace"`
	To        string `json:"to,omitempty" enum:"runtime,kubernetes" jsonschema:"where to run it; what the manifest says where absent"`
	Canary    int    `json:"canary,omitempty" jsonschema:"percent of the calls that the new revision gets at first; it is promoted or taken back by itself"`
}

// Validate implements op.Validator.
func (in *DeployApplyInput) Validate() error {
	if strings.TrimSpace(in.Manifest) == "" {
		return fail.New(fail.Usage, "the manifest is empty").Hint("-f plugin.yaml")
	}
	if in.Canary < 0 || in.Canary > 99 {
		return fail.New(fail.Usage, "a canary gets 1 to 99 percent of the calls, not %d", in.Canary).Hint("--canary 10")
	}
	return nil
}

// What a caller of any operation on one workload should expect.
var (
	deployReads   = []fail.Code{fail.NotFound, fail.Forbidden}
	deployJudges  = []fail.Code{fail.NotFound, fail.Forbidden, fail.False, fail.Inconclusive}
	deployChanges = []fail.Code{fail.NotFound, fail.Forbidden, fail.Conflict, fail.Refused, fail.False, fail.Inconclusive}
)

const deployWatching = "\n--watch follows the rollout afterwards, as `aictl deploy watch` does: it ends with 10 when it fails."

// The operations of deployments.
var (
	DeployList = &op.Query[WorkloadFilter, WorkloadList]{Spec: op.Spec{
		ID: "deploy.list", Route: "GET /api/v1/deployments", Effect: op.Read, Idempotent: true,
		Summary: "List the workloads of Kubernetes and of the control plane's runtime",
		Errors:  []fail.Code{fail.Forbidden, fail.Partial},
		Examples: []op.Example{
			{Command: "aictl deploy list", Note: "what runs in the context's namespace"},
			{Command: "aictl deploy list -A -l tier=web -o wide", Note: "in all namespaces, by label, with images and causes"},
			{Command: `aictl deploy list -A -o json --jq '.workloads[] | select(.ready < .desired) | .name'`, Note: "what lacks replicas"},
		},
	}}
	DeployShow = &op.Query[DeployStatusInput, DeployStatus]{Spec: op.Spec{
		ID: "deploy.status", Route: "GET /api/v1/deployments/{name}/status", Effect: op.Read, Idempotent: true,
		Summary: "Judge a workload now: whether its rollout is complete, goes on or has failed, and why",
		Doc: "Exit 10 when it has failed, 11 when that cannot be told. The verdict has one machine-readable code:\n" +
			"image_pull, crash_loop, probe_failing, unschedulable, quota, admission, missing_config or deadline.",
		Errors: deployJudges,
		Examples: []op.Example{
			{Command: "aictl deploy status chat", Note: "what, why, and what to run next"},
			{Command: "aictl deploy status service/chat -o json --jq .verdict.code", Note: "one word for a script"},
		},
	}}
	DeployWatch = &op.Stream[DeployWatchInput, DeployWatchEvent]{Spec: op.Spec{
		ID: "deploy.watch", Route: "POST /api/v1/deployments/{name}/watch", Effect: op.Read, Idempotent: true,
		Summary: "Follow a rollout until it is complete or has failed, and say why",
		Doc: "It fails fast: an image that does not exist, a crash loop, a Secret that is missing are called within\n" +
			"seconds, with the last lines of the container that crashed. What passes by itself is given time: a\n" +
			"registry that does not answer, one restart, a node that an autoscaler adds; --grace sets that time for\n" +
			"all of them. Exit 0 when it is complete, 10 when it has failed, 11 when it cannot be told (paused,\n" +
			"replaced by another rollout), 8 after --timeout.",
		Errors: deployJudges,
		Examples: []op.Example{
			{Command: "aictl deploy watch chat", Note: "until it is decided"},
			{Command: "aictl deploy watch service/chat --timeout 10m --grace 1m", Note: "patiently, but not for ever"},
			{Command: "aictl deploy watch chat -o jsonl | tail -n 1 | jq -r .code", Note: "the verdict in one word"},
		},
	}}
	DeployHistory = &op.Query[WorkloadName, []DeployRevision]{Spec: op.Spec{
		ID: "deploy.history", Route: "GET /api/v1/deployments/{name}/history", Effect: op.Read, Idempotent: true,
		Summary: "List a workload's revisions with their causes and what each changed",
		Errors:  deployReads,
		Examples: []op.Example{
			{Command: "aictl deploy history chat", Note: "the newest first"},
			{Command: "aictl deploy history chat -o json --jq '[.[] | select(.good)] | first | .name'", Note: "the newest revision that worked"},
		},
	}}
	DeployCompare = &op.Query[DeployDiffInput, DeployDiff]{Spec: op.Spec{
		ID: "deploy.diff", Route: "GET /api/v1/deployments/{name}/diff", Effect: op.Read, Idempotent: true,
		Summary: "Show what going back to an earlier revision would change, and what it would not",
		Doc: "The difference is semantic: images, commands, names and sources of variables, limits, probes, volumes.\n" +
			"Values of variables are compared by fingerprint and not shown. What changed beside the template since\n" +
			"(ConfigMaps, Secrets, the autoscaler, the disruption budget) is named: going back leaves it as it is.\n" +
			"With --exit-code it ends with 10 when anything differs.",
		Errors: append([]fail.Code{fail.False}, deployReads...),
		Examples: []op.Example{
			{Command: "aictl deploy diff mask", Note: "what an undo would change"},
			{Command: "aictl deploy diff mask --from-revision 1 --to-revision 2", Note: "between two revisions"},
			{Command: `aictl deploy diff mask -o json --jq '.changes[] | select(.kind == "image")'`, Note: "images alone"},
		},
	}}
	DeployScale = &op.Change[DeployScaleInput, DeployChanged]{Spec: op.Spec{
		ID: "deploy.scale", Route: "POST /api/v1/deployments/{name}/scale", Effect: op.Write,
		Summary: "Change the number of replicas of a workload",
		Doc:     "The plan says what the autoscaler and the disruption budget will make of it." + deployWatching,
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy scale mask --replicas 2 --dry-run=server", Note: "what would happen"},
			{Command: "aictl deploy scale mask --replicas 2 --watch --yes --reason 'more traffic'", Note: "and wait until they are ready"},
		},
	}}
	DeployRestart = &op.Change[WorkloadName, DeployChanged]{Spec: op.Spec{
		ID: "deploy.restart", Route: "POST /api/v1/deployments/{name}/restart", Effect: op.Write,
		Summary: "Replace the replicas of a workload one after the other",
		Doc:     "The template stays as it is; the revision is a new one." + deployWatching,
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy restart mask --dry-run=server", Note: "what would happen"},
			{Command: "aictl deploy restart mask --watch --yes --reason 'new certificate'", Note: "and wait until all are new"},
		},
	}}
	DeployUndo = &op.Change[DeployUndoInput, DeployChanged]{Spec: op.Spec{
		ID: "deploy.undo", Route: "POST /api/v1/deployments/{name}/undo", Effect: op.Write,
		Summary: "Go back to the newest earlier revision that worked, or to a chosen one",
		Doc: "The plan shows what changes, what does not come back, and what budgets and autoscalers will do. What\n" +
			"was shown is what is applied: when the workload has changed in between, nothing is written and the exit\n" +
			"code is 9." + deployWatching + "\n" +
			"--verify watches a PromQL expression when the rollout is complete: it says whether things have recovered\n" +
			"(exit 0), have not (10), or cannot be told (11).",
		Errors: deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy undo mask --dry-run=server", Note: "the plan"},
			{Command: "aictl deploy undo mask --to-revision 1 --yes --reason 'errors since the rollout'", Note: "to a chosen revision"},
			{Command: "aictl deploy undo mask --yes --verify 'count(up) > 0' --for 4s", Note: "and see that it helped"},
		},
	}}
	DeployPause = &op.Change[WorkloadName, DeployChanged]{Spec: op.Spec{
		ID: "deploy.pause", Route: "POST /api/v1/deployments/{name}/pause", Effect: op.Write,
		Summary: "Stop a rollout where it is",
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy pause mask --dry-run=server", Note: "what would happen"},
			{Command: "aictl deploy pause mask --yes --reason 'looking at errors'", Note: "hold it"},
		},
	}}
	DeployResume = &op.Change[WorkloadName, DeployChanged]{Spec: op.Spec{
		ID: "deploy.resume", Route: "POST /api/v1/deployments/{name}/resume", Effect: op.Write,
		Summary: "Go on with a rollout that was paused",
		Doc:     strings.TrimPrefix(deployWatching, "\n"),
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy resume mask --dry-run=server", Note: "what would happen"},
			{Command: "aictl deploy resume mask --watch --yes", Note: "and follow it to its end"},
		},
	}}
	DeployImages = &op.Change[DeployImagesInput, DeployChanged]{Spec: op.Spec{
		ID: "deploy.set-image", Route: "POST /api/v1/deployments/{name}/images", Effect: op.Write,
		Summary: "Roll out another image",
		Doc:     "On the runtime the image is the version of the service." + deployWatching,
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy set-image deployment/web app=registry.example/web:1.2 --dry-run=client", Note: "what would be asked"},
			{Command: "aictl deploy set-image web registry.example/web:1.2 --dry-run=client", Note: "the only container needs no name"},
		},
	}}
	DeployShare = &op.Change[DeployCanaryInput, DeployChanged]{Spec: op.Spec{
		ID: "deploy.canary", Route: "POST /api/v1/deployments/{name}/canary", Effect: op.Write,
		Summary: "Give a revision a share of the calls, promote it, or take it back",
		Doc: "The runtime splits calls exactly, and compares error rate and latency: a canary that is worse is taken\n" +
			"back by itself, an equal one is promoted. Kubernetes has no such split, and refuses.",
		Errors: deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy canary mask --revision 2 --weight 10 --dry-run=client", Note: "a tenth of the calls"},
			{Command: "aictl deploy canary mask --promote --dry-run=client", Note: "all of them"},
		},
	}}
	DeployApply = &op.Change[DeployApplyInput, DeployChanged]{Spec: op.Spec{
		ID: "deploy.apply", Route: "POST /api/v1/deployments", Effect: op.Write,
		Summary: "Bring in a service by its manifest, or change it",
		Doc:     "The manifest (plugin.yaml) is the same for the runtime and for Kubernetes; --to says where." + deployWatching,
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy apply -f mask/plugin.yaml --dry-run=server", Note: "what would happen"},
			{Command: "aictl deploy apply -f mask/plugin.yaml --watch --yes", Note: "and wait until it is ready"},
			{Command: "aictl deploy apply -f mask/plugin.yaml --canary 10 --dry-run=server", Note: "to a tenth of the calls first"},
			{Command: "cat mask/plugin.yaml | aictl deploy apply -f - --to kubernetes --dry-run=client", Note: "from a pipe, to Kubernetes"},
		},
	}}
	DeployDelete = &op.Change[WorkloadName, DeployChanged]{Spec: op.Spec{
		ID: "deploy.delete", Route: "DELETE /api/v1/deployments/{name}", Effect: op.Destroy,
		Summary: "Delete a workload with its replicas and its history",
		Errors:  deployChanges,
		Examples: []op.Example{
			{Command: "aictl deploy delete mask --dry-run=server", Note: "what would go"},
			{Command: "aictl deploy delete service/mask --yes --reason 'not used any more'", Note: "delete it"},
		},
	}}
)
