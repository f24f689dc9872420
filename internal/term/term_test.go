package term

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func TestColour(t *testing.T) {
	for _, c := range []struct {
		name        string
		env         map[string]string
		out, err    bool // terminals
		wantOut     bool
		wantErr     bool
		wantSpinner bool
	}{
		{"terminal", nil, true, true, true, true, true},
		{"pipe", nil, false, true, false, false, false},
		{"stderr to a file", nil, true, false, true, false, false},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, true, true, false, false, true},
		{"AICTL_NO_COLOR", map[string]string{"AICTL_NO_COLOR": "true"}, true, true, false, false, true},
		{"forced on a pipe", map[string]string{"CLICOLOR_FORCE": "1"}, false, false, true, true, false},
		{"forced off", map[string]string{"CLICOLOR_FORCE": "0"}, false, false, false, false, false},
		{"NO_COLOR beats force", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, true, true, false, false, true},
		{"dumb", map[string]string{"TERM": "dumb"}, true, true, false, false, false},
		{"CI", map[string]string{"CI": "true"}, true, true, true, true, false},
		{"accessible", map[string]string{"ACCESSIBLE": "1"}, true, true, true, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			io, _, _, _ := Test()
			io.StdoutTTY, io.StderrTTY = c.out, c.err
			io.SetEnv(func(k string) string { return c.env[k] })
			require.Equal(t, c.wantOut, io.ColorEnabled)
			require.Equal(t, c.wantErr, io.ErrColorEnabled)
			require.Equal(t, c.wantSpinner, io.Animated())
			require.Equal(t, c.wantOut, strings.Contains(io.Styles().Bad("x"), "\x1b"))
			io.DisableColor()
			require.Equal(t, "x", io.Styles().Bad("x")+io.ErrStyles().Warn(""))
		})
	}
}

func TestSystemOffATerminal(t *testing.T) {
	s := System(func(string) string { return "" })
	require.NotNil(t, s.In)
	require.Positive(t, s.Width)
}

func person(keys string) *IO {
	io, in, _, _ := Test()
	io.StdinTTY, io.StdoutTTY, io.StderrTTY = true, true, true
	in.WriteString(keys)
	return io
}

func TestPromptsNeverWaitOffATerminal(t *testing.T) {
	for _, set := range []func(*IO){
		func(t *IO) { t.StdinTTY = false },
		func(t *IO) { t.StdoutTTY = false },
		func(t *IO) { t.CI = true },
	} {
		io := person("yes\n")
		set(io)
		_, err := io.Confirm("delete it?")
		require.ErrorIs(t, err, fail.Usage.Err())
		require.ErrorIs(t, io.ConfirmName("delete it", "x"), fail.Usage.Err())
		_, err = io.ReadSecret("token: ")
		require.ErrorIs(t, err, fail.Usage.Err())
		_, err = io.Ask("reason: ")
		require.ErrorIs(t, err, fail.Usage.Err())
	}
}

func TestPrompts(t *testing.T) {
	for _, c := range []struct {
		keys string
		want bool
	}{{"y\n", true}, {"YES\r", true}, {"\n", false}, {"n\n", false}, {"nx\x7f\x7fyes\n", true}, {"abc\x15y\n", true}} {
		got, err := person(c.keys).Confirm("go on?")
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%q", c.keys)
	}
	require.NoError(t, person("web\n").ConfirmName("delete web", "web"))
	require.ErrorIs(t, person("wob\n").ConfirmName("delete web", "web"), fail.Canceled.Err())
	for _, keys := range []string{"ab\x03", "\x04", "", "half"} {
		_, err := person(keys).Ask("reason: ")
		require.ErrorIs(t, err, fail.Canceled.Err(), "%q", keys)
	}
	_, err := person("\xff\n").Ask("reason: ")
	require.ErrorIs(t, err, fail.Usage.Err())
}

func TestSecretIsNotShown(t *testing.T) {
	io, in, out, errOut := Test()
	io.StdinTTY, io.StdoutTTY = true, true
	in.WriteString("hünter2\x7f3\r left")
	got, err := io.ReadSecret("token: ")
	require.NoError(t, err)
	require.Equal(t, "hünter3", got)
	require.Equal(t, "token: \r\n", errOut.String())
	require.Empty(t, out.String())
	require.Equal(t, " left", in.String(), "what was typed ahead stays")
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestBrokenPipe(t *testing.T) {
	_, err := NewPipeWriter(failing{&os.PathError{Op: "write", Err: syscall.EPIPE}}).Write([]byte("x"))
	require.ErrorIs(t, err, ErrPipe)
	require.True(t, IsPipe(err))
	_, err = NewPipeWriter(failing{io.ErrShortWrite}).Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.False(t, IsPipe(errors.New("other")))
	stop := CatchSIGPIPE()
	defer stop()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	defer func() { _ = w.Close() }()
	_, err = NewPipeWriter(w).Write([]byte("x"))
	require.ErrorIs(t, err, ErrPipe)
}

func TestPager(t *testing.T) {
	page := func(pager string, tty bool) string {
		t.Helper()
		io, _, out, _ := Test()
		io.StdoutTTY = tty
		io.SetEnv(func(k string) string { return map[string]string{"PAGER": pager}[k] })
		stop, err := io.StartPager(context.Background())
		require.NoError(t, err)
		_, err = io.Out.Write([]byte("a b\n"))
		require.NoError(t, err)
		require.NoError(t, stop())
		return out.String()
	}
	require.Equal(t, "A B\n", page("tr ab AB", true))
	require.Equal(t, "a b\n", page("tr ab AB", false))
	require.Equal(t, "a b\n", page("cat", true))
	require.Equal(t, "a b\n", page("", true))

	io, _, _, _ := Test()
	io.StdoutTTY = true
	io.SetEnv(func(k string) string { return map[string]string{"PAGER": "/nonexistent/pager"}[k] })
	_, err := io.StartPager(context.Background())
	require.ErrorIs(t, err, fail.Usage.Err())
}

func TestWidths(t *testing.T) {
	require.Equal(t, 3, Width("abc"))
	require.Equal(t, 4, Width("世界"))
	require.Equal(t, 3, Width("\x1b[31mabc\x1b[0m"))
	require.Equal(t, "ab…", Truncate("abcdef", 3))
	require.Equal(t, "世…", Truncate("世界人", 4))
	require.Empty(t, Truncate("abc", 0))
	require.Equal(t, "世 |", PadRight("世", 3)+"|")
	require.Equal(t, " 世|", PadLeft("世", 3)+"|")
	require.Equal(t, "a b\nc", Wrap("a b c", 3))
}
