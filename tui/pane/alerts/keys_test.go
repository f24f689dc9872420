package alerts

import (
	"testing"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/tuitest"
)

func TestKeysAreFreeAndExplained(t *testing.T) {
	tuitest.CheckKeys(t, New(tuitest.Env(t, now, feed.Context{Name: "prod"})))
}
