package argv

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLineStaysOneArgumentEach(t *testing.T) {
	for _, word := range []string{
		"web", "a b", "it's", `say "x"`, "$(touch /tmp/x)", "`id`", "a;b", "a|b", "-rf", "~", "*", "", "ü→", "a\\b", "!x", "{a,b}", "#x", "a\nb", "a\x00b", "a\x1b]0;x\x07b",
	} {
		line := Line("printf", "%s|", word, "end")
		require.False(t, strings.ContainsAny(line, "\x00\x1b\n"), "%q", line)
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", line).Output()
		require.NoError(t, err, line)
		require.Equal(t, clean(word)+"|end|", string(out), line)
	}
}
