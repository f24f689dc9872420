//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestRsyslogShips: Debian's rsyslogd follows a file and sends it to the
// embedded store by _bulk, as an operator of machines would set it up; every
// line of before and after a restart of the platform is found, by its level,
// service, time and message.
func TestRsyslogShips(t *testing.T) {
	p := testbed.Up(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "app.log")
	const lines = 2_000
	write := func(from, to int) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		defer f.Close()
		for i := from; i < to; i++ {
			level := []string{"info", "warn", "error"}[i%3]
			_, err := fmt.Fprintf(f, `{"@timestamp":%q,"log.level":%q,"service.name":"billing","message":"invoice %d of \"Müller & Söhne\""}`+"\n",
				time.Now().UTC().Format(time.RFC3339Nano), level, i)
			require.NoError(t, err)
		}
	}
	write(0, lines/2)

	conf := filepath.Join(dir, "rsyslog.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, `
global(workDirectory=%[1]q)
module(load="imfile" mode="inotify")
module(load="omelasticsearch")
template(name="line" type="string" string="%%msg%%")
input(type="imfile" file=%[2]q tag="app:" ruleset="ship" addMetadata="off")
ruleset(name="ship" queue.type="LinkedList" queue.size="10000" queue.dequeueBatchSize="200") {
  action(type="omelasticsearch" server=%[3]q uid="shipper" pwd=%[4]q
         template="line" searchIndex="billing" searchType="" bulkmode="on" maxbytes="1m"
         errorFile=%[5]q action.resumeRetryCount="-1" action.resumeInterval="1")
}
`, dir, file, p.URL+"/elasticsearch", p.Token, filepath.Join(dir, "errors")), 0o600))
	testbed.Start(t, "rsyslogd", exec.Command(testbed.Find(t, "rsyslogd", "/usr/sbin/rsyslogd"), "-n", "-f", conf, "-i", filepath.Join(dir, "pid")))

	found := func(want int) {
		t.Helper()
		testbed.Eventually(t, time.Minute, "every line is found", func(context.Context) error {
			seen := map[string]bool{}
			for line := range strings.Lines(p.Run(t, "logs", "--service", "billing", "--since", "10m", "--limit", "10000", "-o", "jsonl")) {
				var e struct{ Level, Service, Message string }
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					return err
				}
				var n int
				if _, err := fmt.Sscanf(e.Message, "invoice %d of", &n); err != nil {
					return fmt.Errorf("%q: %w", line, err)
				}
				require.Equal(t, []string{"info", "warn", "error"}[n%3], e.Level, line)
				require.Contains(t, e.Message, `"Müller & Söhne"`)
				seen[e.Message] = true
			}
			if len(seen) != want {
				said, _ := os.ReadFile(filepath.Join(dir, "errors"))
				return fmt.Errorf("%d of %d; rsyslog noted: %.2000s", len(seen), want, said)
			}
			return nil
		})
	}
	found(lines / 2)
	p.Run(t, "down")
	write(lines/2, lines)
	p.Run(t, "up", "--listen", strings.TrimPrefix(p.URL, "http://"))
	found(lines)
}
