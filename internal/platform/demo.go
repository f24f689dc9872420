package platform

import (
	"context"
	"errors"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// demoActor is in whose name the demo deploys and calls.
const demoActor = "demo"

func asDemo(ctx context.Context, role string) context.Context {
	return op.WithIdentity(ctx, op.Identity{Subject: demoActor, Grants: []op.Grant{{Role: role, Namespace: "*"}}, Remote: "local"})
}

// DemoDeploy makes a manifest of the demo a revision, in the demo's name.
func (p *Platform) DemoDeploy(ctx context.Context, manifest []byte, dir, reason string) error {
	_, err := p.deployManifest(asDemo(ctx, "admin"), deploy.Manifest{Body: manifest, Origin: dir, Cause: reason, Actor: demoActor})
	return err
}

// DemoCall makes one call of the demo's traffic: it may invoke, and nothing
// else.
func (p *Platform) DemoCall(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	return p.gateway.Do(asDemo(ctx, "invoker"), call)
}

// DemoRemove takes the services of an earlier demo away; those that there are
// not are no error.
func (p *Platform) DemoRemove(ctx context.Context, names ...string) error {
	var failed error
	for _, name := range names {
		if err := p.runtime.Delete(ctx, name, "the demo is over", demoActor); err != nil && fail.CodeOf(err) != fail.NotFound {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
