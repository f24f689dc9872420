package factory

import (
	"context"
	"strings"

	"github.com/aictl/aictl/internal/promcursor"
)

// completeMetrics completes PromQL: the values of its one unfinished word,
// each with what stands before it, as the shell replaces the whole argument.
func (f *Factory) completeMetrics(ctx context.Context, text string) []string {
	at := promcursor.Find(text)
	if at.Kind == "" {
		return nil
	}
	key := "metrics/" + at.Key()
	values, ok := f.cached(key)
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, completeWithin)
		defer cancel()
		c, _, err := f.One()
		if err != nil {
			return nil
		}
		defer c.Close()
		if values, err = promcursor.Words(ctx, c, at); err != nil {
			return nil
		}
		f.keep(key, values)
	}
	var out []string
	for _, v := range values {
		if strings.HasPrefix(v, at.Word) {
			out = append(out, at.Head+v)
		}
	}
	return out
}
