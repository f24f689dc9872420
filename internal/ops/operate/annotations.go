package operate

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
)

// Marks give what happened in a window.
type Marks = func(ctx context.Context, from, to time.Time) ([]api.Annotation, error)

// annotationsWithin bounds the questions for the marks of a plot, which must
// not wait for an engine that is away.
const annotationsWithin = 2 * time.Second

// Annotations adds the deployments of the engines to other marks: each
// workload's newest revision, where it was made in the window. An engine that
// does not answer in time has no marks.
func Annotations(clusters func(ctx context.Context) ([]deploy.Cluster, error), others Marks) Marks {
	return func(ctx context.Context, from, to time.Time) ([]api.Annotation, error) {
		var out []api.Annotation
		if others != nil {
			var err error
			if out, err = others(ctx, from, to); err != nil {
				return out, err
			}
		}
		if clusters == nil {
			return out, nil
		}
		ctx, cancel := context.WithTimeout(ctx, annotationsWithin)
		defer cancel()
		engines, err := clusters(ctx)
		if err != nil {
			return out, nil //nolint:nilerr // a plot without marks is better than none
		}
		for _, e := range engines {
			list, err := e.List(ctx, deploy.Filter{})
			if err != nil {
				continue
			}
			for _, w := range list {
				if w.Changed.Before(from) || w.Changed.After(to) {
					continue
				}
				out = append(out, api.Annotation{
					Kind: "deployment", Time: w.Changed, Title: w.Name + " revision " + w.Revision, Text: w.Cause,
					Labels: map[string]string{"engine": w.Engine, "namespace": w.Namespace, "kind": w.Kind, "service": w.Name},
				})
			}
		}
		return out, nil
	}
}
