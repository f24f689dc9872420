package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/aictl/aictl/internal/fail"
)

var (
	label     = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`) // RFC 1035, as Services want it
	opName    = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	quantity  = regexp.MustCompile(`^([0-9]{1,4}(\.[0-9]{1,3})?|[0-9]{1,6}m)$`)
	imageName = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._/:@-]{0,511}$`)
	secretRef = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}:[A-Za-z0-9][A-Za-z0-9._/@#-]{0,510}$`)
	probePath = regexp.MustCompile(`^/[A-Za-z0-9._~/?=&%-]{0,255}$`)
)

// Bounds of what a manifest may ask for.
const (
	maxReplicas   = 100
	maxOperations = 100
	maxTime       = 24 * time.Hour
)

// Check says what is wrong with a manifest that was not parsed (one that came
// as JSON), and fills in its defaults.
func (m *Manifest) Check() error {
	m.normalise()
	if p := check(m); p != nil {
		e := fail.New(fail.Usage, "the manifest of %q: %s: %s", clip(m.Name), p.key, p.text)
		if p.hint != "" {
			e = e.Hint("%s", p.hint)
		}
		return e
	}
	return nil
}

type checker struct{ problem *problem }

func (c *checker) that(ok bool, key, format string, args ...any) bool {
	if !ok && c.problem == nil {
		c.problem = &problem{key: key, text: fmt.Sprintf(format, args...)}
	}
	return ok
}

func (c *checker) within(d Duration, least, most time.Duration, key string) {
	c.that(d == 0 || d.D() >= least && d.D() <= most, key, "%s is not between %s and %s", d, Duration(least), Duration(most))
}

func check(m *Manifest) *problem {
	c := &checker{}
	c.that(m.Name != "", "name", "every service needs a name")
	c.that(label.MatchString(m.Name), "name", "%q is no DNS label: lower case letters, digits and dashes, a letter first, 63 at most", clip(m.Name))
	c.that(m.Version != "" && len(m.Version) <= 64 && !strings.ContainsAny(m.Version, " \t\r\n"), "version", "a version is needed, as 1.4.0 (64 characters at most, no space)")
	c.that(len(m.Summary) <= 300 && !strings.ContainsAny(m.Summary, "\r\n"), "summary", "one line of 300 characters at most")
	c.that(len(m.Reason) <= 500, "reason", "500 characters at most")
	c.kind(m)
	c.operations(m.Operations)
	c.within(m.Probes.Startup.Timeout, 100*time.Millisecond, time.Hour, "probes.startup.timeout")
	c.probe(m.Probes.Readiness, "probes.readiness")
	c.probe(m.Probes.Liveness, "probes.liveness")
	c.within(m.Drain, time.Millisecond, time.Hour, "drain")
	if c.that(m.Limits.Memory == 0 || m.Limits.Memory >= 1<<20, "limits.memory", "%s is less than 1Mi", m.Limits.Memory) {
		c.that(m.Limits.CPU == "" || quantity.MatchString(m.Limits.CPU), "limits.cpu", "%q is no number of processors: 500m, 2 or 0.5", clip(m.Limits.CPU))
	}
	c.that(m.Limits.Files == 0 || m.Limits.Files >= 16 && m.Limits.Files <= 1<<20, "limits.files", "%d is not between 16 and %d", m.Limits.Files, 1<<20)
	c.scale(m)
	c.env(m)
	c.calls(m)
	c.that(m.Metrics == "" || probePath.MatchString(m.Metrics), "metrics", "%q is no path", clip(m.Metrics))
	return c.problem
}

// maxCalls bounds the services that one may call.
const maxCalls = 64

func (c *checker) calls(m *Manifest) {
	c.that(len(m.Calls) == 0 || m.Runtime == Process, "calls", "is for runtime process only, and this is %s", m.Runtime)
	c.that(len(m.Calls) <= maxCalls, "calls", "more than %d services", maxCalls)
	for i, name := range m.Calls {
		key := fmt.Sprintf("calls[%d]", i)
		c.that(label.MatchString(name), key, "%q is no service's name", clip(name))
		c.that(name != m.Name, key, "a service that calls itself never ends")
	}
}

func (c *checker) kind(m *Manifest) {
	only := func(set bool, key, runtime string) {
		c.that(!set || m.Runtime == runtime, key, "is for runtime %s only, and this is %s", runtime, m.Runtime)
	}
	switch m.Runtime {
	case Process:
		if c.that(len(m.Command) > 0, "command", "a process needs a command, as [python3, main.py]") {
			c.that(m.Command[0] != "" && len(m.Command) <= 200, "command", "the program is empty, or there are more than 200 words")
		}
		for i, w := range m.Command {
			c.that(!strings.ContainsRune(w, 0) && len(w) <= 32<<10, fmt.Sprintf("command[%d]", i), "has a zero byte or more than 32 KiB")
		}
		c.that(m.Listen == Socket || m.Listen == Port, "listen", "%q is neither socket nor port", clip(m.Listen))
	case Remote:
		u, err := url.Parse(m.URL)
		c.that(m.URL != "" && err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, "url",
			"a remote service needs an http or https URL without a password")
		c.that(m.Limits == (Resources{}), "limits", "a remote service is not ours to limit")
	case Kubernetes:
		c.that(imageName.MatchString(m.Image), "image", "%q is no image: ghcr.io/you/service:1.4.0", clip(m.Image))
		c.that(m.ImagePort >= 1 && m.ImagePort <= 65535, "image_port", "%d is no port", m.ImagePort)
		c.that(m.Namespace == "" || label.MatchString(m.Namespace), "namespace", "%q is no namespace", clip(m.Namespace))
		c.that(m.MinReplicas() > 0, "scale.min", "an HPA cannot scale to zero: 1 at least")
	case Builtin:
		c.that(false, "runtime", "builtin services are part of the control plane and need no manifest")
	default:
		c.that(false, "runtime", "%q is none of process, remote, kubernetes", clip(m.Runtime))
	}
	only(len(m.Files) > 0, "files", Process)
	only(m.Listen != "", "listen", Process)
	only(m.URL != "", "url", Remote)
	only(m.Image != "", "image", Kubernetes)
	only(m.ImagePort != 0, "image_port", Kubernetes)
	only(m.Namespace != "", "namespace", Kubernetes)
	only(m.Metrics != "", "metrics", Kubernetes)
	c.that(m.Runtime != Remote || len(m.Command) == 0, "command", "a remote service is not started by us")
	for i, f := range m.Files {
		c.that(f != "" && !filepath.IsAbs(f), fmt.Sprintf("files[%d]", i), "must be relative to the manifest's folder")
	}
}

func (c *checker) probe(p Probe, key string) {
	c.that(probePath.MatchString(p.Path), key+".path", "%q is no path", clip(p.Path))
	c.within(p.Period, 50*time.Millisecond, time.Hour, key+".period")
	c.within(p.Timeout, 10*time.Millisecond, time.Minute, key+".timeout")
	c.that(p.Failures >= 1 && p.Failures <= 1000, key+".failures", "%d is not between 1 and 1000", p.Failures)
}

func (c *checker) scale(m *Manifest) {
	if m.Runtime == Remote {
		c.that(m.Scale.Max == 0 && (m.Scale.Min == nil || *m.Scale.Min == 1), "scale", "a remote service is not ours to scale")
		return
	}
	least := m.MinReplicas()
	c.that(least >= 0 && least <= maxReplicas, "scale.min", "%d is not between 0 and %d", least, maxReplicas)
	c.that(m.Scale.Max >= max(least, 1) && m.Scale.Max <= maxReplicas, "scale.max", "%d is not between %d and %d", m.Scale.Max, max(least, 1), maxReplicas)
	c.that(m.Scale.Concurrency >= 1 && m.Scale.Concurrency <= 10_000, "scale.concurrency", "%d is not between 1 and 10000", m.Scale.Concurrency)
	c.within(m.Scale.Idle, 100*time.Millisecond, maxTime, "scale.idle")
	c.that(m.Scale.Idle == 0 || least == 0, "scale.idle", "only a service with min 0 stops when idle")
}

func (c *checker) env(m *Manifest) {
	seen := map[string]bool{}
	for i, e := range m.Env {
		key := fmt.Sprintf("env[%d]", i)
		c.that(envName.MatchString(e.Name), key+".name", "%q is no name of a variable", clip(e.Name))
		c.that(!strings.HasPrefix(e.Name, "AICTL_"), key+".name", "names that begin with AICTL_ are the supervisor's")
		c.that(!seen[e.Name], key+".name", "%s is there twice", e.Name)
		seen[e.Name] = true
		c.that(e.Value == "" || e.Secret == "", key, "a value or a secret, not both")
		c.that(!strings.ContainsRune(e.Value, 0) && len(e.Value) <= 32<<10, key+".value", "has a zero byte or more than 32 KiB")
		c.that(e.Secret == "" || secretRef.MatchString(e.Secret), key+".secret", "is no reference: STORE:PATH, as vault:app/db-password (never the value)")
		if m.Runtime == Remote {
			c.that(false, key, "a remote service has its own environment")
		}
		if m.Runtime == Kubernetes && e.Secret != "" {
			_, _, ok := clusterSecret(e.Secret)
			c.that(ok, key+".secret", "on Kubernetes a secret is one of the cluster: kubernetes:NAMESPACE/NAME/KEY")
		}
	}
}

func (c *checker) operations(all []Operation) {
	c.that(len(all) > 0, "operations", "a service needs one operation at least")
	c.that(len(all) <= maxOperations, "operations", "%d are more than %d", len(all), maxOperations)
	var names []string
	for i := range all {
		if c.problem != nil {
			return
		}
		o, key := &all[i], fmt.Sprintf("operations[%d]", i)
		c.that(opName.MatchString(o.Name), key+".name", "%q is no name: lower case letters, digits, dashes, dots and underscores", clip(o.Name))
		c.that(!slices.Contains(names, o.Name), key+".name", "%s is there twice", o.Name)
		names = append(names, o.Name)
		c.within(o.Limits.Timeout, time.Millisecond, maxTime, key+".limits.timeout")
		c.that(o.Limits.Concurrency >= 0 && o.Limits.Concurrency <= 100_000, key+".limits.concurrency", "%d is out of range", o.Limits.Concurrency)
		c.that(o.Limits.Queue >= 0 && o.Limits.Queue <= 100_000, key+".limits.queue", "%d is out of range", o.Limits.Queue)
		c.that(o.Limits.Queue == 0 || o.Limits.Concurrency > 0, key+".limits.queue", "a queue needs a bound of concurrency")
		c.that(o.Limits.MaxBody <= 1<<30, key+".limits.max_body", "%s is more than 1Gi", o.Limits.MaxBody)
		input, err := compile(o.Input)
		c.that(err == nil, key+".input", "is no JSON Schema: %v", err)
		_, err = compile(o.Output)
		c.that(err == nil, key+".output", "is no JSON Schema: %v", err)
		for j, example := range o.Examples {
			if c.problem != nil {
				return
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(example))
			if err == nil {
				err = input.Validate(value)
			}
			c.that(err == nil, fmt.Sprintf("%s.examples[%d]", key, j), "does not fit the input's schema: %s", oneLine(err))
		}
	}
}

type refuse struct{}

// Load implements jsonschema.URLLoader.
func (refuse) Load(string) (any, error) {
	return nil, errors.New("references outside of the schema are not followed")
}

// compile compiles a schema and makes it canonical. Files and the network are
// never asked.
func compile(raw json.RawMessage) (out *jsonschema.Schema, err error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	switch doc.(type) {
	case map[string]any, bool:
	default:
		return nil, errors.New("it is neither an object nor true or false")
	}
	k := jsonschema.NewCompiler()
	k.DefaultDraft(jsonschema.Draft2020)
	k.UseLoader(refuse{})
	const here = "urn:aictl:manifest"
	if err := k.AddResource(here, doc); err != nil {
		return nil, errors.New(oneLine(err))
	}
	if out, err = k.Compile(here); err != nil {
		return nil, errors.New(oneLine(err))
	}
	return out, nil
}

func oneLine(err error) string {
	if err == nil {
		return ""
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "urn:aictl:manifest", "")), " ")
	if r := []rune(text); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return text
}

// Locate finds the program of a process: one with a slash is relative to dir,
// any other is looked for there first and then on the PATH. The error says
// "executable file not found", the word that verdicts know.
func (m *Manifest) Locate(dir string) (string, error) {
	program := m.Command[0]
	missing := func(where string) error {
		return fail.New(fail.NotFound, "exec: %q: executable file not found in %s", program, where).
			Hint("install %s, or name it by its path in %s", program, FileName)
	}
	inside := filepath.Join(dir, program)
	if filepath.IsAbs(program) {
		inside = program
	}
	if info, err := os.Stat(inside); err == nil && !info.IsDir() {
		if info.Mode().Perm()&0o111 == 0 && strings.ContainsRune(program, '/') {
			return "", fail.New(fail.Refused, "exec: %q: permission denied: it is not executable", program).Hint("chmod +x %s", program)
		}
		if info.Mode().Perm()&0o111 != 0 {
			return inside, nil
		}
	}
	if strings.ContainsRune(program, '/') {
		return "", missing("the manifest's folder")
	}
	found, err := exec.LookPath(program)
	if err != nil {
		return "", missing("$PATH")
	}
	return found, nil
}
