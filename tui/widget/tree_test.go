package widget

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

func named(name string, children ...Node[string]) Node[string] {
	return Node[string]{Key: name, Value: name, Children: children}
}

func forest(t *testing.T) *Tree[string] {
	t.Helper()
	tr := NewTree(skin(t, theme.Mono), func(n *Node[string]) string { return term.SafeLine(n.Value) })
	checkout := named("checkout", named("pod-1", named("app"), named("proxy")), named("pod-2"))
	payments := named("payments", named("pod-3"))
	payments.Closed = true
	tr.Set([]Node[string]{checkout, payments})
	return tr
}

func looks(t *testing.T, tr *Tree[string], want string) {
	t.Helper()
	var lines []string
	for l := range strings.SplitSeq(plainOf(tr.View(30, 20)), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	if got := Join(lines); got != strings.Trim(want, "\n") {
		t.Fatalf("\n%s\nwant:\n%s", got, want)
	}
}

func TestTree(t *testing.T) {
	tr := forest(t)
	looks(t, tr, `
>▾ checkout
 ├─▾ pod-1
 │ ├─  app
 │ └─  proxy
 └─  pod-2
 ▸ payments`)
	tr.Act("list.right") // open already: to the first child
	tr.Act("list.left")  // closes it
	looks(t, tr, `
 ▾ checkout
>├─▸ pod-1
 └─  pod-2
 ▸ payments`)
	tr.Act("list.left") // to what it hangs on
	tr.Act("list.bottom")
	tr.Act("list.right")
	tr.ASCII = true
	looks(t, tr, `
 - checkout
 |-+ pod-1
 `+"`"+`-  pod-2
>- payments
 `+"`"+`-  pod-3`)
	tr.ASCII = false

	require.True(t, tr.Select("proxy"), "opens what is above")
	n, ok := tr.Current()
	require.True(t, ok)
	require.Equal(t, "proxy", n.Value)
	require.False(t, tr.Select("nobody"))

	tr.Filter("pod-3|app")
	looks(t, tr, `
 ▾ checkout
 └─▾ pod-1
   └─  app
>▾ payments
 └─  pod-3`)
	tr.Filter("nothing")
	looks(t, tr, "nothing matches nothing")
	_, ok = tr.Current()
	require.False(t, ok)
	tr.Filter("")
	require.Equal(t, 7, tr.Len())

	tr.Select("pod-2")
	tr.Set([]Node[string]{named("new"), named("checkout", named("pod-0"), named("pod-2"))})
	n, _ = tr.Current()
	require.Equal(t, "pod-2", n.Key, "the cursor stays on its key")
	tr.Set(nil)
	tr.Empty = "no evidence"
	looks(t, tr, "no evidence")
	for _, a := range ListActions() {
		tr.Act(a.ID)
	}
	require.False(t, tr.Act("why.open"))
}

func TestTreeMouse(t *testing.T) {
	tr := forest(t)
	tr.View(30, 4)
	require.True(t, tr.Click(1))
	require.True(t, tr.Click(1), "the second click closes it")
	require.Equal(t, 4, tr.Len())
	require.True(t, tr.Click(1))
	require.False(t, tr.Click(4))
	tr.Scroll(2)
	tr.Scroll(-100)
	require.Contains(t, plainOf(tr.View(30, 4)), "checkout")
}

func TestTreeHoldsItsBounds(t *testing.T) {
	tr := NewTree(skin(t, "default"), func(n *Node[string]) string { return term.SafeLine(n.Value) })
	deep := named("leaf")
	for i, h := range hostile {
		deep = Node[string]{Key: strconv.Itoa(i), Value: h, Children: []Node[string]{deep, {Key: "leaf" + strconv.Itoa(i), Value: h}}}
	}
	tr.Set([]Node[string]{deep, named("other")})
	acts := ListActions()
	for w := 1; w <= 130; w += 1 + w/20 {
		tr.Filter([]string{"", "e", "👩", "~日", "x*", "!zzz"}[w%6])
		for h := 1; h <= 45; h += 1 + h/4 {
			tr.Act(acts[(w*7+h)%len(acts)].ID)
			inBounds(t, tr.View(w, h), w, h)
		}
	}
}
