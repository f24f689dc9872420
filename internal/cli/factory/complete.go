package factory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// Completion waits this long for the server and no longer; what it got is
// believed for this long.
const (
	completeWithin = 150 * time.Millisecond
	completeFresh  = 20 * time.Second
)

// Complete gives the live values of a kind ("services", "operations", …) that
// begin with prefix. It never fails: without a quick answer there are none.
func (f *Factory) Complete(ctx context.Context, kind string, args []string, prefix string) []string {
	if kind == "metrics" {
		return f.completeMetrics(ctx, prefix)
	}
	key := kind
	if kind == "operations" {
		if len(args) == 0 {
			return nil
		}
		key += "/" + args[0]
	}
	if kind == "deployments" {
		s, err := f.Settings()
		if err != nil || len(s.Targets) != 1 {
			return nil
		}
		t := s.Targets[0]
		key += "/" + t.Name + "/" + t.Namespace // a context without a server has no other key
		args = []string{t.Namespace}
	}
	values, ok := f.cached(key)
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, completeWithin)
		defer cancel()
		c, _, err := f.One()
		if err != nil {
			return nil
		}
		defer c.Close()
		if values, err = liveValues(ctx, c, kind, args); err != nil {
			return nil
		}
		f.keep(key, values)
	}
	var out []string
	for _, v := range values {
		if strings.HasPrefix(v, prefix) {
			out = append(out, v)
		}
	}
	return out
}

// liveValues asks the server. Each value is a line "word<TAB>description",
// made safe: descriptions come from outside.
func liveValues(ctx context.Context, c op.Caller, kind string, args []string) ([]string, error) {
	var out []string
	add := func(word, doc string) {
		if word = term.SafeLine(word); word != "" {
			out = append(out, word+"\t"+term.SafeLine(doc))
		}
	}
	switch kind {
	case "services":
		list, err := api.ServicesList.Call(ctx, c, api.None{})
		for _, s := range list {
			add(s.Name, s.Summary)
		}
		return out, err
	case "operations":
		d, err := api.ServicesDescribe.Call(ctx, c, api.ServiceName{Name: args[0]})
		for _, o := range d.Describes {
			add(o.Name, o.Summary)
		}
		return out, err
	case "sessions":
		list, err := api.SessionsList.Call(ctx, c, api.None{})
		for _, s := range list {
			add(s.Name, s.Title)
		}
		return out, err
	case "providers", "models":
		list, err := api.ProvidersList.Call(ctx, c, api.None{})
		for _, p := range list {
			if kind == "providers" {
				add(p.Name, p.URL)
				continue
			}
			for _, m := range p.Models {
				add(m, p.Name)
			}
		}
		return out, err
	case "alerts":
		list, err := api.AlertsList.Call(ctx, c, api.AlertFilter{State: "all"})
		seen := map[string]bool{}
		for _, a := range list.Alerts {
			if !seen[a.Name] {
				seen[a.Name] = true
				add(a.Name, strings.TrimSpace(a.Severity+" "+a.Summary))
			}
		}
		return out, err
	case "silences":
		list, err := api.AlertsSilences.Call(ctx, c, api.SilenceFilter{})
		for _, s := range list.Silences {
			add(s.ID, s.Matchers+" by "+s.By)
		}
		return out, err
	case "accounts":
		list, err := api.AccountsList.Call(ctx, c, api.None{})
		for _, a := range list {
			add(a.Name, "")
		}
		return out, err
	case "deployments":
		list, err := api.DeployList.Call(ctx, c, api.WorkloadFilter{Namespace: args[0]})
		seen := map[string]int{}
		for _, w := range list.Workloads {
			seen[w.Name]++
		}
		for _, w := range list.Workloads {
			name := w.Name
			if seen[name] > 1 {
				name = strings.ToLower(w.Kind) + "/" + name
			}
			add(name, fmt.Sprintf("%s %s, %d of %d ready", w.Kind, w.State, w.Ready, w.Desired))
		}
		return out, err
	case "tokens":
		list, err := api.TokensList.Call(ctx, c, api.TokenFilter{})
		for _, t := range list {
			add(t.ID, t.Account+" "+t.Note)
		}
		return out, err
	}
	return nil, nil
}

type cachedValues struct {
	At     time.Time `json:"at"`
	Values []string  `json:"values"`
}

// cacheFile is per server and per token: what one account may see is not
// shown to another.
func (f *Factory) cacheFile(key string) string {
	s, err := f.Settings()
	if err != nil || len(s.Targets) != 1 || s.CacheDir == "" || f.player != nil {
		return "" // a bundle's words are none of the live platform's
	}
	sum := sha256.Sum256([]byte(s.Targets[0].Server + "\x00" + s.Targets[0].Token + "\x00" + key))
	return filepath.Join(s.CacheDir, "complete", hex.EncodeToString(sum[:12])+".json")
}

func (f *Factory) cached(key string) ([]string, bool) {
	path := f.cacheFile(key)
	if path == "" {
		return nil, false
	}
	body, err := os.ReadFile(path)
	var c cachedValues
	if err != nil || json.Unmarshal(body, &c) != nil {
		return nil, false
	}
	age := f.Now().Sub(c.At)
	return c.Values, age >= 0 && age < completeFresh
}

func (f *Factory) keep(key string, values []string) {
	path := f.cacheFile(key)
	if path == "" {
		return
	}
	body, err := json.Marshal(cachedValues{At: f.Now(), Values: values})
	if err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	tmp := path + ".new"
	if os.WriteFile(tmp, body, 0o600) == nil {
		_ = os.Rename(tmp, path) // a cache that could not be kept is only slower
	}
}
