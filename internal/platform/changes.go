package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/audit"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
)

// changes are the sources of what was changed: the runtime, the cluster as the
// caller, the audit record and the Alertmanagers.
func (p *Platform) changes(ctx context.Context) ([]changes.Source, error) {
	out := []changes.Source{audited{p.audit}}
	if p.runtime != nil {
		out = append(out, p.runtime)
	}
	if s := p.backends.SilenceChanges(); s != nil {
		out = append(out, s)
	}
	if p.config.Load().Backends.Kubernetes.Configured() {
		c, err := p.cluster(ctx)
		if err != nil {
			return out, err
		}
		out = append(out, c.Changes())
	}
	return out, nil
}

// audited makes changes of the audit record: what was done through this
// control plane.
type audited struct{ log *audit.Log }

// auditRecords bounds how many records are looked at.
const auditRecords = 5_000

func (audited) Name() string { return changes.Audit }

// Changes implements changes.Source. A request counts when its outcome is
// known to be ok; its time is that of the intent, which came first.
func (a audited) Changes(ctx context.Context, q changes.Query) (changes.Answer, error) {
	records, err := a.log.List(ctx, api.AuditFilter{
		From: q.From.UTC().Format(time.RFC3339Nano), To: q.To.UTC().Format(time.RFC3339Nano), Limit: auditRecords,
	})
	if err != nil {
		return changes.Answer{}, err
	}
	var out changes.Answer
	if len(records) == auditRecords {
		out.Warnings = append(out.Warnings, fmt.Sprintf("only the latest %d records were looked at", auditRecords))
	}
	intents := map[string]api.AuditEntry{}
	for _, r := range records {
		key := r.Request + "\x00" + r.Operation + "\x00" + r.Target
		switch {
		case r.Phase == "intent":
			intents[key] = r
		case r.Outcome != "ok":
		default:
			begun, known := intents[key]
			if !known {
				begun = r
			}
			if c, is := fromAudit(begun, r); is {
				out.Changes = append(out.Changes, c)
			}
		}
	}
	return out, nil
}

// auditKinds says what an operation changes; other mutations are actions.
// Reads that are audited (secrets.get) are no changes.
func auditKind(operation string) string {
	switch operation {
	case api.DeployUndo.ID, api.DeployRestart.ID, api.DeployImages.ID, api.DeployApply.ID:
		return api.ChangeRollout
	case api.DeployScale.ID:
		return api.ChangeScale
	case api.DeployPause.ID, api.DeployResume.ID:
		return api.ChangePause
	case api.DeployShare.ID:
		return api.ChangeCanary
	case api.DeployDelete.ID:
		return api.ChangeDelete
	case api.SecretsSet.ID, api.SecretsDelete.ID, api.SecretsSync.ID, api.SecretsRotate.ID:
		return api.ChangeSecret
	case api.AlertsAck.ID:
		return api.ChangeAck
	case api.AlertsSilence.ID, api.AlertsUnsilence.ID:
		return api.ChangeSilence
	case settingsOperation:
		return api.ChangeSettings
	}
	return api.ChangeAction
}

// settingsOperation is the name under which a reload of the configuration is
// recorded.
const settingsOperation = "settings.reload"

func fromAudit(begun, done api.AuditEntry) (api.Change, bool) {
	for _, d := range api.All() {
		if s := d.Describe(); s.ID == begun.Operation && !s.Effect.Mutates() {
			return api.Change{}, false
		}
	}
	c := api.Change{
		ID: fmt.Sprintf("audit-%d", begun.Index), Time: begun.Time, Source: changes.Audit, Kind: auditKind(begun.Operation),
		Actor: begun.Actor, Reason: begun.Reason, Object: begun.Target,
		Show: argv.Line("aictl", "audit", "log", "--operation", begun.Operation, "--from", begun.Time.UTC().Format(time.RFC3339), "--to", done.Time.Add(time.Second).UTC().Format(time.RFC3339)),
	}
	words := strings.NewReplacer(".", " ", "-", " ").Replace(begun.Operation)
	c.Summary = strings.TrimSpace(words + " " + begun.Target)
	noun, verb, _ := strings.Cut(begun.Operation, ".")
	switch noun {
	case "deploy":
		var in struct {
			Name, Namespace string
		}
		_ = json.Unmarshal(begun.Details, &in) // the target has the name too
		_, c.Service, _ = cutLast(begun.Target, "/")
		c.Namespace, c.Object = in.Namespace, "service/"+c.Service
		if kind, name, has := strings.Cut(in.Name, "/"); has && name == c.Service {
			c.Object = kind + "/" + name
		}
		if verb == "apply" {
			c.Summary = "a manifest of " + c.Service + " was applied"
		}
		if c.Kind == api.ChangeScale {
			c.Show = argv.Line("aictl", "deploy", "status", c.Service)
		}
	case "secrets":
		c.Object = "secret/" + begun.Target
	case "settings":
		c.Object = "settings"
	}
	return c, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// recordReload writes into the audit record which keys of the configuration a
// reload changed; the values stay out of it. Without the record there is no
// reload.
func (p *Platform) recordReload(old, fresh *serverconfig.Config) error {
	keys := serverconfig.Changed(old, fresh)
	if len(keys) == 0 {
		return nil
	}
	ctx := context.Background()
	finish, err := p.audit.Begin(ctx, op.Record{
		Operation: settingsOperation, Target: strings.Join(keys, " "), Effect: op.Write, Reason: "SIGHUP", Identity: op.Identity{Subject: "operator of the server"},
	})
	if err != nil {
		return err
	}
	return finish(ctx, nil)
}
