package runtime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
)

// errConfig marks what a replica needs and cannot have.
var errConfig = errors.New("cannot be configured")

// resolveTimeout bounds the question for one secret.
const resolveTimeout = 10 * time.Second

// inherited are the variables that a process gets from the control plane;
// nothing else is. None of them is ours or secret.
var inherited = []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// prepare makes the command of a replica, and the way to it.
func (r *replica) prepare() (c command, up *upstream, err error) {
	m, rt := r.rev.manifest, r.s.rt
	c = command{
		dir: r.rev.dir, memory: int64(m.Limits.Memory), files: m.Limits.Files, pidFile: filepath.Join(rt.o.Dir, r.name+".pid"),
	}
	if c.path, err = m.Locate(c.dir); err != nil {
		return c, nil, err
	}
	vars, err := r.variables()
	if err != nil {
		return c, nil, err
	}
	set := func(name, value string) { vars = append(vars, name+"="+value) }
	o := gateway.HTTPOptions{Path: invoke}
	up = &upstream{base: "http://unix"}
	if m.Listen == plugin.Port {
		port, err := freePort()
		if err != nil {
			return c, nil, err
		}
		set("AICTL_HOST", "127.0.0.1")
		set("AICTL_PORT", strconv.Itoa(port))
		o.BaseURL = "http://127.0.0.1:" + strconv.Itoa(port)
		up.base, up.dial = o.BaseURL, (&net.Dialer{}).DialContext
	} else {
		o.Socket = filepath.Join(rt.sockets, r.name[strings.LastIndexByte(r.name, '-')+1:]+".sock") // a path has 103 bytes at most
		_ = os.Remove(o.Socket)                                                                     // of the start before
		set("AICTL_SOCKET", o.Socket)
		socket := o.Socket
		up.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
	}
	set(dirVariable, rt.o.Dir)
	set("AICTL_SERVICE", r.s.name)
	set("AICTL_REVISION", r.rev.name)
	set("AICTL_REPLICA", r.name)
	if len(m.Calls) > 0 {
		set("AICTL_GATEWAY_SOCKET", rt.outgoing.path)
		set("AICTL_GATEWAY_TOKEN", rt.outgoing.token(r.s.name))
	}
	// The supervisor hands out the slots; a replica's own bound is for the
	// moment between its answer and the release of a slot.
	set("AICTL_CONCURRENCY", strconv.Itoa(2*m.Scale.Concurrency+16))
	set("AICTL_DRAIN", strconv.FormatFloat(m.Drain.D().Seconds(), 'f', -1, 64))
	if n := maxBody(m); n > 0 {
		set("AICTL_MAX_BODY", strconv.FormatInt(n, 10))
	}
	c.env = vars
	c.args = plugin.Expand(m.Command, func(name string) (string, bool) {
		for _, v := range slices.Backward(vars) {
			if key, value, _ := strings.Cut(v, "="); key == name {
				return value, true
			}
		}
		return "", false
	})
	if up.HTTP, err = gateway.NewHTTP(o); err != nil {
		return c, nil, err
	}
	return c, up, nil
}

func invoke(call *ai.Call) (method, path string) { return "POST", "/invoke/" + call.Operation }

func maxBody(m *plugin.Manifest) (most int64) {
	for _, o := range m.Operations {
		if o.Limits.MaxBody == 0 {
			return 0
		}
		most = max(most, int64(o.Limits.MaxBody))
	}
	return most
}

// variables are those that are inherited and declared, secrets resolved. An
// error names the reference, never a value.
func (r *replica) variables() ([]string, error) {
	var out []string
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+v)
		}
	}
	for _, e := range r.rev.manifest.Env {
		if e.Secret == "" {
			out = append(out, e.Name+"="+e.Value)
			continue
		}
		if r.s.rt.o.Secrets == nil {
			return nil, fmt.Errorf("secret %q not found: this control plane has no secret store: %w", e.Secret, errConfig)
		}
		ctx, cancel := context.WithTimeout(r.stopping, resolveTimeout)
		value, err := r.s.rt.o.Secrets(ctx, e.Secret)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("secret %q not found: %w: %w", e.Secret, err, errConfig)
		}
		if slices.Contains(value, 0) {
			return nil, fmt.Errorf("secret %q has a zero byte, which no variable can hold: %w", e.Secret, errConfig)
		}
		out = append(out, e.Name+"="+string(value))
		clear(value)
	}
	return out, nil
}

// freePort gives a loopback port that is free now. Somebody may take it before
// the process does: then the start fails, and the next one has another.
func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
