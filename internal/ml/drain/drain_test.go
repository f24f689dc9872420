package drain

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"took 35ms, 1.5s and 1h30m":                              "took <*>, <*> and <*>",
		"connected to 10.0.0.1:8080.":                            "connected to <*>.",
		"id=550e8400-e29b-41d4-a716-446655440000 ok":             "id=<*> ok",
		"user=bob status=500 (retry #3)":                         "user=bob status=<*> (retry #<*>)",
		"block blk_-1608999687919862906 of /10.250.19.102:54106": "block blk_<*> of /<*>",
		"hex 0xDEADBEAF deadbeef12 sha256 v2 utf8 beef":          "hex <*> <*> sha256 v2 utf8 beef",
		"at 2026-01-02T03:04:05.678Z [2026/01/02 03:04:05]":      "at <*> [<*> <*>]",
		"open /var/log/x.log: no such file":                      "open <*>: no such file",
		"GET /healthz https://a.b/c?d=1 to a@b.cd":               "GET /healthz <*> to <*>",
		"node12.example.com fe80::1 -5 +7% 99%":                  "node12.example.com <*> <*> <*> <*>",
		"a <*> stays <*>":                                        "a <*> stays <*>",
		"10.5MiB of 3x4 \"17\" 12µs":                             "<*> of <*> \"<*>\" <*>",
		"  spaces\t and\nlines ":                                 "spaces and lines",
		"":                                                       "",
		"C:\\Users\\x done":                                      "<*> done",
	} {
		require.Equal(t, want, Mask(in), in)
	}
}

// hdfs are lines like those of the HDFS corpus of Loghub, with the template
// each belongs to.
func hdfs(r *rand.Rand, n int) (lines, templates []string) {
	for range n {
		blk := fmt.Sprintf("blk_%d", r.Int64()-1<<62)
		ip := fmt.Sprintf("10.%d.%d.%d:%d", r.IntN(256), r.IntN(256), r.IntN(256), 1024+r.IntN(60000))
		size := r.IntN(1 << 26)
		k := r.IntN(7)
		lines = append(lines, [...]string{
			fmt.Sprintf("Receiving block %s src: /%s dest: /%s", blk, ip, ip),
			fmt.Sprintf("BLOCK* NameSystem.addStoredBlock: blockMap updated: %s is added to %s size %d", ip, blk, size),
			fmt.Sprintf("PacketResponder %d for block %s terminating", r.IntN(3), blk),
			fmt.Sprintf("Received block %s of size %d from /%s", blk, size, strings.Split(ip, ":")[0]),
			fmt.Sprintf("Verification succeeded for %s", blk),
			fmt.Sprintf("Deleting block %s file /mnt/hadoop/dfs/data/current/subdir%d/%s", blk, r.IntN(60), blk),
			fmt.Sprintf("writeBlock %s received exception java.io.IOException: Connection reset by peer", blk),
		}[k])
		templates = append(templates, [...]string{
			"Receiving block blk_<*> src: /<*> dest: /<*>",
			"BLOCK* NameSystem.addStoredBlock: blockMap updated: <*> is added to blk_<*> size <*>",
			"PacketResponder <*> for block blk_<*> terminating",
			"Received block blk_<*> of size <*> from /<*>",
			"Verification succeeded for blk_<*>",
			"Deleting block blk_<*> file <*>",
			"writeBlock blk_<*> received exception java.io.IOException: Connection reset by peer",
		}[k])
	}
	return lines, templates
}

func TestGroupsAsInTheCorpus(t *testing.T) {
	lines, templates := hdfs(rand.New(rand.NewPCG(1, 2)), 5000)
	tree := New(Options{})
	for _, l := range lines {
		tree.Add(l)
	}
	require.Equal(t, 7, tree.Len())
	want := map[string]int64{}
	for i, l := range lines {
		want[templates[i]]++
		require.Equal(t, templates[i], tree.Match(l).Template(), l)
	}
	for _, c := range tree.Clusters() {
		require.Equal(t, want[c.Template()], c.Size, c.Template())
	}
}

func TestWordsThatVary(t *testing.T) {
	tree := New(Options{})
	for _, l := range []string{
		"user davidoh logged in", "user eranr logged in", "connected to 10.0.0.1", "connected to 10.0.0.2",
		"Hex number 0xDEADBEAF", "Hex number 0x10000", "user davidoh logged in",
		"login user=bob from 1.2.3.4 failed", "login user=eve from 1.2.3.5 failed", "", "",
	} {
		tree.Add(l)
	}
	var got []string
	for _, c := range tree.Clusters() {
		got = append(got, fmt.Sprintf("%d %s", c.Size, c.Template()))
	}
	require.Equal(t, []string{
		"3 user <*> logged in", "2 connected to <*>", "2 Hex number <*>", "2 login user=<*> from <*> failed", "2 ",
	}, got)
	require.Nil(t, tree.Match("user faceair was logged in"))
	require.Equal(t, "user <*> logged in", tree.Match("user faceair logged in").Template())
}

func TestBounds(t *testing.T) {
	var gone []string
	tree := New(Options{MaxClusters: 3, MaxChildren: 2, MaxTokens: 4, Evicted: func(c *Cluster) { gone = append(gone, c.Template()) }})
	tree.Add("keep this")
	for i := range 50 {
		tree.Add("w" + strings.Repeat("x", i) + " some words of which there are many")
		tree.Add("keep this")
		require.LessOrEqual(t, tree.Len(), 3)
		require.LessOrEqual(t, len(tree.root), 2)
	}
	require.EqualValues(t, 51, tree.Match("keep this").Size, "the one that is seen is kept")
	for i := range 20 {
		tree.Add(strings.Repeat("a ", i) + "z")
	}
	require.NotEmpty(t, gone)
	for _, n := range tree.root {
		require.NotEmpty(t, tree.leaves(n), "no branch is left behind")
	}
	require.Len(t, tree.Clusters(), tree.Len())
}

func (t *Tree) leaves(n *node) (out []*Cluster) {
	out = append(out, n.clusters...)
	for _, c := range n.children {
		out = append(out, t.leaves(c)...)
	}
	return out
}

func TestMergeAndDeterminism(t *testing.T) {
	lines, _ := hdfs(rand.New(rand.NewPCG(3, 4)), 2000)
	one, again, a, b := New(Options{}), New(Options{}), New(Options{}), New(Options{})
	for i, l := range lines {
		one.Add(l)
		again.Add(l)
		if i%3 == 0 {
			a.Add(l)
		} else {
			b.Add(l)
		}
	}
	show := func(t *Tree) map[string]int64 {
		out := map[string]int64{}
		for _, c := range t.Clusters() {
			out[c.Template()] += c.Size
		}
		return out
	}
	require.Equal(t, show(one), show(again))
	into := a.Merge(b)
	require.Equal(t, show(one), show(a))
	require.Len(t, into, b.Len())
	for from, to := range into {
		require.Equal(t, from.Template(), to.Template())
	}
}

func FuzzAdd(f *testing.F) {
	f.Add("a=b c\nd 1.2.3.4", "x /a/b/c")
	f.Add("<*> \x00 = ==", "'\"([")
	f.Fuzz(func(t *testing.T, a, b string) {
		tree := New(Options{MaxClusters: 2, MaxTokens: 8})
		var size int64
		for range 3 {
			tree.Add(a)
			tree.Add(b)
		}
		for _, c := range tree.Clusters() {
			size += c.Size
			require.NotContains(t, c.Template(), "\x00")
		}
		require.EqualValues(t, 6, size)
		require.NotNil(t, tree.Match(a))
	})
}

func BenchmarkAdd(b *testing.B) {
	lines, _ := hdfs(rand.New(rand.NewPCG(1, 2)), 10_000)
	tree := New(Options{})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		tree.Add(lines[i%len(lines)])
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
